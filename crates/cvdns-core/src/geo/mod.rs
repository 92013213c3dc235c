//! Locating addresses: countries, country databases, and how databases are built.
//!
//! Everything here maps bytes and text to values. The caller opens files and reads the clock.

pub mod area;
pub mod build;
pub mod client_table;
pub mod country;
pub mod country_map;
pub mod database;
pub mod date;
mod embedded;
pub mod range_map;
