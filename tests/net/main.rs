//! The real `cvdns`: its commands, and its daemon on loopback sockets (tests/README.md).

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

mod admin;
mod admin_abuse;
mod affinity;
mod answers;
mod checks;
mod control;
mod cvd;
mod database;
mod dnstap;
mod echo;
mod encrypted;
mod explain_cli;
mod feed;
mod feed_state;
mod feed_trust;
mod flood;
mod gate;
mod init;
mod limits;
mod log;
mod metrics;
mod not_for;
mod overrides;
mod panics;
mod pointers_in_queries;
mod portable;
mod record_files;
mod samples;
mod sandbox;
mod secondary;
mod settling;
mod shortage;
mod simulate;
mod status;
mod stuck;
mod system;
mod takeover;
mod tcp;
mod udp;
