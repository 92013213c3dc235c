//! The parts of a configuration that the coordinator uses.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::signed_report::ReportSource;
use cvdns_core::config::{Log, Member, Monitor};
use cvdns_core::fleet::Fleet;
use cvdns_core::health::Overrides;
use cvdns_core::snapshot::inputs::Inputs;

/// The configuration of the coordinator.
#[derive(Debug, Clone)]
pub struct MonitorInputs {
    /// The `[monitor]` section.
    pub settings: Monitor,
    /// Origin and fleet of each zone that has mirrors.
    pub fleets: Vec<(String, Fleet)>,
    /// What the monitor does.
    pub role: Role,
    /// The path of the report.
    pub report: PathBuf,
    /// The members whose reports are combined.
    pub members: Vec<(Member, ReportSource)>,
    /// The path of the feed.
    pub feed: Option<PathBuf>,
    /// How long after its generation a feed counts as fresh.
    pub max_age: Duration,
    /// The path of the secret key; `None` leaves the feed unsigned.
    pub secret_key: Option<PathBuf>,
    /// The path of the file with the release.
    pub release: Option<PathBuf>,
    /// The number of versions by which a mirror may be behind (`[record] lag`).
    pub lag: u32,
    /// The state directory.
    pub state: PathBuf,
    /// What is logged.
    pub log: Log,
    /// The pages to write; `None`: none are written.
    pub page: Option<PageInputs>,
}

/// What a monitor does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// It checks, and writes the feed.
    #[default]
    Alone,
    /// It checks, and writes a report.
    Reports,
    /// It combines the reports of others into the feed.
    Combines,
}

/// The parts of a configuration that the pages need.
#[derive(Debug, Clone)]
pub struct PageInputs {
    /// The directory of the pages.
    pub directory: PathBuf,
    /// The URL of that directory, with a slash at its end; `None`: it is not known.
    pub url: Option<String>,
    /// The operator's overrides; `None` if the configuration names none.
    pub overrides: Option<OverridesReader>,
    /// Reads what answers are made of.
    pub answers: AnswersReader,
}

/// Reads the operator's overrides, from a file or a web server.
#[derive(Clone)]
pub struct OverridesReader {
    place: String,
    has_serials: bool,
    read: Arc<ReadOverrides>,
}

type ReadOverrides = dyn Fn() -> Result<Overrides, String> + Send + Sync;

impl OverridesReader {
    /// A reader of the overrides in this place, which calls this function.
    pub fn new(
        place: String,
        read: impl Fn() -> Result<Overrides, String> + Send + Sync + 'static,
    ) -> Self {
        Self { place, has_serials: false, read: Arc::new(read) }
    }

    /// Has older overrides refused once there were newer ones, as servers do with those of a URL.
    #[must_use]
    pub fn with_serials(self) -> Self {
        Self { has_serials: true, ..self }
    }

    /// The path or URL.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Reads the overrides, of which `last` were read before.
    ///
    /// # Errors
    /// When they cannot be used, or are older than those.
    pub fn read(&self, last: Option<&Overrides>) -> Result<Overrides, String> {
        let read = (self.read)()?;
        let of = |overrides: &Overrides| overrides.serial().unwrap_or_default();
        let Some(last) = last.filter(|_| self.has_serials) else { return Ok(read) };
        let (serial, known) = (of(&read), of(last));
        if serial < known {
            return Err(format!("serial {serial} is lower than {known}, which was read before"));
        }
        if serial == known && read != *last {
            return Err(format!("serial {serial} was read before, with other content"));
        }
        Ok(read)
    }
}

impl fmt::Debug for OverridesReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OverridesReader({})", self.place)
    }
}

/// Reads what answers are made of: zones and the country database. That takes so long that it is
/// not done before there is a feed.
#[derive(Clone)]
pub struct AnswersReader(Arc<Read>);

type Read = dyn Fn() -> Result<AnswerInputs, String> + Send + Sync;

/// What answers are made of.
#[derive(Debug)]
pub struct AnswerInputs {
    /// Zones, fleets and the country database.
    pub inputs: Inputs,
    /// Whether the country database was read, or no answer depends on one.
    pub knows_countries: bool,
    /// Whether servers take the release from the feed alone.
    pub release_is_of_feed: bool,
}

impl AnswersReader {
    /// A reader that calls this function.
    pub fn new(read: impl Fn() -> Result<AnswerInputs, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Reads everything.
    ///
    /// # Errors
    /// When something cannot be used.
    pub fn read(&self) -> Result<AnswerInputs, String> {
        (self.0)()
    }
}

impl fmt::Debug for AnswersReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswersReader")
    }
}
