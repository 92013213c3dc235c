//! A plain HTTP request, as far as the admin address needs one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

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

/// Status and body of a POST request.
pub fn post(port: u16, path: &str, content_type: &str, body: &str) -> (u16, String) {
    let length = body.len();
    ask(
        port,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
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
