//! The library without sockets: oracles, tables, documents and whole answers out of memory
//! (tests/README.md).

#![allow(clippy::too_many_lines, reason = "a test tells one story, or has a table of cases")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../asking/mod.rs"]
mod asking;
#[path = "../large/mod.rs"]
mod large;
#[path = "../oracle/mod.rs"]
mod oracle;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, missing_docs, unreachable_pub, reason = "a library of its own under libFuzzer")]
#[path = "../../fuzz/src/lib.rs"]
mod targets;

mod a_month;
mod amplification;
mod announcing;
mod attacks;
mod batches;
mod client_table;
mod dnssec;
mod example;
mod explain;
mod home_first;
mod live;
mod nested_zones;
mod network_2006;
mod not_for;
mod record_rules;
mod right_mirrors;
mod standing;
mod wire_format;
