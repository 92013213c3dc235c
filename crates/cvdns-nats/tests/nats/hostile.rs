//! Servers that are none, hang, or send garbage: nothing of it stays.

use std::io::Read;

use cvdns_nats::ErrorKind;

use super::bad_server::{BadServer, INFO};
use super::heard::Heard;
use super::ports;
use super::server::settings;

#[test]
fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let silent = BadServer::start(ports::free(), |mut stream| {
        let mut buffer = [0; 4096];
        while matches!(stream.read(&mut buffer), Ok(1..)) {}
    });
    let mut heard = Heard::new(&settings(&[silent.port]));
    let what = heard.unavailable(ErrorKind::Timeout);
    assert!(what.contains(&format!("nats://127.0.0.1:{}", silent.port)), "{what}");
    heard.unavailable(ErrorKind::Timeout);
}

#[test]
fn a_server_that_greets_and_then_says_nothing_is_given_up() {
    let silent = BadServer::greeting(ports::free(), Vec::new(), false);
    let mut heard = Heard::new(&settings(&[silent.port]));
    heard.connected();
    heard.unavailable(ErrorKind::Timeout);
    heard.connected();
}

#[test]
fn garbage_ends_the_connection_and_nothing_else() {
    let messages: [&[u8]; 9] = [
        b"\xff\xfe\xfd\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"-ERR\r\n",
        b"MSG live.cvdns.feed 1 18446744073709551615\r\nx\r\n",
        b"MSG live.cvdns.feed 1 18446744073709551600\r\nx\r\n",
        b"HMSG live.cvdns.feed 1 20 10\r\nNATS/1.0\r\n\r\nx\r\n",
        b"HMSG live.cvdns.feed 1 13 13\r\nNATS/1.0\r\n\xff\r\n\r\n",
        b"HMSG live.cvdns.feed 1 12 12\r\nNATS/9.9\r\n\r\n\r\n",
        b"MSG a b c d e f\r\n",
    ];
    for garbage in messages {
        let server = BadServer::greeting(ports::free(), garbage.to_vec(), false);
        let mut heard = Heard::new(&settings(&[server.port]));
        heard.connected();
        let what = heard.unavailable(ErrorKind::Disconnected);
        heard.connected();
        assert_eq!(what, "the connection ended", "{}", garbage.escape_ascii());
    }
}

#[test]
fn octets_without_an_end_are_not_kept() {
    let server = BadServer::greeting(ports::free(), vec![b'x'; 1 << 16], true);
    let mut heard = Heard::new(&settings(&[server.port]));
    heard.connected();
    heard.unavailable(ErrorKind::Flood);
    heard.connected();
}

#[test]
fn a_greeting_that_is_none_says_so() {
    for (greeting, kind) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], ErrorKind::Unreachable),
        (b"", ErrorKind::Unreachable),
        (b"INFO {\r\n", ErrorKind::Unreachable),
        (b"INFO {\"server_id\":7}\r\n", ErrorKind::Unreachable),
        (&INFO[..20], ErrorKind::Unreachable),
    ] {
        let server = BadServer::start(ports::free(), move |mut stream| {
            let _ = std::io::Write::write_all(&mut stream, greeting);
        });
        let mut heard = Heard::new(&settings(&[server.port]));
        heard.unavailable(kind);
    }
}
