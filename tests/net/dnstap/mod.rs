//! `[dnstap]`: what collectors get, against the packets that were sent and received. The collectors
//! are `fstrm_capture`, whose files BIND's `dnstap-read` and the Python package `dnstap_pb` read,
//! and one of the tests' own that does what it should not.

#![allow(clippy::cast_sign_loss, reason = "counts are whole numbers")]

mod capture;
mod collector;
mod content;
mod unkind;

use super::support;

use std::net::SocketAddr;

use support::client::{Transport, read, receive, send};
use support::daemon::{Daemon, Files};
use support::prometheus::Page;
use support::{fixture, ports};

/// The fixture's files with an admin address, and with these keys in `[dnstap]`.
fn files(keys: &str) -> (Files, u16) {
    let (port, files) = (ports::free(), fixture::files());
    let config = format!(
        "{}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n[dnstap]\nsocket = \"tap.sock\"\n{keys}\n",
        files.text("cvdns.toml")
    );
    (files.with("cvdns.toml", config), port)
}

/// A counter of dnstap.
fn counted(admin: u16, name: &str, labels: &[(&str, &str)]) -> u64 {
    Page::of(admin).get(&format!("cvdns_dnstap_{name}"), labels) as u64
}

/// Sends a message; the client's address and the answer, if one is to come.
fn exchange(
    daemon: &Daemon,
    transport: Transport,
    message: &[u8],
    is_answered: bool,
) -> (SocketAddr, Option<Vec<u8>>) {
    if transport.is_udp() {
        let socket = daemon.client().udp(transport.ip());
        socket.send(message).expect("sent");
        let answer = is_answered.then(|| receive(&socket).expect("an answer"));
        (socket.local_addr().expect("an address"), answer)
    } else {
        let mut stream = daemon.client().tcp(transport.ip());
        send(&mut stream, message);
        let answer = is_answered.then(|| read(&mut stream).expect("an answer"));
        (stream.local_addr().expect("an address"), answer)
    }
}
