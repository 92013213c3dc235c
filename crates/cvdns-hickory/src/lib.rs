#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod aliases;
mod answer;
mod handler;
mod message;
mod opt;
mod record;
mod sections;
mod signature;
mod turn;
mod verdict;

pub use handler::AuthoritativeHandler;
