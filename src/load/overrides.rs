//! Reads the operator's overrides.

use std::path::{Path, PathBuf};

use cvdns_core::config::Config;
use cvdns_core::fleet::Fleet;
use cvdns_core::health::Overrides;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_io::{beside, read_optional_text};

/// Most octets of a file of overrides: some ten thousand.
const MAX_SIZE: u64 = 1 << 20;

/// A file of overrides, and what it says. It may come and go.
#[derive(Debug, Clone, Default)]
pub struct OverridesFile {
    /// Where it is; none: the configuration names none.
    pub path: Option<PathBuf>,
    /// What it says.
    pub overrides: Overrides,
    /// Its text; none: there is no such file.
    text: Option<String>,
}

/// What another look at it brings.
#[derive(Debug)]
pub enum OverridesLook {
    /// What was read before.
    Same,
    /// Something else, with what its author should know.
    News(OverridesFile, Problems),
    /// Nothing that could be used, and why.
    Unusable(Problems),
}

impl OverridesFile {
    /// Reads the one that a configuration names; everything wrong in it is noted.
    pub(super) fn of(
        path: &Path,
        config: &Config,
        inputs: &Inputs,
        problems: &mut Problems,
    ) -> Self {
        let path = config.feed.overrides.as_ref().map(|named| beside(path, &named.value));
        let Some(path) = path else { return Self::default() };
        let text = read(&path, problems);
        let file = Self::new(path, text, problems);
        // Mirrors that could not be read would be missed here.
        if inputs.zones.iter().all(|zone| zone.fleet_complete) {
            let fleets: Vec<&Fleet> = inputs.zones.iter().map(|zone| &*zone.fleet).collect();
            file.overrides.check(&fleets, problems);
        }
        file
    }

    /// Looks at it again.
    pub fn look(&self, fleets: &[&Fleet]) -> OverridesLook {
        let Some(path) = &self.path else { return OverridesLook::Same };
        let mut problems = Problems::default();
        let text = read(path, &mut problems);
        if text == self.text && problems.is_empty() {
            return OverridesLook::Same;
        }
        let file = Self::new(path.clone(), text, &mut problems);
        if problems.has_errors() {
            return OverridesLook::Unusable(problems);
        }
        file.overrides.check(fleets, &mut problems);
        OverridesLook::News(file, problems)
    }

    fn new(path: PathBuf, text: Option<String>, problems: &mut Problems) -> Self {
        let parse = |text: &str| Overrides::parse(&path.display().to_string(), text, problems);
        let overrides = text.as_deref().map(parse).unwrap_or_default();
        Self { path: Some(path), overrides, text }
    }
}

fn read(path: &Path, problems: &mut Problems) -> Option<String> {
    read_optional_text(path, MAX_SIZE).unwrap_or_else(|error| {
        let help = "write a text file; without overrides it may be missing";
        problems.error(Location::file(&path.display().to_string()), error, help);
        None
    })
}
