//! The web side of the network: freshclam and cvdupdate in namespaces of their own, nginx as a
//! mirror and as the source of feeds, the coordinator, its pages in Chromium (tests/README.md).

#![allow(clippy::too_many_lines, reason = "a test tells one story, or has a table of cases")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../asking/mod.rs"]
mod asking;
#[path = "../support/mod.rs"]
mod support;

mod browser;
mod debian;
mod feed_cli;
mod feed_sources;
mod feed_url;
mod monitor;
mod nats;
mod overrides_url;
mod updates;
