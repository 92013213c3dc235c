//! cvdns: the authoritative `GeoDNS` server of a ClamAV-style mirror network.

pub mod cli;
pub mod geo;
