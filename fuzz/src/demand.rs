//! A file of demands (`cvdns check --demand`), and the rates in it.

use std::collections::BTreeSet;

use cvdns_core::problem::Problems;
use cvdns_core::schema::read::{Rate, rate_of};
use cvdns_core::zone::file::Demand;

use super::octets::text;
use super::problems;

/// Each country has one demand, and a rate that is written is read as the same.
pub fn run(input: &[u8]) {
    let text = text(input);
    let mut found = Problems::default();
    let demand = Demand::parse_file("demand.toml", text, &mut found);
    problems::print(&found);
    if !found.has_errors() {
        let countries: BTreeSet<_> = demand.iter().map(|demand| demand.country.value).collect();
        assert_eq!(countries.len(), demand.len());
    }
    for rate in demand.iter().map(|demand| demand.rate).chain(rate_of(text.trim())) {
        assert_eq!(rate_of(&Rate(rate).to_string()), Ok(rate));
    }
}
