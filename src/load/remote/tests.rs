use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flate2::{Compression, write::GzEncoder};

use super::*;

const SHORT: FetchTimeouts = FetchTimeouts {
    connect: Duration::from_millis(500),
    total: Duration::from_secs(1),
    idle: None,
};

/// Starts a web server that calls `behave` with each connection and the head of its request.
/// Returns its URL.
fn server(behave: impl Fn(&mut TcpStream, &str) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/feed.json", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut octet = [0];
            while !head.ends_with(b"\r\n\r\n")
                && stream.read(&mut octet).is_ok_and(|count| count > 0)
            {
                head.push(octet[0]);
            }
            behave(&mut stream, &String::from_utf8_lossy(&head));
        }
    });
    url
}

/// Starts a server that sends these octets to each client and closes the connection.
fn sends(octets: impl Into<Vec<u8>>) -> String {
    let octets = octets.into();
    server(move |stream, _| drop(stream.write_all(&octets)))
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn fetch(url: &str) -> Result<Fetched, FetchError> {
    Fetcher::new(url, &TrustedRoots::System, false, SHORT).fetch()
}

/// Reason and text of the failure to fetch from a server.
fn refusal(url: &str) -> (&'static str, String) {
    let error = fetch(url).unwrap_err();
    (error.reason(), error.to_string())
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

fn document(octets: &[u8]) -> Fetched {
    Fetched::New { octets: octets.to_vec(), signature: None }
}

#[test]
fn a_document_is_fetched_however_it_is_framed() {
    let packed = gzip(b"{\"a\": 1}\n");
    for octets in [
        answer("200 OK", b"{\"a\": 1}\n"),
        answer("200 OK\r\nContent-Encoding: gzip", &packed),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n5\r\n: 1}\n\r\n0\r\n\r\n"
            .to_vec(),
        b"HTTP/1.0 200 OK\r\n\r\n{\"a\": 1}\n".to_vec(),
    ] {
        assert_eq!(fetch(&sends(octets)), Ok(document(b"{\"a\": 1}\n")));
    }
}

/// The octets that a server sends, the reason of the failure, and words of its text.
type Failing<'f> = (Vec<u8>, &'f str, &'f str);

fn assert_failures(cases: impl IntoIterator<Item = Failing<'static>>) {
    for (octets, reason, words) in cases {
        let start = String::from_utf8_lossy(&octets[..octets.len().min(80)]).into_owned();
        let (found, text) = refusal(&sends(octets));
        assert!(found == reason && text.contains(words), "{start:?}: {found}: {text}");
    }
}

#[test]
fn broken_http_has_a_name() {
    assert_failures([
        (Vec::new(), "closed", "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le".to_vec(), "closed", "closed without an answer"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\": 1}".to_vec(),
            "closed",
            "before the end",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n".to_vec(),
            "closed",
            "before the end",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"a\": 1}".to_vec(),
            "cut",
            "Content-Length too small",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{\"a\": 1}".to_vec(),
            "length",
            "length of its answer",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nContent-Length: 9\r\n\r\n{\"a\": 1}".to_vec(),
            "length",
            "conflicting",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{".to_vec(),
            "too-large",
            "over 16 MiB",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(), "protocol", "no HTTP"),
        (
            format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)).into(),
            "protocol",
            "head of its answer",
        ),
    ]);
}

#[test]
fn responses_without_a_document_have_a_name() {
    assert_failures([
        (
            answer("301 Moved\r\nLocation: http://127.0.0.1:1/x", b""),
            "redirect",
            "write http://127.0.0.1:1/x",
        ),
        (answer("302 Found\r\nLocation: http://127.0.0.1:1/x", b"<p>"), "redirect", "status 302"),
        (answer("404 Not Found", b"<html>no</html>"), "status", "status 404 instead of 200"),
        (answer("304 Not Modified", b""), "status", "status 304"),
        (answer("503 Busy", b""), "status", "status 503"),
        (answer("206 Partial Content", b"{}"), "status", "status 206"),
    ]);
}

#[test]
fn documents_that_are_no_feed_have_a_name() {
    let gzipped = |body: &[u8]| answer("200 OK\r\nContent-Encoding: gzip", body);
    let broken = {
        let mut packed = gzip(b"{\"a\": 1}");
        packed[12] ^= 0xff;
        packed
    };
    assert_failures([
        (answer("200 OK\r\nContent-Type: text/html; charset=utf-8", b"log in"), "html", "HTML"),
        (answer("200 OK\r\nContent-Type: application/json", b"\n <!DOCTYPE html>"), "html", "HTML"),
        (
            answer("200 OK\r\nContent-Encoding: br", b"x"),
            "encoding",
            "\"br\"; expected plain or gzip",
        ),
        (gzipped(&broken), "encoding", "gzip that is broken"),
        (gzipped(&gzip(b"{\"a\": 1}")[..20]), "cut", "ends in the middle"),
        (gzipped(&gzip(&vec![b' '; 64 << 20])), "too-large", "over 16 MiB"),
    ]);
}

#[test]
fn slow_servers_are_given_up() {
    let hang = server(|_, _| std::thread::sleep(Duration::from_secs(30)));
    let drip = server(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{");
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let drip_head = server(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let endless = server(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{");
        while stream.write_all(&[b' '; 4096]).is_ok() {}
    });
    for (url, reason, words) in [
        (hang.clone(), "answer-timeout", "no answer within 1s"),
        (drip, "end-timeout", "did not end within 1s"),
        (drip_head, "answer-timeout", "no answer within 1s"),
        (endless, "too-large", "over 16 MiB"),
        // The server accepts the connection and never answers the TLS handshake.
        (hang.replace("http:", "https:"), "connect-timeout", "no connection within 500ms"),
    ] {
        let started = Instant::now();
        let given = TrustedRoots::Given(Vec::new());
        let error = Fetcher::new(&url, &given, false, SHORT).fetch().unwrap_err();
        assert!(
            error.reason() == reason && error.to_string().contains(words),
            "{}: {error}",
            error.reason()
        );
        assert!(started.elapsed() < Duration::from_secs(10), "{reason}");
    }
}

#[test]
fn connections_that_fail_are_told_apart() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(refusal(&format!("http://{nobody}/")).0, "refused");
    // A label of 64 octets is in no name (RFC 1035 section 2.3.4): no resolver is asked.
    let (reason, text) = refusal(&format!("http://{}.invalid/", "a".repeat(64)));
    assert!(reason == "unresolved" && text.contains("cannot be resolved"), "{reason}: {text}");
    let given = TrustedRoots::Given(Vec::new());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = format!("https://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        listener.accept().unwrap().0.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    });
    let error = Fetcher::new(&plain, &given, false, SHORT).fetch().unwrap_err();
    assert_eq!(error.reason(), "tls", "{error}");
}

/// Starts a server with a document and its signature, which notes path and `If-None-Match` of each
/// request.
fn signing(
    requests: &Arc<Mutex<Vec<String>>>,
    signature_status: &Arc<Mutex<&'static str>>,
) -> String {
    let (requests, status) = (requests.clone(), signature_status.clone());
    server(move |stream, head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let etag = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("if-none-match: ").map(str::to_owned)
        });
        requests.lock().unwrap().push(format!("{path} {}", etag.as_deref().unwrap_or("-")));
        let octets = match (path, etag) {
            ("/feed.json.minisig?k=v", _) => answer(*status.lock().unwrap(), b"signed"),
            (_, Some(_)) => answer("304 Not Modified", b""),
            _ => answer("200 OK\r\nETag: \"one\"", b"{}"),
        };
        let _ = stream.write_all(&octets);
    })
}

#[test]
fn an_etag_is_remembered_once_document_and_signature_were_read() {
    let (requests, status) = (Arc::default(), Arc::new(Mutex::new("404 Not Found")));
    let url = format!("{}?k=v", signing(&requests, &status));
    let mut fetcher = Fetcher::new(&url, &TrustedRoots::System, true, SHORT);
    let signed = Fetched::New { octets: b"{}".to_vec(), signature: Some(b"signed".to_vec()) };
    let asked = || std::mem::take(&mut *requests.lock().unwrap());

    let error = fetcher.fetch().unwrap_err();
    assert_eq!((error.part, error.reason()), (FetchedPart::Signature, "status"));
    assert_eq!(error.to_string(), "its signature: status 404 instead of 200");
    assert_eq!(asked(), ["/feed.json?k=v -", "/feed.json.minisig?k=v -"]);
    *status.lock().unwrap() = "200 OK";
    assert_eq!(fetcher.fetch().unwrap(), signed);
    assert_eq!(asked(), ["/feed.json?k=v -", "/feed.json.minisig?k=v -"]);
    assert_eq!(fetcher.fetch().unwrap(), Fetched::NotModified);
    assert_eq!(asked(), ["/feed.json?k=v \"one\""]);
    fetcher.forget_etag();
    assert_eq!(fetcher.fetch().unwrap(), signed);
    assert_eq!(asked(), ["/feed.json?k=v -", "/feed.json.minisig?k=v -"]);
}

#[test]
fn patience_follows_the_interval() {
    for (interval, connect, total, idle) in [
        (1, 3, 3, Some(31)),
        (10, 5, 10, Some(40)),
        (60, 5, 30, Some(90)),
        (61, 5, 30, None),
        (600, 5, 30, None),
    ] {
        let [interval, connect, total] = [interval, connect, total].map(Duration::from_secs);
        let idle = idle.map(Duration::from_secs);
        assert_eq!(FetchTimeouts::of(interval), FetchTimeouts { connect, total, idle });
    }
}

/// A document of 300 KB, far more than is read at once.
fn large() -> Vec<u8> {
    format!("{{\"a\": \"{}\"}}\n", "x".repeat(300_000)).into_bytes()
}

/// RFC 9110 section 15.2: a client must be able to parse one or more 1xx responses before the final
/// one.
#[test]
fn interim_responses_are_passed_over() {
    const EARLY: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";
    let small = b"{\"a\": 1}\n".to_vec();
    for body in [&small, &large()] {
        let whole = answer("200 OK", body);
        for interim in [
            EARLY.to_vec(),
            EARLY.repeat(40),
            b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
            b"HTTP/1.1 100 Continue\r\nDate: Sun, 29 Nov 2026 10:00:00 GMT\r\n\r\n".to_vec(),
            [b"HTTP/1.1 102 Processing\r\nContent-Length: 7\r\n\r\n", EARLY].concat(),
        ] {
            let octets = [interim.as_slice(), &whole].concat();
            assert_eq!(fetch(&sends(octets.clone())), Ok(document(body)), "at once");
            // The head comes an octet at a time.
            let slow = server(move |stream, _| {
                stream.set_nodelay(true).unwrap();
                let (head, rest) = octets.split_at(interim.len() + 20);
                for octet in head.chunks(if head.len() > 1000 { 333 } else { 1 }) {
                    let _ = stream.write_all(octet);
                    std::thread::yield_now();
                }
                let _ = stream.write_all(rest);
            });
            assert_eq!(fetch(&slow), Ok(document(body)), "in pieces");
        }
    }
    let switch = answer("101 Switching Protocols\r\nUpgrade: x", b"");
    assert_eq!(refusal(&sends(switch)).1, "status 101 instead of 200");
    // Endless ones, whether each is short or the first one never ends.
    let hints = server(|stream, _| while stream.write_all(EARLY).is_ok() {});
    assert_eq!(refusal(&hints).0, "answer-timeout");
    let hint = server(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 103 Early Hints\r\n");
        while stream.write_all(b"Link: </x>\r\n").is_ok() {}
    });
    assert_eq!(refusal(&hint).0, "protocol");
}

/// The time limit is one for the whole fetch, which includes the signature.
#[test]
fn document_and_signature_share_their_time() {
    let url = server(|stream, head| {
        if head.contains(".minisig") {
            std::thread::sleep(Duration::from_secs(60));
        }
        std::thread::sleep(Duration::from_millis(600));
        let _ = stream.write_all(&answer("200 OK", b"{}"));
    });
    let timeouts = FetchTimeouts { total: Duration::from_secs(2), ..SHORT };
    let started = Instant::now();
    let error = Fetcher::new(&url, &TrustedRoots::System, true, timeouts).fetch().unwrap_err();
    assert_eq!((error.part, error.reason()), (FetchedPart::Signature, "answer-timeout"));
    assert!(started.elapsed() < Duration::from_secs(20));
}

/// The number of the connection of each request.
type Connections = Arc<Mutex<Vec<usize>>>;

/// Starts a server that answers this many requests on a connection, with `ETag`s, and then closes
/// it without notice.
fn keeping(requests: usize) -> (String, Connections) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/feed.json", listener.local_addr().unwrap());
    let seen = Connections::default();
    let noted = seen.clone();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            for _ in 0..requests {
                let mut head = Vec::new();
                let mut octet = [0];
                while !head.ends_with(b"\r\n\r\n")
                    && stream.read(&mut octet).is_ok_and(|count| count > 0)
                {
                    head.push(octet[0]);
                }
                let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
                if head.is_empty() {
                    break;
                }
                noted.lock().unwrap().push(number);
                let octets = if head.contains("if-none-match") {
                    b"HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\n\r\n".to_vec()
                } else {
                    answer("200 OK\r\nETag: \"one\"", b"{}")
                };
                let _ = stream.write_all(&octets);
                if head.contains("connection: close") {
                    break;
                }
            }
        }
    });
    (url, seen)
}

