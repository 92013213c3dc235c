//! The commands, one file each. The terminal belongs here.

pub mod check;
pub mod geoip;
pub mod monitor;
mod problems;
pub mod serve;
