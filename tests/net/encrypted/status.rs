//! What operators see of encrypted transports.

use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;

use super::doh::post;
use super::doq::{self, query};
use super::{Encrypted, ask_tls, tls};
use crate::support::client::framed;
use crate::support::{http, rr};

/// `cvdns status` and the API have addresses, queries, open connections and the certificate's end.
#[test]
fn status_shows_encrypted_transports() {
    let (server, admin) = Encrypted::observed("");
    let soa = query("clam.example", rr::SOA).build();
    let mut stream = tls(server.dot, &[b"dot"]).expect("connected");
    for _ in 0..3 {
        assert!(ask_tls(&mut stream, &soa).is_some());
    }
    let quic = doq::Client::new(b"doq");
    let connection = quic.connect(server.doq).expect("connected");
    assert!(quic.exchange(&connection, &framed(&soa)).is_some());
    assert_eq!(post(server.doh, "application/dns-message", &soa).status, 200);
    let shown = || {
        let (code, body) = http::get(admin, "/api/v1/status");
        assert_eq!(code, 200, "{body}");
        let status: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        status["encrypted"].clone()
    };
    // The client has its answer before the server has counted it, and the end.
    server.daemon.until("all answers and the end over HTTPS", || {
        let transports = &shown()["transports"];
        let answered = [0, 1, 2].map(|number: usize| transports[number]["answered"].clone());
        answered == [3, 1, 1] && transports[2]["connections"] == 0
    });
    let shown = shown();
    for (number, (transport, port, queries, open)) in
        [("tls", server.dot, 3, 1), ("quic", server.doq, 1, 1), ("https", server.doh, 1, 0)]
            .into_iter()
            .enumerate()
    {
        assert_eq!(
            shown["transports"][number],
            serde_json::json!({
                "transport": transport, "addresses": [format!("127.0.0.1:{port}")],
                "queries": queries, "answered": queries, "connections": open,
                "failed_handshakes": 0,
            })
        );
    }
    let mut status = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let output = status.arg("status").current_dir(server.daemon.path()).output().expect("it ran");
    let page = String::from_utf8(output.stdout).expect("text");
    for line in [
        &format!(
            "encrypted tls on 127.0.0.1:{}: 3 queries, 3 answered (1 connection open now)",
            server.dot
        ),
        ": 1 query, 1 answered (0 connections open now)",
        "the certificate expires at 20",
        "(in 89d",
    ] {
        assert!(page.contains(line), "no {line:?} in\n{page}");
    }
}

/// Handshakes that fail are counted, over each transport.
#[test]
fn failed_handshakes_are_counted() {
    let (server, admin) = Encrypted::observed("");
    for port in [server.dot, server.doh] {
        assert!(tls(port, &[b"xmpp"]).is_err());
    }
    assert!(doq::Client::new(b"h3").connect(server.doq).is_err());
    let failed = |transport: &str| {
        let (_, page) = http::get(admin, "/metrics");
        let series = "cvdns_encrypted_connections_ended_total";
        let series = format!("{series}{{transport=\"{transport}\",how=\"handshake\"}}");
        http::samples(&page)[&series]
    };
    for transport in ["tls", "quic", "https"] {
        server.daemon.until("one failed handshake", || failed(transport) > 0.5);
    }
    // One that never ends is counted as well, after its time.
    let _silent = TcpStream::connect((Ipv4Addr::LOCALHOST, server.dot)).expect("connected");
    server.daemon.until("another one", || failed("tls") > 1.5);
}

/// `_whoami` tells the transport of a query.
#[test]
fn whoami_tells_the_transport() {
    let server = Encrypted::start();
    let message = query("_whoami.clam.example", rr::TXT).build();
    let mut stream = tls(server.dot, &[b"dot"]).expect("connected");
    let quic = doq::Client::new(b"doq");
    let connection = quic.connect(server.doq).expect("connected");
    let answers = [
        ("tls", ask_tls(&mut stream, &message).expect("an answer")),
        ("quic", quic.exchange(&connection, &framed(&message)).expect("an answer")),
        ("https", post(server.doh, "application/dns-message", &message).body),
    ];
    for (label, answer) in answers {
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(text.contains(label), "{label}: {text:?}");
    }
}
