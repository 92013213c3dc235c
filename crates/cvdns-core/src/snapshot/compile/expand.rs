//! Expands the placeholders in the owners of dynamic names.

use crate::geo::country::{self, Country};
use crate::zone::file::{CC, DB};

/// An owner without placeholders.
pub(super) struct ExpandedOwner<'d> {
    /// The owner in presentation format.
    pub name: String,
    /// The database that `{db}` stands for; `None` when the owner does not contain it.
    pub database: Option<&'d str>,
    /// The country that `{cc}` stands for, in the owner or else in the origin of the zone; `None`
    /// when neither contains it.
    pub country: Option<Country>,
}

/// Every name that an owner stands for. `country` is that of the zone's origin, and `databases` are
/// the values of `{db}`.
pub(super) fn expand<'d>(
    owner: &str,
    country: Option<Country>,
    databases: &[&'d str],
) -> Vec<ExpandedOwner<'d>> {
    if owner.contains(DB) {
        let expanded = |database: &&'d str| ExpandedOwner {
            name: owner.replace(DB, database),
            database: Some(database),
            country,
        };
        return databases.iter().map(expanded).collect();
    }
    if owner.contains(CC) {
        let expanded = |(label, country): (&str, Country)| ExpandedOwner {
            name: owner.replace(CC, label),
            database: None,
            country: Some(country),
        };
        return country::labels().map(expanded).collect();
    }
    vec![ExpandedOwner { name: owner.to_owned(), database: None, country }]
}
