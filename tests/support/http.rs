//! A plain HTTP request, as far as the admin address needs one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The token that tests put into the file of `token-file`.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Where requests are sent.
#[derive(Clone, Copy, Debug)]
pub enum To<'t> {
    /// A port of loopback.
    Port(u16),
    /// A Unix socket.
    Socket(&'t Path),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The header fields, with their names in lower case.
    pub fields: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str())
    }
}

/// Sends a request with these lines of header fields; `None` if the server closed the connection.
pub fn request(
    to: To<'_>,
    method: &str,
    path: &str,
    fields: &[&str],
    body: &str,
) -> Option<Answer> {
    let mut fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    if !fields.iter().any(|field| field.to_lowercase().starts_with("host:")) {
        fields.push("Host: localhost".to_owned());
    }
    let fields = fields.join("\r\n");
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{fields}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let text = match to {
        To::Port(port) => {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
            stream.set_read_timeout(Some(super::PATIENCE)).expect("a timeout");
            sent(stream, &request)
        }
        To::Socket(path) => {
            let stream = UnixStream::connect(path).expect("a connection");
            stream.set_read_timeout(Some(super::PATIENCE)).expect("a timeout");
            sent(stream, &request)
        }
    };
    let (head, body) = text.split_once("\r\n\r\n")?;
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Some(Answer { status: status(head), fields, body: body.to_owned() })
}

/// What comes back until the server closes the connection. It may close before all is sent.
fn sent(mut stream: impl Read + Write, request: &str) -> String {
    let _ = stream.write_all(request.as_bytes());
    let mut octets = Vec::new();
    let _ = stream.read_to_end(&mut octets);
    String::from_utf8(octets).expect("text")
}

/// Status and body of a GET request, of metrics as `OpenMetrics`.
pub fn get(port: u16, path: &str) -> (u16, String) {
    let (status, _, body) =
        get_as(port, path, Some("application/openmetrics-text;version=1.0.0,*/*;q=0.1"));
    (status, body)
}

/// Status, content type and body of a GET request that accepts this.
pub fn get_as(port: u16, path: &str, accept: Option<&str>) -> (u16, String, String) {
    let accept = accept.map(|accept| format!("Accept: {accept}\r\n")).unwrap_or_default();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{accept}Connection: close\r\n\r\n");
    let (head, body) = exchange(port, &request);
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let kind = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    (status(&head), kind.map(|(_, kind)| kind.to_owned()).unwrap_or_default(), body)
}

/// Status and body of a POST request that presents the token.
pub fn post(port: u16, path: &str, content_type: &str, body: &str) -> (u16, String) {
    let length = body.len();
    ask(
        port,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             Authorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    )
}

fn ask(port: u16, request: &str) -> (u16, String) {
    let (head, body) = exchange(port, request);
    (status(&head), body)
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// Head and body of an answer.
fn exchange(port: u16, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    stream.set_read_timeout(Some(super::PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

/// The samples of a page of metrics, by name and labels. Every line must be one, or a comment of
/// the format, which ends with `# EOF` (`OpenMetrics` 1.0, "Overall Structure").
pub fn samples(page: &str) -> std::collections::BTreeMap<String, f64> {
    assert!(page.ends_with("# EOF\n"), "{page}");
    let mut out = std::collections::BTreeMap::new();
    for line in page.lines() {
        if ["# HELP ", "# TYPE ", "# EOF"].iter().any(|comment| line.starts_with(comment)) {
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(out.insert(name.to_owned(), value).is_none(), "twice: {name}");
    }
    out
}
