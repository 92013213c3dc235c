//! The country database, while the server runs: another file in its place comes into force without
//! a reload.

use jiff::Timestamp;
use tracing::{info, warn};

use super::ServerState;
use crate::load::DatabaseSize;
use crate::logging::log_problems;
use cvdns_core::geo::date::date_text;
use cvdns_core::problem::{Location, Problem, Problems, Severity};
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
        let before = self.loaded.countries.size;
        let read = self.loaded.countries.read_again(&self.loaded.config, &mut problems);
        if let Some(error) = first_error(&problems) {
            self.countries.refuse(&self.loaded.countries, found, &error);
            return self.show();
        }
        if read.version().is_none() {
            self.countries.refuse(
                &self.loaded.countries,
                found,
                &self.database_problem("there is no file any more", ""),
            );
            return self.show();
        }
        log_problems(&problems);
        give_back();
        let map_before = std::mem::replace(&mut self.loaded.inputs.countries, read.map.clone());
        let required = self.publisher.required().clone();
        let mut problems = Problems::default();
        let compiled = self.publisher.compile_static(&self.loaded.inputs, required, &mut problems);
        let Some(static_data) = compiled else {
            self.loaded.inputs.countries = map_before;
            let error = first_error(&problems)
                .unwrap_or_else(|| self.database_problem("nothing can be compiled with it", ""));
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
        warn_of_older(before, self.loaded.countries.size, described);
    }

    /// Forgets a country database that was refused, if the one in force has been put back.
    pub(in crate::daemon) fn follow_restored_database(&mut self) {
        if self.countries.is_back(&self.loaded.countries) {
            self.countries.forget();
            info!("the country database can be used again: {}", self.loaded.countries.described);
            self.show();
        }
    }

    /// Refuses the country database that lies in the place of the one in force, for this reason.
    pub(in crate::daemon) fn refuse_database(&mut self, why: &str, help: &str) {
        let found = self.loaded.countries.found();
        let problem = self.database_problem(why, help);
        self.countries.refuse(&self.loaded.countries, found, &problem);
        self.show();
    }

    /// Something wrong with the file as a whole.
    fn database_problem(&self, what: &str, help: &str) -> Problem {
        let path = self.loaded.countries.path.as_deref();
        let name = path.map(|path| path.display().to_string()).unwrap_or_default();
        Problem {
            severity: Severity::Error,
            location: Location::file(&name),
            what: what.to_owned(),
            help: help.to_owned(),
        }
    }
}

/// Warns if the database in force was made before the one that it replaced: a mirror of databases
/// that fell back, or a wrong file.
fn warn_of_older(before: Option<DatabaseSize>, now: Option<DatabaseSize>, described: &str) {
    let built = |size: Option<DatabaseSize>| size.map(|size| size.built);
    let (Some(before), Some(now)) = (built(before), built(now)) else { return };
    if now < before {
        let before = date_text(before.cast_signed());
        warn!(
            "the country database in force is older than the one before, which is of {before}: \
             {described}"
        );
    }
}

fn first_error(problems: &Problems) -> Option<Problem> {
    problems.iter().find(|problem| problem.severity == Severity::Error).cloned()
}
