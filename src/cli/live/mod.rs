//! Queries to live servers, and how their answers compare with those that are expected.

pub(in crate::cli) mod client;
pub(in crate::cli) mod compare;
pub(in crate::cli) mod server;
mod socket;
