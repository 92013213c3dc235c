//! The commands, one file each. The terminal belongs here.

pub mod check;
pub mod cvd;
pub mod feed;
pub mod geoip;
mod output;
mod problems;
pub mod serve;
