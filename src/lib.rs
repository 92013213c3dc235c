//! cvdns: the authoritative `GeoDNS` server of a ClamAV-style mirror network.
//!
//! Each floor knows only those below it (docs/design.md): `wire`, the inputs (`config`, `zone`, `fleet`,
//! `health`, `release`, `geo`), `snapshot`, `decision`, `explain`, `answer`, `serve` and `export`, `admin`, `daemon`, `cli`.

#![warn(clippy::indexing_slicing, clippy::undocumented_unsafe_blocks)]

pub mod admin;
pub mod answer;
pub mod cli;
pub mod command;
pub mod config;
pub mod daemon;
pub mod decision;
pub mod explain;
pub mod export;
pub mod fleet;
pub mod geo;
pub mod health;
pub mod load;
pub mod logging;
pub mod monitor;
pub mod problem;
pub mod release;
pub mod serve;
pub mod signals;
pub mod snapshot;
pub mod wire;
pub mod zone;
