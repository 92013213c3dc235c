//! The file of overrides that a configuration names, and the fleets that it is about.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::cli::output::{Failure, eprint_line};
use crate::cli::problems::print;
use crate::load::{self, FeedSource};
use cvdns_core::fleet::{Fleet, Mirror};
use cvdns_core::health::Overrides;
use cvdns_core::problem::{Problems, plural};
use cvdns_io::{read_optional_text, replace_alike};

/// Most octets of the file, as for the server.
const MAX_SIZE: u64 = 1 << 20;

/// The file and the fleets.
#[derive(Debug)]
pub(super) struct OverridesFile {
    pub path: PathBuf,
    pub fleets: Fleets,
}

/// The mirrors of a configuration. An override may be urgent while somebody edits a zone file, so
/// what cannot be read of them keeps nobody from it.
#[derive(Debug)]
pub(super) struct Fleets {
    fleets: Vec<Fleet>,
    problems: Problems,
}

/// The content of the file.
#[derive(Debug)]
pub(super) struct Content {
    pub text: String,
    pub overrides: Overrides,
}

impl OverridesFile {
    /// The file that this configuration names.
    pub(super) fn of(config: &Path) -> Result<Self, Failure> {
        match Self::source(config)? {
            (FeedSource::File(path), fleets) => Ok(Self { path, fleets }),
            (FeedSource::Url(url), _) => Err(Failure::new(format!(
                "the overrides come from {url}, where this command cannot change them: edit the \
                 file that is published there, with a higher `serial`, sign it if `public-key` is \
                 set (minisign -S), and publish both; `cvdns override list` shows them"
            ))),
        }
    }

    /// Where overrides come from, and the fleets.
    pub(super) fn source(config: &Path) -> Result<(FeedSource, Fleets), Failure> {
        let (mut problems, mut of_fleets) = (Problems::default(), Problems::default());
        let read = load::overrides_source(config, &mut problems, &mut of_fleets);
        let Some((source, fleets)) = read.filter(|_| !problems.has_errors()) else {
            print(&problems);
            return Err(Failure::new("correct this, or name another configuration with --config"));
        };
        let fleets = Fleets { fleets, problems: of_fleets };
        source.map(|source| (source, fleets)).ok_or_else(|| {
            Failure::new(format!(
                "{} names no file of overrides: add `overrides = \"overrides.toml\"` to [feed], \
                 and reload the server",
                config.display()
            ))
        })
    }

    /// Keeps other commands from editing the file until the result is dropped.
    pub(super) fn lock(&self) -> Result<Flock<File>, Failure> {
        // The directory, as the file itself is replaced.
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let failed = |error: std::io::Error| {
            Failure::new(format!("cannot lock {}: {error}", directory.display()))
        };
        let opened = File::open(directory).map_err(failed)?;
        Flock::lock(opened, FlockArg::LockExclusive).map_err(|(_, error)| failed(error.into()))
    }

    /// Reads the file; a missing one is empty. Errors in it are printed.
    pub(super) fn read(&self) -> Result<Content, Failure> {
        let text = read_optional_text(&self.path, MAX_SIZE).map_err(Failure::new)?;
        self.parse(text.unwrap_or_default())
    }

    /// Replaces the file by this text, unless it is the same.
    pub(super) fn write(&self, text: String, before: &Content) -> Result<Content, Failure> {
        let content = self.parse(text)?;
        if content.text != before.text {
            replace_alike(&self.path, content.text.as_bytes()).map_err(|error| {
                Failure::new(format!("cannot write {}: {error}", self.path.display()))
            })?;
        }
        Ok(content)
    }

    fn parse(&self, text: String) -> Result<Content, Failure> {
        let mut problems = Problems::default();
        let overrides = Overrides::parse(&self.path.display().to_string(), &text, &mut problems);
        if problems.has_errors() {
            print(&problems);
            return Err(Failure::new(format!(
                "nothing is changed until {} is correct",
                self.path.display()
            )));
        }
        Ok(Content { text, overrides })
    }
}

impl Fleets {
    /// All mirrors that could be read.
    pub(super) fn mirrors(&self) -> impl Iterator<Item = &Mirror> {
        self.fleets.iter().flat_map(|fleet| &fleet.mirrors)
    }

    /// Whether there may be mirrors that could not be read.
    pub(super) fn may_lack_some(&self) -> bool {
        self.problems.has_errors()
    }

    /// Prints why some may be missing.
    pub(super) fn print_problems(&self) {
        print(&self.problems);
    }

    /// Warns that some may be missing.
    pub(super) fn warn(&self) {
        if self.may_lack_some() {
            let (errors, _) = self.problems.counts();
            eprint_line!(
                "warning: the zones have {} (`cvdns check`): mirrors that could not be read are not \
                 looked at here",
                plural(errors, "error", "errors")
            );
        }
    }
}
