//! The country database, while the server runs: another file in its place comes into force without
//! a reload.

use jiff::Timestamp;
use tracing::info;

use super::ServerState;
use crate::logging::log_problems;
use cvdns_core::problem::{Problem, Problems, Severity};
use cvdns_net::memory::give_back;

impl ServerState {
    /// Whether another country database than the one in force is to be read. This asks the system
    /// for the file's size and times, and reads nothing.
    pub(in crate::daemon) fn has_new_database(&self) -> bool {
        self.countries.is_new(&self.loaded.countries)
    }

    /// Reads the country database again, compiles all that depends on it, and puts it in force. One
    /// that cannot be used changes nothing.
    ///
    /// This takes as long as a reload. Queries are answered meanwhile.
    pub(in crate::daemon) fn read_database(&mut self, now: Timestamp) {
        // The version before it is read: what replaces it meanwhile is looked at afterwards.
        let found = self.loaded.countries.found();
        let mut problems = Problems::default();
        let read = self.loaded.countries.read_again(&self.loaded.config, &mut problems);
        if let Some(error) = first_error(&problems) {
            self.countries.refuse(&self.loaded.countries, found, &error);
            return self.show();
        }
        if read.version().is_none() {
            self.countries.refuse(&self.loaded.countries, found, "there is no file any more");
            return self.show();
        }
        log_problems(&problems);
        give_back();
        let before = std::mem::replace(&mut self.loaded.inputs.countries, read.map.clone());
        let required = self.publisher.required().clone();
        let mut problems = Problems::default();
        let compiled = self.publisher.compile_static(&self.loaded.inputs, required, &mut problems);
        let Some(static_data) = compiled else {
            self.loaded.inputs.countries = before;
            let error = first_error(&problems).unwrap_or_default();
            self.countries.refuse(&self.loaded.countries, found, &error);
            return self.show();
        };
        self.reporter.log_problems(&problems);
        self.loaded.countries = read;
        self.countries.took();
        self.publish_fitting(static_data, now);
        let described = &self.loaded.countries.described;
        let path = self.loaded.countries.path.as_deref().map(|path| path.display().to_string());
        info!(path, "another country database is in force: {described}");
    }

    /// Refuses the country database that lies in the place of the one in force, for this reason.
    pub(in crate::daemon) fn refuse_database(&mut self, why: &str) {
        let found = self.loaded.countries.found();
        self.countries.refuse(&self.loaded.countries, found, why);
        self.show();
    }
}

fn first_error(problems: &Problems) -> Option<String> {
    problems.iter().find(|problem| problem.severity == Severity::Error).map(Problem::to_string)
}
