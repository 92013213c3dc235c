//! One HTTP request to one address, bounded in time and size.

use std::io::Read;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::HeaderMap;
use ureq::http::header::{
    CONTENT_RANGE, CONTENT_TYPE, HOST, LAST_MODIFIED, LOCATION, RANGE, SERVER,
};
use ureq::unversioned::transport::Connector;
use ureq::{Agent, Body, Error, Timeout};

use super::failure::Failure;
use cvdns_core::problem::excerpt;
use cvdns_io::exchange::{agent, agent_over, with_bounded_head};

/// The `User-Agent` by which mirrors recognise the network's checker (CLIENTS: "Mirror states").
const USER_AGENT: &str = "ClamAV-MirrorCheck";

/// An HTTP client for checks.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    connect_timeout: Duration,
    timeout: Duration,
}

/// A GET request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// The server.
    pub address: SocketAddr,
    /// The virtual host.
    pub host: &'r str,
    /// The path, with its leading slash.
    pub path: &'r str,
    /// Requests this many octets from the start; `None` requests the whole file.
    pub range: Option<u64>,
    /// Reads at most this many octets of the body.
    pub limit: u64,
}

/// A successful answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// 200, or 206 for a range.
    pub status: u16,
    /// Its media type.
    pub content_type: Option<String>,
    /// The value of `Last-Modified`.
    pub last_modified: Option<String>,
    /// The value of `Content-Range`.
    pub content_range: Option<String>,
    /// The value of `Server`.
    pub server: Option<String>,
    /// The announced length, in octets.
    pub length: Option<u64>,
    /// The body, of up to `limit` octets.
    pub body: Vec<u8>,
    /// Whether the body is longer than `limit`.
    pub more: bool,
    /// The time from the request to the last octet.
    pub elapsed: Duration,
}

impl Answer {
    /// Whether the answer is an HTML page.
    pub fn is_html(&self) -> bool {
        let html = |kind: &String| kind.to_ascii_lowercase().starts_with("text/html");
        let begins = self.body.iter().find(|octet| !octet.is_ascii_whitespace()) == Some(&b'<');
        begins
            || self.content_type.as_ref().is_some_and(html)
                && !self.body.starts_with(b"ClamAV-VDB:")
    }
}

impl Client {
    /// A client. `timeout` limits the time from the request to the last octet of the answer,
    /// without the time to connect.
    pub fn new(connect_timeout: Duration, timeout: Duration) -> Self {
        let agent = agent(Self::config(connect_timeout, timeout), Some(timeout));
        Self { agent, connect_timeout, timeout }
    }

    /// The same over connections that `connector` makes, for callers that bring their own.
    pub fn over(connector: impl Connector, connect_timeout: Duration, timeout: Duration) -> Self {
        let config = Self::config(connect_timeout, timeout);
        Self { agent: agent_over(connector, config, Some(timeout)), connect_timeout, timeout }
    }

    fn config(connect_timeout: Duration, timeout: Duration) -> Config {
        with_bounded_head(Agent::config_builder())
            .user_agent(USER_AGENT)
            .accept_encoding("identity")
            // An answer from a proxy would say nothing about the mirror.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(connect_timeout))
            // A server that sends a trickle must not extend the limit of a phase.
            .timeout_global(Some(connect_timeout.saturating_add(timeout)))
            // A connection kept alive would hide that new connections are refused.
            .max_idle_connections(0)
            .build()
    }

