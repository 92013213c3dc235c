//! What strangers and web pages do to the admin address.

use crate::support;

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::admin::start;
use support::{PATIENCE, fixture, http};

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// The status of the answer to a request of these lines; `None` if the connection was closed.
fn finish(mut stream: TcpStream, rest: &str) -> Option<u16> {
    stream.write_all(rest.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.split(' ').nth(1)?.parse().ok()
}

fn status(port: u16, request: &str) -> Option<u16> {
    finish(connect(port), request)
}

/// Forty halves of requests are still being waited for when a health check has its answer, however
/// many there are.
#[test]
fn half_requests_do_not_delay_health_checks() {
    const HALF: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: cl";
    let (_daemon, port) = start(fixture::files());
    let half = || {
        let mut stream = connect(port);
        stream.write_all(HALF.as_bytes()).expect("half a request sent");
        stream
    };
    for many in [40, 300] {
        let mut halves: Vec<TcpStream> = (0..many).map(|_| half()).collect();
        for path in ["/healthz", "/readyz"] {
            assert_eq!(http::get(port, path).0, 200, "{path} beside {many} halves");
        }
        // The youngest are answered when they are whole: they did not run into their time limit.
        for half in halves.drain(..).rev().take(30) {
            assert_eq!(finish(half, "ose\r\n\r\n"), Some(200));
        }
    }
}

/// The same with heads that announce a body that does not come.
#[test]
fn half_bodies_do_not_delay_health_checks() {
    let (_daemon, port) = start(fixture::files());
    let head = format!(
        "POST /api/v1/feed/accept HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 13\r\n\r\n{{\"serial\":",
        http::TOKEN
    );
    let mut halves: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = connect(port);
            stream.write_all(head.as_bytes()).expect("half a request sent");
            stream
        })
        .collect();
    assert_eq!(http::get(port, "/healthz").0, 200);
    // There is no such feed.
    assert_eq!(finish(halves.pop().expect("one"), "17}"), Some(409));
    // The others run out of time.
    assert_eq!(finish(halves.pop().expect("one"), ""), Some(408));
}

/// The peer announces more than it sends, and sends no more; or its chunks are none.
#[test]
fn bodies_that_cannot_be_read_are_bad_requests() {
    let (_daemon, port) = start(fixture::files());
    let head = format!(
        "POST /api/v1/feed/accept HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nContent-Type: application/json\r\n",
        http::TOKEN
    );
    for body in [
        "Content-Length: 13\r\n\r\n{\"serial\":",
        "Transfer-Encoding: chunked\r\n\r\nd\r\n{\"serial\":",
        "Transfer-Encoding: chunked\r\n\r\nmany\r\n{\"serial\":",
    ] {
        let mut stream = connect(port);
        stream.write_all(format!("{head}{body}").as_bytes()).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("half closed");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let ends = "\r\n\r\nthe body is cut off or malformed\n";
        assert!(text.starts_with("HTTP/1.1 400 ") && text.ends_with(ends), "{body:?}: {text}");
    }
}

#[test]
fn bodies_are_short() {
    let (_daemon, port) = start(fixture::files());
    let (code, _) =
        http::post(port, "/api/v1/feed/accept", "application/json", &"9".repeat(20_000));
    assert_eq!(code, 413);
}

/// DNS rebinding: the page's own name leads to this address, so that the browser sees one origin.
#[test]
fn names_and_origins_of_others_are_refused() {
    let (daemon, port) = start(fixture::files());
    let ask = |method: &str, path: &str, fields: &str| {
        let body = "{\"serial\":17}";
        let length = body.len();
        let kind =
            format!("Content-Type: application/json\r\nAuthorization: Bearer {}", http::TOKEN);
        status(
            port,
            &format!(
                "{method} {path} HTTP/1.1\r\n{fields}Connection: close\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{body}"
            ),
        )
    };
    let own = format!("Host: 127.0.0.1:{port}\r\n");
    for (method, path, usual) in [
        ("GET", "/metrics", 200),
        ("GET", "/healthz", 200),
        ("GET", "/api/v1/status", 200),
        ("POST", "/api/v1/feed/accept", 409),
    ] {
        for fields in [
            own.clone(),
            "Host: localhost\r\n".to_owned(),
            format!("Host: [::1]:{port}\r\n"),
            format!("{own}Origin: http://127.0.0.1:{port}\r\n"),
        ] {
            assert_eq!(ask(method, path, &fields), Some(usual), "{path} {fields}");
        }
        for fields in [
            "Host: rebound.example\r\n".to_owned(),
            format!("Host: rebound.example:{port}\r\nOrigin: http://rebound.example:{port}\r\n"),
            format!("{own}Origin: http://evil.example\r\n"),
            format!("{own}Origin: null\r\n"),
        ] {
            assert_eq!(ask(method, path, &fields), Some(403), "{path} {fields}");
        }
        // RFC 9112 section 3.2: a request has one Host.
        for fields in [String::new(), format!("{own}Host: rebound.example\r\n")] {
            assert_eq!(ask(method, path, &fields), Some(400), "{path} {fields}");
        }
        let target = format!("http://rebound.example{path}");
        assert_eq!(ask(method, &target, &own), Some(403), "{target}");
    }
    drop(daemon);
}
