//! What a zone is made of: its TOML file with the dynamic names, and its master file with the static records.
//!
//! A master file goes one way: `lexer` cuts it into entries of tokens, `head` and `rdata` make records of these, `directives`
//! and `generate` follow the lines that are none, and `master` holds what one entry leaves for the next.

mod directives;
pub mod file;
mod generate;
mod head;
pub mod include;
mod lexer;
pub mod master;
mod packed;
mod rdata;
pub mod records;
mod token;
mod ttl;

pub use file::ZoneFile;
pub use records::{Records, Rrset};