    /// Requests a file.
    ///
    /// # Errors
    /// When no answer comes, or its status is no success.
    pub fn get(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let started = Instant::now();
        let url = format!("http://{}{}", request.address, request.path);
        let mut call = self.agent.get(url).header(HOST, request.host).header("Connection", "close");
        if let Some(range) = request.range {
            call = call.header(RANGE, format!("bytes=0-{}", range.saturating_sub(1)));
        }
        let response = call.call().map_err(|error| self.without_answer(error))?;
        let status = response.status();
        let headers = response.headers();
        if status.is_redirection() {
            let location = text(headers, LOCATION.as_str()).unwrap_or_else(|| "nowhere".to_owned());
            return Err(Failure::Redirect { status: status.as_u16(), location });
        }
        if !matches!(status.as_u16(), 200 | 206) {
            return Err(Failure::Status(status.as_u16()));
        }
        let mut answer = Answer {
            status: status.as_u16(),
            content_type: text(headers, CONTENT_TYPE.as_str()),
            last_modified: text(headers, LAST_MODIFIED.as_str()),
            content_range: text(headers, CONTENT_RANGE.as_str()),
            server: text(headers, SERVER.as_str()),
            length: response.body().content_length(),
            ..Answer::default()
        };
        self.read(response.into_body(), request.limit, &mut answer)?;
        answer.elapsed = started.elapsed();
        Ok(answer)
    }

    fn read(&self, body: Body, limit: u64, answer: &mut Answer) -> Result<(), Failure> {
        let read = body.into_reader().take(limit.saturating_add(1)).read_to_end(&mut answer.body);
        let received = answer.body.len() as u64;
        match read.map_err(Error::from) {
            Ok(_) => {}
            // All requested octets are there; how the rest ends does not matter.
            Err(_) if received > limit => {}
            Err(Error::Timeout(_)) => {
                return Err(Failure::BodyTimeout { received, within: self.timeout });
            }
            Err(Error::Protocol(error)) => return Err(Failure::NotHttp(error.to_string())),
            Err(_) => return Err(Failure::ClosedEarly { received, announced: answer.length }),
        }
        answer.more = received > limit;
        answer.body.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(())
    }

    fn without_answer(&self, error: Error) -> Failure {
        use std::io::ErrorKind;
        match error {
            Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                Failure::ConnectTimeout(self.connect_timeout)
            }
            Error::Timeout(_) => Failure::AnswerTimeout(self.timeout),
            Error::Io(error) => match error.kind() {
                ErrorKind::ConnectionRefused => Failure::Refused,
                ErrorKind::HostUnreachable => Failure::Unreachable,
                ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe => Failure::NoAnswer,
                _ => Failure::Local(error.to_string()),
            },
            Error::LargeResponseHeader(..) => Failure::NotHttp("its head has no end".to_owned()),
            Error::Protocol(error) => Failure::NotHttp(error.to_string()),
            error => Failure::Local(error.to_string()),
        }
    }
}

/// The value of a header, made printable for a line of a log.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    let value = String::from_utf8_lossy(value.as_bytes());
    // A tab is whitespace as a space is (RFC 9110 section 5.6.3).
    Some(excerpt(&value.replace('\t', " "), 200))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// What a server does with an accepted connection.
    type Way = fn(&mut TcpStream);

    /// The time limit of the answer starts with the request, whatever the time to connect.
    #[test]
    fn the_time_for_an_answer_begins_with_the_request() {
        let silent: Way = |_| std::thread::sleep(Duration::from_secs(60));
        let drips_head: Way = |stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        let drips_body: Way = |stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        let hints: Way = |stream| while stream.write_all(b"HTTP/1.1 103 x\r\n\r\n").is_ok() {};
        let client = Client::new(Duration::from_secs(90), Duration::from_millis(500));
        for (way, name) in [
            (silent, "answer-timeout"),
            (drips_head, "answer-timeout"),
            (hints, "answer-timeout"),
            (drips_body, "body-timeout"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            std::thread::spawn(move || way(&mut listener.accept().unwrap().0));
            let started = Instant::now();
            let request =
                Request { address, host: "h", path: "/timestamp", range: None, limit: 100_000 };
            let failure = client.get(&request).unwrap_err();
            assert_eq!(failure.name(), name);
            assert!(failure.to_string().contains("within 500ms"), "{failure}");
            assert!(started.elapsed() < Duration::from_secs(45), "{name}: {:?}", started.elapsed());
        }
        // A response header without an end is reported as such.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
        });
        let request = Request { address, host: "h", path: "/", range: None, limit: 1 };
        let client = Client::new(Duration::from_secs(5), Duration::from_secs(30));
        assert_eq!(
            client.get(&request).unwrap_err(),
            Failure::NotHttp("its head has no end".to_owned())
        );
    }
}