#[test]
fn a_connection_is_kept_where_the_next_fetch_is_soon() {
    let fetches = |url: &str, signed, idle: Option<u64>| {
        let timeouts = FetchTimeouts { idle: idle.map(Duration::from_secs), ..SHORT };
        let mut fetcher = Fetcher::new(url, &TrustedRoots::System, signed, timeouts);
        for number in 0..4 {
            let fetched = fetcher.fetch().unwrap();
            assert_eq!(fetched == Fetched::NotModified, number > 0);
        }
    };
    let (url, seen) = keeping(usize::MAX);
    fetches(&url, false, Some(60));
    assert_eq!(*seen.lock().unwrap(), [0; 4]);
    // With the signature, it is the same connection for both.
    let (url, seen) = keeping(usize::MAX);
    fetches(&url, true, Some(60));
    assert_eq!(*seen.lock().unwrap(), [0; 5]);
    let (url, seen) = keeping(usize::MAX);
    fetches(&url, false, None);
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 3]);
    // If the server has closed it, another one is opened, and that is no failure.
    let (url, seen) = keeping(2);
    fetches(&url, false, Some(60));
    assert_eq!(*seen.lock().unwrap(), [0, 0, 1, 1]);
}

/// A request whose connection is closed without a response is sent again only if the connection was
/// kept, and may have been closed before the request arrived.
#[test]
fn a_connection_that_was_closed_meanwhile_is_no_failure() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = asked.clone();
    // The server answers the first request on a connection and closes it upon the second.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/feed.json", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            for round in 0..2 {
                let mut octets = [0; 4096];
                if stream.read(&mut octets).unwrap_or_default() == 0 {
                    break;
                }
                noted.lock().unwrap().push((number, round));
                if round == 0 && number < 2 {
                    let _ = stream.write_all(&answer("200 OK", b"{}"));
                } else {
                    break;
                }
            }
        }
    });
    let timeouts = FetchTimeouts { idle: Some(Duration::from_secs(60)), ..SHORT };
    let mut fetcher = Fetcher::new(&url, &TrustedRoots::System, false, timeouts);
    assert_eq!(fetcher.fetch(), Ok(document(b"{}")));
    assert_eq!(fetcher.fetch(), Ok(document(b"{}")));
    // If the new connection is closed as well, the fetch fails.
    assert_eq!(fetcher.fetch().unwrap_err().reason(), "closed");
    assert_eq!(*asked.lock().unwrap(), [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]);
}

#[test]
fn a_byte_order_mark_hides_nothing() {
    let marked = |text: &str| answer("200 OK", format!("\u{feff}{text}").as_bytes());
    assert_eq!(fetch(&sends(marked("{}"))), Ok(document("\u{feff}{}".as_bytes())));
    assert_eq!(refusal(&sends(marked("<html>"))).0, "html");
    assert_eq!(refusal(&sends(marked("{\"a\": 1"))).0, "cut");
}
