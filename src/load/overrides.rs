//! Reads the operator's overrides.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cvdns_core::config::Config;
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{MAX_OVERRIDES, Overrides};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_io::confinement::DENIED;
use cvdns_io::read_optional_text;

use super::nats_place::NatsPlace;
use super::source::FeedSource;

/// How long a file that was emptied has to be written.
const WRITING: Duration = Duration::from_millis(50);

/// The file of overrides and its content. The file may appear and go away.
#[derive(Debug, Clone, Default)]
pub struct OverridesFile {
    /// The file's path; `None` if the configuration names none.
    pub path: Option<PathBuf>,
    /// Where overrides for several servers come from: the URL that the configuration names, or else
    /// NATS, beside a file. They are not fetched here.
    pub remote: Option<FeedSource>,
    /// The overrides in the file, and where commands have got them, those of `remote` behind them.
    pub overrides: Overrides,
    /// The file's text; `None` if there is no file.
    text: Option<String>,
}

/// The outcome of reading the file again.
#[derive(Debug)]
pub enum OverridesLook {
    /// The text is the same as before.
    Same,
    /// Other overrides, with warnings.
    News(OverridesFile, Problems),
    /// The file cannot be used, for these errors.
    Unusable(Problems),
}

impl OverridesFile {
    /// Reads the file that a configuration names. All problems are noted.
    pub(super) fn of(
        path: &Path,
        config: &Config,
        inputs: &Inputs,
        nats: Option<&NatsPlace>,
        problems: &mut Problems,
    ) -> Self {
        let named = config.feed.overrides.as_ref();
        let source =
            named.and_then(|named| FeedSource::of_named(path, named, "overrides.toml", problems));
        let nats = nats.map(|place| FeedSource::Nats(Box::new(place.clone())));
        let path = match source {
            Some(FeedSource::File(path)) => path,
            url => return Self { remote: url.or(nats), ..Self::default() },
        };
        let text = read(&path, problems);
        let file = Self { remote: nats, ..Self::new(path, text, problems) };
        // If a fleet could not be read, its mirrors would be reported as missing here.
        if inputs.zones.iter().all(|zone| zone.fleet_complete) {
            let fleets: Vec<&Fleet> = inputs.zones.iter().map(|zone| &*zone.fleet).collect();
            file.overrides.check(&fleets, problems);
        }
        file
    }

    /// Reads the file again.
    pub fn look(&self, fleets: &[&Fleet]) -> OverridesLook {
        let Some(path) = &self.path else { return OverridesLook::Same };
        let mut problems = Problems::default();
        let mut text = read(path, &mut problems);
        if self.may_be_half_written(text.as_deref()) {
            std::thread::sleep(WRITING);
            text = read(path, &mut problems);
        }
        if text == self.text && problems.is_empty() {
            return OverridesLook::Same;
        }
        let file =
            Self { remote: self.remote.clone(), ..Self::new(path.clone(), text, &mut problems) };
        if problems.has_errors() {
            return OverridesLook::Unusable(problems);
        }
        file.overrides.check(fleets, &mut problems);
        OverridesLook::News(file, problems)
    }

    /// Whether this may be a file that a program has emptied and is about to write. Such a file
    /// must not end overrides for a moment. Any other part of a file is likely to be an error.
    fn may_be_half_written(&self, text: Option<&str>) -> bool {
        text == Some("") && self.text.as_deref().is_some_and(|before| !before.is_empty())
    }

    fn new(path: PathBuf, text: Option<String>, problems: &mut Problems) -> Self {
        let parse = |text: &str| Overrides::parse(&path.display().to_string(), text, problems);
        let overrides = text.as_deref().map(parse).unwrap_or_default();
        Self { path: Some(path), remote: None, overrides, text }
    }
}

fn read(path: &Path, problems: &mut Problems) -> Option<String> {
    read_optional_text(path, MAX_OVERRIDES as u64).unwrap_or_else(|error| {
        // What the sandbox forbids is no matter of the file: the error says what to do.
        let help = if error.contains(DENIED) {
            ""
        } else {
            "write a text file; without overrides it may be missing"
        };
        problems.error(Location::file(&path.display().to_string()), error, help);
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emptied_file_is_given_a_moment_once() {
        let of = |text: Option<&str>| OverridesFile {
            text: text.map(str::to_owned),
            ..OverridesFile::default()
        };
        let full = of(Some("# none\n"));
        assert!(full.may_be_half_written(Some("")));
        assert!(!full.may_be_half_written(Some("\n")));
        assert!(!full.may_be_half_written(None));
        assert!(!of(Some("")).may_be_half_written(Some("")));
        assert!(!of(None).may_be_half_written(Some("")));
    }
}
