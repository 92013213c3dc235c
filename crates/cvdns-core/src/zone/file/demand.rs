//! Reads what the clients of countries need, `[[demand]]`.

use super::keys;
use crate::geo::country::Country;
use crate::problem::Problems;
use crate::problem::table::{Document, Table};

/// What the clients of a country need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The country.
    pub country: Country,
    /// The rate in kbit/s.
    pub rate: u64,
}

impl Demand {
    /// Reads a file that has nothing but `[[demand]]` tables, and reports everything wrong in it.
    pub fn parse_file(file: &str, text: &str, problems: &mut Problems) -> Vec<Self> {
        let read = Document::read(file, text, &keys::DEMAND_ROOT, problems, |mut root| {
            let demand = read(&mut root);
            root.finish();
            demand
        });
        read.unwrap_or_default()
    }
}

/// Reads all tables; each country may have one.
pub(super) fn read(root: &mut Table<'_>) -> Vec<Demand> {
    let mut out: Vec<Demand> = Vec::new();
    for mut table in root.tables(&keys::DEMAND) {
        let country = table.require(&keys::DEMAND_COUNTRY);
        let rate = table.require(&keys::DEMAND_RATE);
        table.finish();
        let (Some(country), Some(rate)) = (country, rate) else { continue };
        if out.iter().any(|earlier| earlier.country == country.value) {
            let what = format!("the demand of {} is given twice", country.value);
            root.error(country.location, what, "keep one [[demand]] for each country");
        } else {
            out.push(Demand { country: country.value, rate: rate.value });
        }
    }
    out
}
