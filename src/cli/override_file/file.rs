//! The overrides that commands change: the file that a configuration names, or those of all
//! servers; and the fleets that they are about.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::fleet::FleetOverrides;
use crate::cli::output::{Failure, eprint_line};
use crate::cli::problems::print;
use crate::load::{self, FeedSource, OverridesPlace};
use cvdns_core::fleet::{Fleet, Mirror};
use cvdns_core::health::Overrides;
use cvdns_core::problem::{Problems, plural};
use cvdns_io::{read_optional_text, replace_alike};

/// Most octets of the file, as for the server.
const MAX_SIZE: u64 = 1 << 20;

/// Where those of all servers are.
const IN_NATS: &str = "Those of all servers, which apply after a server's own, are listed by \
                       `cvdns override list --fleet`";

/// Overrides that commands change, and the fleets.
#[derive(Debug)]
pub(super) struct OverridesFile {
    place: Place,
    pub fleets: Fleets,
}

/// Whose overrides are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those of the file that the configuration names.
    File,
    /// Those of all servers.
    Fleet {
        /// Whether there may be none. If not, it is an error that there are none, as they may have
        /// been lost.
        may_be_none: bool,
    },
}

impl Scope {
    /// That of a command with or without `--fleet`.
    pub(super) fn of(is_fleet: bool, may_be_none: bool) -> Self {
        if is_fleet { Self::Fleet { may_be_none } } else { Self::File }
    }
}

/// Where overrides are that commands change.
#[derive(Debug)]
enum Place {
    /// In this file.
    File(PathBuf),
    /// In NATS, for all servers.
    Fleet(Box<FleetOverrides>),
}

/// What a configuration says of overrides.
#[derive(Debug)]
pub(super) struct Known {
    source: Option<FeedSource>,
    has_nats: bool,
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
    /// The overrides of this scope, by this configuration.
    pub(super) fn of(config: &Path, of: Scope) -> Result<Self, Failure> {
        if let Scope::Fleet { may_be_none } = of {
            let Known { source, fleets, .. } = Self::known(config)?;
            if let Some(url @ FeedSource::Url(_)) = source {
                eprint_line!(
                    "warning: `overrides` in [feed] is {url}: servers with this configuration use \
                     the overrides of that URL, and not those of all servers in NATS"
                );
            }
            let place = Place::Fleet(Box::new(FleetOverrides::of(config, may_be_none)?));
            return Ok(Self { place, fleets });
        }
        let known = Self::known(config)?;
        match known.own(config)? {
            FeedSource::File(path) => Ok(Self::in_file(path.clone(), known.fleets)),
            remote => Err(Failure::new(format!(
                "the overrides come from {remote}, where this command cannot change them: edit the \
                 file that is published there, with a higher `serial`, sign it if `public-key` is \
                 set (minisign -S), and publish both; `cvdns override list` shows them"
            ))),
        }
    }

    /// Overrides in a file.
    pub(super) fn in_file(path: PathBuf, fleets: Fleets) -> Self {
        Self { place: Place::File(path), fleets }
    }

    /// What they are called.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Place::File(path) => path.display().to_string(),
            Place::Fleet(fleet) => fleet.name(),
        }
    }

    /// What a configuration says of overrides.
    pub(super) fn known(config: &Path) -> Result<Known, Failure> {
        let (mut problems, mut of_fleets) = (Problems::default(), Problems::default());
        let read = load::overrides_place(config, &mut problems, &mut of_fleets);
        let Some(OverridesPlace { source, has_nats, fleets }) =
            read.filter(|_| !problems.has_errors())
        else {
            print(&problems);
            return Err(Failure::new("correct this, or name another configuration with --config"));
        };
        Ok(Known { source, has_nats, fleets: Fleets { fleets, problems: of_fleets } })
    }

    /// Keeps other commands from editing the file until the result is dropped. What is in NATS
    /// needs no lock: it is replaced only if it is still what was read.
    pub(super) fn lock(&self) -> Result<Option<Flock<File>>, Failure> {
        let Place::File(path) = &self.place else { return Ok(None) };
        // The directory, as the file itself is replaced.
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let failed = |error: std::io::Error| {
            Failure::new(format!("cannot lock {}: {error}", directory.display()))
        };
        let opened = File::open(directory).map_err(failed)?;
        let locked = Flock::lock(opened, FlockArg::LockExclusive);
        locked.map(Some).map_err(|(_, error)| failed(error.into()))
    }

    /// Reads the overrides; where there are none yet, the text is empty. Errors are printed.
    pub(super) fn read(&self) -> Result<Content, Failure> {
        let text = match &self.place {
            Place::File(path) => read_optional_text(path, MAX_SIZE).map_err(Failure::new)?,
            Place::Fleet(fleet) => Some(fleet.read()?),
        };
        self.parse(text.unwrap_or_default())
    }

    /// Replaces the overrides by this text, unless it is the same.
    pub(super) fn write(&self, text: String, before: &Content) -> Result<Content, Failure> {
        let content = self.parse(text)?;
        if content.text == before.text {
            return Ok(content);
        }
        match &self.place {
            Place::File(path) => replace_alike(path, content.text.as_bytes()).map_err(|error| {
                Failure::new(format!("cannot write {}: {error}", path.display()))
            })?,
            Place::Fleet(fleet) => fleet.write(&content.text)?,
        }
        Ok(content)
    }

    fn parse(&self, text: String) -> Result<Content, Failure> {
        let mut problems = Problems::default();
        let overrides = Overrides::parse(&self.name(), &text, &mut problems);
        if problems.has_errors() {
            print(&problems);
            return Err(Failure::new(format!(
                "nothing is changed until {} is correct",
                self.name()
            )));
        }
        Ok(Content { text, overrides })
    }
}

impl Known {
    /// Where the server's own overrides come from.
    pub(super) fn own(&self, config: &Path) -> Result<&FeedSource, Failure> {
        self.source.as_ref().ok_or_else(|| {
            let all = if self.has_nats { format!(". {IN_NATS}") } else { String::new() };
            Failure::new(format!(
                "{} names no file of overrides: add `overrides = \"overrides.toml\"` to [feed], \
                 and reload the server{all}",
                config.display()
            ))
        })
    }

    /// That those of all servers apply too, where they do.
    pub(super) fn others(&self) -> Option<&'static str> {
        let are_used = !matches!(self.source, Some(FeedSource::Url(_)));
        (self.has_nats && are_used).then_some(IN_NATS)
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
