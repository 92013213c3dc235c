//! The commands, one file each. Files, the clock and the terminal belong here.

pub mod geoip;
