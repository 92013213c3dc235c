//! Where addresses are: countries, country databases and how they are made.
//!
//! Pure: bytes and text in, values out. Files and the clock belong to [`crate::cli`].

pub mod area;
pub mod build;
pub mod client_table;
pub mod country;
pub mod country_map;
pub mod database;
pub mod date;
pub mod steps;
