//! Fleet files.

use cvdns_core::fleet::Fleet;
use cvdns_core::problem::Problems;

use super::octets::text;
use super::problems;

/// A fleet that is written is read as the same.
pub fn run(input: &[u8]) {
    let mut found = Problems::default();
    let fleet = Fleet::parse("mirrors.toml", text(input), &mut found);
    problems::print(&found);
    if !found.has_errors() {
        read_back(&fleet);
    }
}

pub(crate) fn read_back(fleet: &Fleet) {
    let mut found = Problems::default();
    let text = fleet.to_text();
    let read = Fleet::parse("mirrors.toml", &text, &mut found);
    assert!(!found.has_errors() && fleet.is_like(&read), "{text}");
}
