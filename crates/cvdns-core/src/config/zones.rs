//! The `[[zone]]` sections.

use std::collections::HashSet;

use super::keys;
use crate::problem::table::{Placed, Table};

/// What is served.
#[derive(Debug, Default)]
pub(super) struct Zones {
    /// Paths of zone files.
    pub files: Vec<Placed<String>>,
    /// The bundle that has others.
    pub bundle: Option<Placed<String>>,
}

impl Zones {
    pub(super) fn read(root: &mut Table<'_>) -> Self {
        let mut zones = Self::default();
        let mut named = HashSet::new();
        for mut table in root.tables(&keys::ZONE) {
            if !table.has(&keys::ZONE_FILE) && !table.has(&keys::ZONE_BUNDLE) {
                let help = format!("write file = {}", keys::ZONE_FILE.example);
                table.error(table.location(), "[[zone]] names no file and no bundle", help);
            }
            let (file, bundle) = (table.get(&keys::ZONE_FILE), table.get(&keys::ZONE_BUNDLE));
            table.finish();
            if let (Some(_), Some(bundle)) = (&file, &bundle) {
                let help = "make two sections of it: one with `file`, one with `bundle`";
                let location = bundle.location.clone();
                root.error(location, "this section names both a file and a bundle", help);
            }
            if let Some(file) = file {
                if named.insert(file.value.clone()) {
                    zones.files.push(file);
                } else {
                    let what = format!("the zone file {} is named twice", file.value);
                    root.error(file.location, what, "keep one");
                }
            }
            if let Some(bundle) = bundle {
                zones.add_bundle(bundle, root);
            }
        }
        if zones.files.is_empty() && zones.bundle.is_none() {
            let help = "add [[zone]] with file = \"zones/NAME.toml\"";
            root.error(root.file(), "no zone to serve", help);
        }
        zones
    }

    fn add_bundle(&mut self, bundle: Placed<String>, root: &Table<'_>) {
        if let Some(first) = &self.bundle {
            let what = format!("a second bundle is named: {} beside {}", bundle.value, first.value);
            let help = "keep one: what comes in a bundle comes into force together";
            root.error(bundle.location, what, help);
        } else {
            self.bundle = Some(bundle);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::problem::Problems;

    fn read(text: &str) -> (usize, Option<String>, Vec<String>) {
        let mut problems = Problems::default();
        let config = Config::parse("c", text, &mut problems).unwrap();
        let problems = problems.iter().map(ToString::to_string).collect();
        (config.zones.len(), config.bundle.map(|bundle| bundle.value), problems)
    }

    #[test]
    fn sections_name_files_and_one_bundle() {
        let (files, bundle, problems) = read("zone = [{ bundle = \"main\" }, { file = \"z\" }]");
        assert_eq!((files, bundle.as_deref(), problems), (1, Some("main"), Vec::new()));
        for (text, expected) in [
            ("zone = [{ }, { file = \"z\" }]", "names no file and no bundle"),
            ("zone = [{ file = \"z\", bundle = \"main\" }]", "both a file and a bundle"),
            (
                "zone = [{ bundle = \"a\" }, { bundle = \"b\" }]",
                "second bundle is named: b beside a",
            ),
            ("zone = [{ bundle = \"a\" }, { bundle = \"a\" }]", "second bundle"),
            ("zone = [{ file = \"z\" }, { bundle = \"../a\" }]", "\"../a\" is not 1 to 63 letters"),
            ("zone = [{ file = \"z\" }, { bundle = 7 }]", "bundle"),
            ("", "no zone to serve"),
        ] {
            let (_, _, problems) = read(text);
            assert!(problems.len() == 1 && problems[0].contains(expected), "{text}: {problems:?}");
        }
    }
}
