//! What a zone is made of: its TOML file with the dynamic names, and its master file with the static records.

pub mod file;
pub mod include;
pub mod master;
mod packed;
mod rare;
pub mod records;
mod splitter;
mod units;

pub use file::ZoneFile;
pub use records::{Records, Rrset};
