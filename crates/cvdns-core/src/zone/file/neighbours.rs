//! Reads the neighbours of countries, `[[neighbours]]`.

use super::keys;
use crate::geo::country::Country;
use crate::problem::table::{Placed, Table};

/// Reads all tables; each country may have one.
pub(super) fn read(root: &mut Table<'_>) -> Vec<(Country, Vec<Country>)> {
    let mut out: Vec<(Country, Vec<Country>)> = Vec::new();
    for table in root.tables(&keys::NEIGHBOURS) {
        let Some((country, next)) = neighbours(table) else { continue };
        if out.iter().any(|(earlier, _)| *earlier == country.value) {
            let what = format!("the neighbours of {} are given twice", country.value);
            root.error(country.location, what, "keep one [[neighbours]] for each country");
        } else {
            out.push((country.value, next));
        }
    }
    out
}

fn neighbours(mut table: Table<'_>) -> Option<(Placed<Country>, Vec<Country>)> {
    let country = table.require(&keys::COUNTRY);
    let errors_before = table.error_count();
    let next = table.list(&keys::NEXT).into_iter().flatten().collect::<Vec<_>>();
    if next.is_empty() && table.error_count() == errors_before {
        let help =
            "write next = [\"CH\", \"AT\"], or remove the table: the nearest are then measured";
        table.error(table.key_location(&keys::NEXT), "no neighbours are given", help);
    }
    if let Some(country) = &country {
        for own in next.iter().filter(|next| next.value == country.value) {
            let what = format!("{} is given as a neighbour of itself", own.value);
            let help = "its own pool comes first anyway: remove it";
            table.error(own.location.clone(), what, help);
        }
    }
    for (at, again) in next.iter().enumerate() {
        if next.iter().take(at).any(|earlier| earlier.value == again.value) {
            let what = format!("{} is given twice", again.value);
            table.warning(again.location.clone(), what, "its pool comes only once: keep one");
        }
    }
    table.finish();
    Some((country?, next.into_iter().map(|placed| placed.value).collect()))
}
