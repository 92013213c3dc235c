//! The `[transfer]` section.

use super::client_names::ClientNames;
use super::keys::transfer as keys;
use super::secondary_address::SecondaryAddress;
use crate::problem::table::{Placed, Table};
use crate::wire::name::Name;
use wildmatch::WildMatch;

/// Zone transfers to secondary servers (`[transfer]`), and the keys of all transfers.
#[derive(Debug, Clone, Default)]
pub struct Transfer {
    /// Paths of files of keys.
    pub keys: Vec<Placed<String>>,
    /// Name of the catalog zone.
    pub catalog: Option<Placed<Name>>,
    /// What becomes of zones with names that depend on the client.
    pub client_names: ClientNames,
    /// Whether signed zones are transferred with their signatures; `None` if nothing is said.
    pub signed: Option<bool>,
    /// Servers that may transfer zones; none: nobody may.
    pub secondaries: Vec<Secondary>,
}

/// A server that may transfer zones (`[[transfer.secondary]]`).
#[derive(Debug, Clone)]
pub struct Secondary {
    /// Where it asks from, and where it is notified.
    pub address: Placed<SecondaryAddress>,
    /// Name of the key that it signs with.
    pub key: Placed<Name>,
    /// Patterns of names of the zones that it may transfer, in lower case.
    pub zones: Vec<Placed<String>>,
}

impl Transfer {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let files = table.list(&keys::KEYS).unwrap_or_default();
        let keys = named_once(&table, files);
        let catalog = table.get(&keys::CATALOG);
        let client_names = table.value(&keys::CLIENT_NAMES);
        let signed = table.get(&keys::SIGNED).map(|signed| signed.value);
        let mut secondaries: Vec<Secondary> = Vec::new();
        for entry in table.tables(&keys::SECONDARY) {
            let Some(secondary) = Secondary::read(entry) else { continue };
            let is_same = |known: &Secondary| {
                known.address.value == secondary.address.value
                    && known.key.value == secondary.key.value
            };
            if secondaries.iter().any(is_same) {
                let what = format!(
                    "{} is named twice with the key {}",
                    secondary.address.value, secondary.key.value
                );
                table.error(secondary.address.location, what, "keep one, with the zones of both");
            } else {
                secondaries.push(secondary);
            }
        }
        if let Some(catalog) = catalog.as_ref().filter(|_| secondaries.is_empty()) {
            let what = "`catalog` has no effect: nobody may transfer it";
            let help = "add a [[transfer.secondary]], or take it out";
            table.warning(catalog.location.clone(), what, help);
        }
        table.finish();
        Self { keys, catalog, client_names, signed, secondaries }
    }

    /// Whether anybody may transfer anything.
    pub fn is_on(&self) -> bool {
        !self.secondaries.is_empty()
    }

    /// Whether signed zones are transferred with their signatures.
    pub fn is_signed(&self) -> bool {
        self.is_on() && self.signed == Some(true)
    }
}

impl Secondary {
    fn read(mut table: Table<'_>) -> Option<Self> {
        let address = table.require(&keys::ADDRESS);
        let key = table.require(&keys::KEY);
        let location = table.key_location(&keys::ZONES);
        let zones = table.list(&keys::ZONES).unwrap_or_else(|| {
            let value = "*".to_owned();
            vec![Placed { value, location: location.clone() }]
        });
        if zones.is_empty() {
            table.error(location, "`zones` names no zone", "write [\"*\"] for all zones");
        }
        table.finish();
        Some(Self { address: address?, key: key?, zones })
    }

    /// Whether it may transfer the zone of this name.
    pub fn takes(&self, zone: &Name) -> bool {
        let zone = zone.to_lower().to_string();
        self.zones.iter().any(|pattern| WildMatch::new(&pattern.value).matches(&zone))
    }
}

/// The files, each once.
fn named_once(table: &Table<'_>, files: Vec<Placed<String>>) -> Vec<Placed<String>> {
    let mut once: Vec<Placed<String>> = Vec::new();
    for file in files {
        if once.iter().any(|known| known.value == file.value) {
            table.error(file.location, format!("{} is named twice", file.value), "keep one");
        } else {
            once.push(file);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::problem::Problems;

    fn read(section: &str) -> (Transfer, Vec<String>) {
        let text = format!("zone = [{{ file = \"z\" }}]\n[transfer]\n{section}\n");
        let mut problems = Problems::default();
        let config = Config::parse("c", &text, &mut problems).unwrap();
        (config.transfer, problems.iter().map(ToString::to_string).collect())
    }

    const SECONDARY: &str = "[[transfer.secondary]]\naddress = \"192.0.2.53\"\nkey = \"k\"\n";

    #[test]
    fn a_secondary_takes_the_zones_that_it_names() {
        let (transfer, problems) = read(SECONDARY);
        assert_eq!(problems, [""; 0]);
        let name = |text: &str| Name::parse(text, &Name::root()).unwrap();
        assert!(transfer.is_on() && transfer.secondaries[0].takes(&name("any.zone")));
        let zones = "zones = [\"ClamAV.net.\", \"*.example\"]";
        let (transfer, problems) = read(&format!("{SECONDARY}{zones}"));
        assert_eq!(problems, [""; 0]);
        let takes = |zone: &str| transfer.secondaries[0].takes(&name(zone));
        assert!(takes("clamav.NET") && takes("a.b.example"));
        assert!(!takes("example") && !takes("de.clamav.net"));
        assert!(!read("keys = [\"k\"]").0.is_on());
    }

    #[test]
    fn wrong_values_are_reported_with_their_places() {
        let twice = format!("{SECONDARY}{SECONDARY}");
        let none = format!("{SECONDARY}zones = []");
        for (section, expected) in [
            ("keys = [\"a\", \"a\"]", "c:3:14: a is named twice"),
            ("catalog = \"a..b\"", "c:3:11: `catalog`: \"a..b\": a label is empty"),
            ("catalog = \"c\"", "c:3:11: `catalog` has no effect"),
            ("client-names = \"all\"", "c:3:16: `client-names`: \"all\" is not known"),
            (&*twice, "c:7:11: 192.0.2.53 is named twice with the key k"),
            (&*none, "c:6:1: `zones` names no zone"),
            ("[[transfer.secondary]]\nkey = \"k\"", "c:3:1: [[secondary]] has no `address`"),
            ("[[transfer.secondary]]\naddress = \"::1\"", "c:3:1: [[secondary]] has no `key`"),
        ] {
            let (_, problems) = read(section);
            assert!(problems[0].starts_with(expected), "{expected}\n{problems:?}");
        }
    }
}
