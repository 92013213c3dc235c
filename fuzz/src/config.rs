//! Configuration files.

use cvdns_core::config::Config;
use cvdns_core::problem::Problems;

use super::octets::text;
use super::problems;

/// Whatever is wrong can be said.
pub fn run(input: &[u8]) {
    let mut found = Problems::default();
    let _ = Config::parse("cvdns.toml", text(input), &mut found);
    problems::print(&found);
}
