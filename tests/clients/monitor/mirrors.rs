//! Web servers that misbehave: the monitor calls them what they are, and goes on.

use super::network::{self, Mirror, QUICK, database, mirror, round, round_and_log, states};
use super::wicked::{Asked, Talk, Way, Wicked};
use crate::support::ports;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A way of failing: the state that follows at once, words of the note, and what the server does.
struct Case(&'static str, &'static str, &'static str, Way);

const EARLY: &str = "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";

const TIMESTAMP: &str = "/timestamp";
const DAILY: &str = "/daily.cvd";

fn only<T>(asked: &Asked, path: &str, then: impl FnOnce() -> T) -> bool {
    let is = asked.path == path;
    if is {
        then();
    }
    is
}

fn say(
    talk: &mut Talk,
    asked: &Asked,
    path: &str,
    status: &str,
    headers: &str,
    body: &[u8],
) -> bool {
    only(asked, path, || talk.answer(status, headers, body))
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case("good", "up", "", |_, _| false),
    // One failure is none: it is tried again.
    Case("flaky", "up", "", |talk, _| {
        static FAILED: AtomicBool = AtomicBool::new(false);
        !FAILED.swap(true, Ordering::Relaxed) && talk.answer("503 Service Unavailable", "Content-Length: 0\r\n", b"")
    }),
    // RFC 9110 section 15.2: what comes before the final answer says nothing of it, however much
    // follows at once.
    Case("hints", "up", "", |talk, _| { talk.send(EARLY); false }),
    Case("hints-before-a-large-file", "up", "", |talk, asked| {
        talk.send(EARLY);
        let file = [database(28_129), vec![0x1f; 2_000_000]].concat();
        say(talk, asked, DAILY, "200 OK", &format!("Content-Length: {}\r\n", file.len()), &file)
    }),
    Case("hints-without-end", "down", "connected, but no answer within 2s", |talk, _| {
        talk.repeat(EARLY.as_bytes(), Duration::from_millis(1));
        true
    }),
    Case("hang", "down", "connected, but no answer within 2s", |talk, _| { talk.hang(); true }),
    Case("drip", "down", "the answer is not complete within 2s: ", |talk, asked| only(asked, TIMESTAMP, || {
        talk.answer("200 OK", "Content-Length: 1000\r\n", b"");
        talk.repeat(b"1", Duration::from_millis(100));
    })),
    Case("drip-head", "down", "connected, but no answer within 2s", |talk, asked| only(asked, TIMESTAMP, || {
        talk.send("HTTP/1.1 200 OK\r\n");
        talk.repeat(b"X-A: a\r\n", Duration::from_millis(100));
    })),
    Case("redirect", "up", "/timestamp: a redirect (301) to https://elsewhere.example/timestamp", |talk, asked|
        say(talk, asked, TIMESTAMP, "301 Moved Permanently", "Location: https://elsewhere.example/timestamp\r\nContent-Length: 0\r\n", b"")),
    Case("redirect-nowhere", "up", "a redirect (302) to nowhere", |talk, asked|
        say(talk, asked, TIMESTAMP, "302 Found", "Content-Length: 0\r\n", b"")),
    Case("html", "up", "/timestamp: a web page in place of the file", |talk, asked|
        say(talk, asked, TIMESTAMP, "200 OK", "Last-Modified: Tue, 24 Nov 2026 16:00:00 GMT\r\nContent-Length: 20\r\n", b"<html>Welcome</html>")),
    Case("html-database", "up", "/daily.cvd: a web page in place of the file", |talk, asked|
        say(talk, asked, DAILY, "200 OK", "Content-Type: text/html; charset=utf-8\r\nContent-Length: 7\r\n", b"Welcome")),
    Case("endless", "up", "/timestamp: more than 4096 octets, and no end", |talk, asked| only(asked, TIMESTAMP, || {
        talk.answer("200 OK", "", b"");
        talk.repeat(&[b'1'; 1000], Duration::ZERO);
    })),
    Case("endless-chunks", "up", "/timestamp: more than 4096 octets, and no end", |talk, asked| only(asked, TIMESTAMP, || {
        talk.answer("200 OK", "Transfer-Encoding: chunked\r\n", b"");
        talk.repeat(b"5\r\n11111\r\n", Duration::ZERO);
    })),
    Case("endless-head", "up", "not HTTP", |talk, asked| only(asked, TIMESTAMP, || {
        talk.send("HTTP/1.1 200 OK\r\n");
        talk.repeat(&[b'X'; 1000], Duration::ZERO);
    })),
    Case("too-long", "up", "/timestamp: 5000000000 octets, far more than it may have", |talk, asked| only(asked, TIMESTAMP, || {
        talk.answer("200 OK", "Content-Length: 5000000000\r\n", b"");
        talk.repeat(&[b'1'; 1000], Duration::ZERO);
    })),
    Case("short", "up", "the connection is closed after 10 of 20 octets", |talk, asked|
        say(talk, asked, TIMESTAMP, "200 OK", "Content-Length: 20\r\n", b"1795539600")),
    Case("short-chunk", "up", "the connection is closed after 3 octets, before the end", |talk, asked|
        say(talk, asked, TIMESTAMP, "200 OK", "Transfer-Encoding: chunked\r\n", b"a\r\n179")),
    Case("cut-by-length", "up", "\"179553\" is neither Unix seconds nor an RFC 3339 time", |talk, asked|
        say(talk, asked, TIMESTAMP, "200 OK", "Content-Length: 6\r\n", b"1795539600")),
    Case("no-answer", "up", "the connection is closed without an answer", |_, asked| only(asked, TIMESTAMP, || {})),
    Case("not-http", "up", "the answer is not HTTP", |talk, asked| only(asked, TIMESTAMP, || talk.send("SSH-2.0-OpenSSH_9.2p1\r\n\r\n"))),
    Case("two-lengths", "up", "the answer is not HTTP", |talk, asked|
        say(talk, asked, TIMESTAMP, "200 OK", "Content-Length: 1\r\nContent-Length: 2\r\n", b"17")),
    Case("status", "up", "/timestamp: status 503", |talk, asked|
        say(talk, asked, TIMESTAMP, "503 Service Unavailable", "Content-Length: 0\r\n", b"")),
    Case("empty", "up", "\"\" is neither", |talk, asked| say(talk, asked, TIMESTAMP, "200 OK", "Content-Length: 0\r\n", b"")),
    Case("future", "up", "the timestamp is 2100-01-01T00:00:00Z, in the future", |talk, asked|
        say(talk, asked, TIMESTAMP, "200 OK", "Content-Length: 20\r\n", b"2100-01-01T00:00:00Z")),
    Case("one-host", "up", "db.test.clam.example/timestamp: status 404", |talk, asked|
        asked.host.starts_with("db.") && say(talk, asked, TIMESTAMP, "404 Not Found", "Content-Length: 0\r\n", b"")),
    Case("no-database", "up", "/daily.cvd: status 404", |talk, asked| say(talk, asked, DAILY, "404 Not Found", "Content-Length: 0\r\n", b"")),
    // The header is in there all the same, and the rest is left.
    Case("no-range", "up", "", |talk, asked| say(talk, asked, DAILY, "200 OK", "Content-Length: 5000000000\r\n", &database(28_129))),
    Case("wrong-range", "up", "another range than was asked for: bytes 512-1023/3000", |talk, asked|
        say(talk, asked, DAILY, "206 Partial Content", "Content-Range: bytes 512-1023/3000\r\nContent-Length: 512\r\n", &[7; 512])),
    Case("wrong-length", "up", "a wrong length: 100 octets, and 512 were asked for", |talk, asked|
        say(talk, asked, DAILY, "206 Partial Content", "Content-Range: bytes 0-511/3000\r\nContent-Length: 100\r\n", &[7; 100])),
    Case("not-a-database", "up", "not a ClamAV database", |talk, asked|
        say(talk, asked, DAILY, "206 Partial Content", "Content-Range: bytes 0-511/3000\r\nContent-Length: 512\r\n", &[7; 512])),
    Case("database-hangs", "down", "/daily.cvd: connected, but no answer within 2s", |talk, asked| only(asked, DAILY, || talk.hang())),
    Case("refused", "down", "database.clam.example/timestamp: the connection is refused", |_, _| false),
    Case("full", "down", "no connection within 2s", |_, _| false),
];

fn address(n: usize) -> IpAddr {
    format!("127.0.2.{}", n + 1).parse().expect("an address")
}

/// A listener whose queue is full: the system drops what comes then.
fn full(address: SocketAddr) -> (socket2::Socket, Vec<TcpStream>) {
    let socket =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&address.into()).expect("an address of loopback");
    socket.listen(0).expect("listening");
    let fill = || TcpStream::connect_timeout(&address, Duration::from_millis(300));
    let waiting: Vec<TcpStream> = std::iter::from_fn(|| fill().ok()).take(100).collect();
    assert!(waiting.len() < 100, "the queue has an end");
    (socket, waiting)
}

