//! The operator's overrides while the server runs: their file may come, change and go, and each may end by itself.

use std::path::PathBuf;

use jiff::Timestamp;
use tracing::{info, warn};

use super::{LOGGED, log_problems};
use crate::load::{OverridesFile, OverridesLook};
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Override, Overrides};
use cvdns_core::problem::{Problem, Problems, Severity};

/// What is said, and what was logged of it.
#[derive(Debug, Default)]
pub(super) struct Overriding {
    file: OverridesFile,
    /// What keeps the file from being used, as it was logged last.
    complaint: Option<String>,
    /// What was in force when it was logged last.
    logged: Vec<Override>,
}

impl Overriding {
    /// Takes over a file that was just read.
    pub(super) fn take_over(&mut self, file: &OverridesFile) {
        self.file = file.clone();
        self.complaint = None;
    }

    /// The file to watch.
    pub(super) fn watched(&self) -> Option<PathBuf> {
        self.file.path.clone()
    }

    /// Reads the file; true when it says something else than before. What is wrong with it is logged once, and what it said
    /// before goes on.
    pub(super) fn read<'f>(
        &mut self,
        fleets: impl Iterator<Item = &'f Fleet>,
        now: Timestamp,
    ) -> bool {
        let fleets: Vec<&Fleet> = fleets.collect();
        match self.file.look(&fleets) {
            OverridesLook::Same => {
                if self.complaint.take().is_some() {
                    info!("the overrides can be used again");
                }
                false
            }
            OverridesLook::News(file, warnings) => {
                log_problems(&warnings);
                self.take_over(&file);
                true
            }
            OverridesLook::Unusable(problems) => {
                self.complain(&problems, now);
                false
            }
        }
    }

    /// What is said.
    pub(super) fn overrides(&self) -> &Overrides {
        &self.file.overrides
    }

    /// How many of them are in force.
    pub(super) fn in_force(&self, now: Timestamp) -> usize {
        self.overrides().in_force(now).count()
    }

    fn complain(&mut self, problems: &Problems, now: Timestamp) {
        let errors: Vec<&Problem> =
            problems.iter().filter(|p| p.severity == Severity::Error).collect();
        let Some(first) = errors.first() else { return };
        let more = match errors.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more, which `cvdns check` shows"),
        };
        let complaint = format!("the overrides are not taken: {first}{more}");
        if self.complaint.as_ref() != Some(&complaint) {
            let goes_on = match self.in_force(now) {
                0 => "none are in force".to_owned(),
                count => format!("the {count} in force go on"),
            };
            warn!("{complaint}; {goes_on}");
            self.complaint = Some(complaint);
        }
    }

    /// Says what is in force otherwise than when it was logged last.
    pub(super) fn log(&mut self, now: Timestamp) {
        let in_force: Vec<Override> = self.overrides().in_force(now).cloned().collect();
        let mut lines = differences(&self.logged, &in_force).into_iter();
        for line in lines.by_ref().take(LOGGED) {
            info!("{line}");
        }
        let more = lines.count();
        if more > 0 {
            info!("{more} more overrides came into force, changed or ended");
        }
        self.logged = in_force;
    }
}

/// A line for each that came, changed or ended.
fn differences(before: &[Override], now: &[Override]) -> Vec<String> {
    let mut ended: Vec<&Override> = before.iter().filter(|said| !now.contains(said)).collect();
    let mut lines = Vec::new();
    for said in now.iter().filter(|said| !before.contains(said)) {
        match ended.iter().position(|old| old.host == said.host) {
            Some(old) => lines.push(format!("override changed: {said}, was {}", ended.remove(old))),
            None => lines.push(format!("override in force: {said}")),
        }
    }
    lines.extend(ended.iter().map(|said| format!("override ended: {said}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(of: &[(&str, &str)]) -> Vec<Override> {
        let one = |(host, state): &(&str, &str)| {
            format!("[[override]]\nhost = \"{host}\"\nstate = \"{state}\"\nreason = \"r\"\n")
        };
        let text: String = of.iter().map(one).collect();
        let overrides = Overrides::parse("o", &text, &mut Problems::default());
        overrides.in_force(Timestamp::UNIX_EPOCH).cloned().collect()
    }

    #[test]
    fn what_comes_changes_and_ends_is_said() {
        let before = said(&[("a", "down"), ("b", "down"), ("c", "up"), ("c", "old")]);
        let now = said(&[("d", "up"), ("b", "drained"), ("c", "old"), ("a", "down")]);
        let lines = differences(&before, &now);
        let expected = [
            "override in force: d up (r)",
            "override changed: b drained (r), was b down (r)",
            "override ended: c up (r)",
        ];
        assert_eq!(lines, expected);
        assert!(differences(&now, &now).is_empty());
    }
}
