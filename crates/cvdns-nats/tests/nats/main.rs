//! Documents through real nats-servers, alone and as three nodes, and through servers that
//! misbehave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(unreachable_pub)]
#[path = "../../../../tests/support/bad_header.rs"]
mod bad_header;
mod bad_server;
mod cluster;
mod documented;
mod follow;
mod heard;
mod hostile;
mod lease;
mod messages;
mod permissions;
#[allow(unreachable_pub)]
#[path = "../../../../tests/support/ports.rs"]
mod ports;
mod publish;
mod raw;
mod server;
mod set_up;

use std::time::Duration;

use cvdns_nats::{Document, Key};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(90);
/// Most octets of the documents of these tests.
const LIMIT: usize = 1 << 20;

fn key() -> Key {
    Key { name: "feed".parse().unwrap(), limit: LIMIT }
}

/// A document with a serial, which pads it to about this many octets.
fn document(serial: u64, padding: usize) -> Document {
    let octets = format!("{serial} {}", "x".repeat(padding)).into_bytes();
    Document { octets, signature: Some(format!("signature of {serial}").into_bytes()) }
}

fn serial(document: &Document) -> u64 {
    let text = std::str::from_utf8(&document.octets).unwrap();
    text.split_once(' ').unwrap().0.parse().unwrap()
}
