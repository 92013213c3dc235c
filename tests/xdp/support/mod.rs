//! The support of all tests, with servers and clients in namespaces instead of on loopback.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    reason = "each test binary uses its own part of it, and fails by panicking"
)]

#[path = "../../support/client.rs"]
pub mod client;
#[path = "../../support/daemon.rs"]
pub mod daemon;
#[path = "../../support/fixture.rs"]
pub mod fixture;
#[path = "../../support/http.rs"]
pub mod http;
pub mod lab;
#[path = "../../support/left_out.rs"]
pub mod left_out;
#[path = "../../support/name.rs"]
pub mod name;
#[path = "../../support/numbers.rs"]
pub mod numbers;
#[path = "../../support/packet.rs"]
pub mod packet;
pub mod place;
#[path = "../../support/ports.rs"]
pub mod ports;
#[path = "../../support/reply.rs"]
pub mod reply;
#[path = "../../support/rr.rs"]
pub mod rr;
#[path = "../../support/tools.rs"]
pub mod tools;

/// As in the support of all tests.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
