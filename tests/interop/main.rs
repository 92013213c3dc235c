//! `cvdns` beside other programs: what BIND, Knot, NSD, dig, kdig, drill, mmdblookup, promtool,
//! mandoc, groff, shells and Python make of it (tests/README.md).

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

mod bind_page;
mod check_delegation;
mod completions;
mod cookies;
mod delegation;
mod diagnose;
mod dig;
mod dnssec;
mod documented_commands;
mod encrypted;
mod export;
mod geoip;
mod import;
mod keys;
mod manual;
mod monitoring;
mod schemas;
mod secondary;
mod static_zones;
mod transfer;
