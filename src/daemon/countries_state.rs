//! The file of the country database: which version of it was looked at last, and what came of it.

use crate::load::CountryData;
use crate::logging::warn_as;
use cvdns_core::problem::Problem;
use cvdns_io::FileVersion;

/// What is known of the file beside what was read from it.
#[derive(Debug, Default)]
pub(super) struct CountriesState {
    /// The version that was refused. It is not read again.
    refused: Option<Refused>,
    /// Why the file cannot be used, for people.
    complaint: Option<String>,
    /// How often another database was taken over, and how often one was refused.
    updates: [u64; 2],
}

/// What was there when a database was refused; `None`: no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refused(Option<FileVersion>);

impl CountriesState {
    /// Whether another file than the one in force lies in its place, and was not refused before.
    pub(super) fn is_new(&self, in_force: &CountryData) -> bool {
        let found = in_force.found();
        found != in_force.version() && self.refused != Some(Refused(found))
    }

    /// Whether a file was refused, and that in force has been put back.
    pub(super) fn is_back(&self, in_force: &CountryData) -> bool {
        self.refused.is_some() && in_force.found() == in_force.version()
    }

    /// Notes that another database is in force.
    pub(super) fn took(&mut self) {
        let [taken, _] = &mut self.updates;
        *taken += 1;
        self.forget();
    }

    /// Notes and logs that the file is refused in this version.
    pub(super) fn refuse(
        &mut self,
        in_force: &CountryData,
        found: Option<FileVersion>,
        problem: &Problem,
    ) {
        let [_, refused] = &mut self.updates;
        *refused += 1;
        self.refused = Some(Refused(found));
        let text =
            format!("the country database is not taken: {problem}; {} goes on", in_force.described);
        warn_as(problem, &text);
        self.complaint = Some(text);
    }

    /// Why the file cannot be used, for people.
    pub(super) fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// Forgets what was refused: everything was read again.
    pub(super) fn forget(&mut self) {
        self.refused = None;
        self.complaint = None;
    }

    /// How often another database was taken over, and how often one was refused.
    pub(super) fn updates(&self) -> [u64; 2] {
        self.updates
    }
}
