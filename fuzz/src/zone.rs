//! Zone files.

use cvdns_core::problem::Problems;
use cvdns_core::zone::ZoneFile;

use super::octets::text;
use super::problems;

/// Whatever is wrong can be said.
pub fn run(input: &[u8]) {
    let mut found = Problems::default();
    let read = ZoneFile::parse("zone.toml", text(input), &mut found);
    assert!(read.is_some() || found.has_errors(), "nothing is read, and nothing is wrong");
    problems::print(&found);
}
