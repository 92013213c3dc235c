//! Overrides.

use cvdns_core::health::Overrides;
use cvdns_core::problem::Problems;
use jiff::Timestamp;

use super::octets::text;
use super::problems;

/// Overrides end one after the other.
pub fn run(input: &[u8]) {
    let mut found = Problems::default();
    let overrides = Overrides::parse("overrides.toml", text(input), &mut found);
    problems::print(&found);
    let mut now = Timestamp::MIN;
    for said in overrides.in_force(now) {
        // Every override has a reason, and its text is a single line.
        assert!(!said.reason.is_empty() && !said.to_string().contains('\n'));
    }
    let _ = overrides.of("mirror1.example.net", now);
    // At each end, fewer overrides are in force.
    while let Some(end) = overrides.next_end(now) {
        assert!(overrides.in_force(end).count() < overrides.in_force(now).count());
        now = end;
    }
}
