//! Reads what the clients of countries need, `[[demand]]`.

use super::keys;
use crate::geo::country::Country;
use crate::problem::table::{Placed, Table};

/// What the clients of a country need.
#[derive(Debug, Clone)]
pub struct Demand {
    /// The country.
    pub country: Placed<Country>,
    /// The rate in kbit/s.
    pub rate: u64,
}

/// Reads all tables; each country may have one.
pub(super) fn read(root: &mut Table<'_>) -> Vec<Demand> {
    let mut out: Vec<Demand> = Vec::new();
    for mut table in root.tables(&keys::DEMAND) {
        let (country, rate) =
            (table.require(&keys::DEMAND_COUNTRY), table.require(&keys::DEMAND_RATE));
        table.finish();
        let (Some(country), Some(rate)) = (country, rate) else { continue };
        if out.iter().any(|earlier| earlier.country.value == country.value) {
            let what = format!("the demand of {} is given twice", country.value);
            root.error(country.location, what, "keep one [[demand]] for each country");
        } else {
            out.push(Demand { country, rate: rate.value });
        }
    }
    out
}
