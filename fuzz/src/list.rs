//! Lists of mirrors (`cvdns import`).

use cvdns_core::fleet::Fleet;
use cvdns_core::problem::Problems;

use super::octets::text;
use super::{fleet, problems};

/// A valid list survives the way to a fleet file and back.
pub fn run(input: &[u8]) {
    let mut found = Problems::default();
    let listed = Fleet::of_list("list.csv", text(input), &mut found);
    problems::print(&found);
    if !found.has_errors() {
        fleet::read_back(&listed);
    }
}
