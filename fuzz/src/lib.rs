//! The fuzz targets, each a function of the input's octets that panics where something is wrong.
//!
//! libFuzzer calls them by the programs in `fuzz_targets`, and every run of the tests by
//! `tests/model/attacks.rs`, which includes this file: what a fuzzer once found stays checked.
//!
//! In the order of reading: `message`, `octets`, `problems`, `snapshots` and `web` are what several
//! targets need; the other modules are the targets.

mod message;
mod octets;
mod problems;
mod snapshots;
mod web;

pub mod abuse;
pub mod bundle;
pub mod compile;
pub mod config;
pub mod cookie;
pub mod cvd;
pub mod database;
pub mod demand;
pub mod diff;
pub mod edns;
pub mod feed;
pub mod fetch;
pub mod fleet;
pub mod frame;
pub mod frames;
pub mod https;
pub mod incoming;
pub mod key_files;
pub mod keys;
pub mod limiter;
pub mod list;
pub mod master;
pub mod mirror;
pub mod name;
pub mod nats;
pub mod overrides;
pub mod quic;
pub mod release;
pub mod report;
pub mod respond;
pub mod secrets;
pub mod signature;
pub mod signed;
pub mod sources;
pub mod tcp;
pub mod timestamp;
pub mod writer;
pub mod zone;

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 38] = [
    ("abuse", abuse::run),
    ("bundle", bundle::run),
    ("compile", compile::run),
    ("config", config::run),
    ("cookie", cookie::run),
    ("cvd", cvd::run),
    ("database", database::run),
    ("demand", demand::run),
    ("diff", diff::run),
    ("edns", edns::run),
    ("feed", feed::run),
    ("fetch", fetch::run),
    ("fleet", fleet::run),
    ("frame", frame::run),
    ("frames", frames::run),
    ("https", https::run),
    ("incoming", incoming::run),
    ("key_files", key_files::run),
    ("keys", keys::run),
    ("limiter", limiter::run),
    ("list", list::run),
    ("master", master::run),
    ("mirror", mirror::run),
    ("name", name::run),
    ("nats", nats::run),
    ("overrides", overrides::run),
    ("quic", quic::run),
    ("release", release::run),
    ("report", report::run),
    ("respond", respond::run),
    ("secrets", secrets::run),
    ("signature", signature::run),
    ("signed", signed::run),
    ("sources", sources::run),
    ("tcp", tcp::run),
    ("timestamp", timestamp::run),
    ("writer", writer::run),
    ("zone", zone::run),
];
