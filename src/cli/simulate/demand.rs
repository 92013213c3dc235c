//! What the clients of each country need: by the zone file, or by a file in its place.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::output::Failure;
use crate::cli::problems::print;
use cvdns_core::geo::country::Country;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::inputs::ZoneInput;
use cvdns_core::zone::file::Demand;
use cvdns_io::read_text;

/// The rate that the clients of each country need, in kbit/s.
pub(super) type Rates = BTreeMap<Country, u64>;

/// Reads a file of `[[demand]]` tables as a zone file has them.
pub(super) fn read(path: &Path) -> Result<Vec<Demand>, Failure> {
    let mut problems = Problems::default();
    let text = read_text(path).map_err(Failure::new)?;
    let name = path.display().to_string();
    let demand = Demand::parse_file(&name, &text, &mut problems);
    print(&problems);
    if problems.has_errors() {
        return Err(Failure::new(format!("{name} cannot be used")));
    }
    Ok(demand)
}

/// The rates of a zone.
pub(super) fn of_zone(zone: &ZoneInput) -> Rates {
    zone.file.demand.iter().map(|demand| (demand.country.value, demand.rate)).collect()
}