#[test]
fn each_misbehaviour_has_its_name_and_its_state() {
    let port = ports::free();
    let dir = tempfile::tempdir().expect("a directory");
    let host = |name: &str| format!("{name}.example");
    let fleet: Vec<Mirror> = CASES
        .iter()
        .enumerate()
        .map(|(n, Case(name, ..))| mirror(&host(name), &address(n).to_string()))
        .collect();
    network::place(&network::files(&fleet, port, &format!("{QUICK}confirm = 2")), dir.path());
    let now = jiff::Timestamp::now().as_second() - 30 * 3600;
    let mut queue = None;
    let servers: Vec<Option<Wicked>> = CASES
        .iter()
        .enumerate()
        .map(|(n, Case(name, _, _, way))| match *name {
            "refused" => None,
            "full" => {
                queue = Some(full(SocketAddr::new(address(n), port)));
                None
            }
            _ => Some(Wicked::start(address(n), port, now, *way)),
        })
        .collect();

    let (feed, log) = round_and_log(dir.path(), now);
    for Case(name, state, words, _) in CASES {
        let entry = &feed["mirrors"][host(name)];
        assert_eq!(entry["state"], *state, "{name}: {entry}");
        let note = entry["note"].as_str().unwrap_or_default();
        assert!(note.contains(words) && note.is_empty() == words.is_empty(), "{name}: {note}");
        // Whoever fails is in the log, whether that changes its state or not yet.
        let says =
            if *state == "up" { "fails, and stays up for now" } else { "is down, it was up" };
        let line = log
            .lines()
            .find(|line| line.contains(&format!(" {} ", host(name))) && line.contains(says));
        assert_eq!(line.is_some(), !words.is_empty(), "{name}: {log}");
        // Whose versions are not known has none; 28129 is that of a mirror without ranges, too.
        let daily = entry["daily"].as_u64();
        assert_eq!(daily, words.is_empty().then_some(28_129), "{name}: {entry}");
    }

    // Those who answer wrongly are down once they have for `fault-after`.
    let states_at = |seconds: i64| states(&round(dir.path(), now + seconds));
    let found = states_at(15 * 60 - 1);
    for Case(name, state, ..) in CASES {
        assert_eq!(found[&host(name)], *state, "{name}");
    }
    // A day later the timestamps of the good ones are a day old.
    for (seconds, well) in [(15 * 60, "up"), (24 * 3600, "old")] {
        let found = states_at(seconds);
        for Case(name, _, words, _) in CASES {
            let state = if words.is_empty() { well } else { "down" };
            assert_eq!(found[&host(name)], state, "{name} after {seconds} s");
        }
    }
    drop((servers, queue));
}
