//! The files of a zone: a TOML file with the dynamic names, and a master file with the static
//! records.
//!
//! `master` reads a master file: `master::lexer` splits it into entries of tokens, of which
//! `master::record_head` and `rdata` make records; `master::directives` and `master::generate`
//! follow the directives. `records` sorts the records into `RRsets` and checks them; `packed`
//! stores them.

pub mod file;
pub mod include;
pub mod master;
mod packed;
mod rdata;
pub mod records;
mod token;
mod ttl;

pub use file::ZoneFile;
pub use records::{Records, Rrset};
