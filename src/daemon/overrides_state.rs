//! The operator's overrides: their file may appear, change and go away, and each override may end
//! by itself.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{info, warn};

use crate::load::{OverridesFile, OverridesLook};
use crate::logging::{Changes, LogOnce, log_first, log_problems};
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Override, Overrides};
use cvdns_core::problem::{Problem, Problems, Severity};

/// The overrides, and what was logged of them.
#[derive(Debug, Default)]
pub(super) struct OverridesState {
    file: OverridesFile,
    /// Why the file cannot be used.
    complaint: LogOnce,
    in_force: LogOnce<Logged>,
}

/// An override as it is logged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Logged {
    host: String,
    state: String,
    reason: Arc<str>,
    text: String,
}

/// An override that came into force, changed or ended, and the sentence about it.
type LoggedChange = (Logged, String);

impl OverridesState {
    /// Takes over a file that was just read.
    pub(super) fn take_over(&mut self, file: &OverridesFile) {
        self.file = file.clone();
        self.complaint.clear();
    }

    /// The file to watch.
    pub(super) fn watched(&self) -> Option<PathBuf> {
        self.file.path.clone()
    }

    /// Reads the file, and returns whether it says something else than before. An unusable file is
    /// logged once, and the overrides that were read before stay.
    pub(super) fn read<'f>(
        &mut self,
        fleets: impl Iterator<Item = &'f Fleet>,
        now: Timestamp,
    ) -> bool {
        let fleets: Vec<&Fleet> = fleets.collect();
        match self.file.look(&fleets) {
            OverridesLook::Same => {
                if self.complaint.clear() {
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

    /// The overrides of the file, those that have ended too.
    pub(super) fn overrides(&self) -> &Overrides {
        &self.file.overrides
    }

    /// How many overrides are in force.
    pub(super) fn in_force(&self, now: Timestamp) -> usize {
        self.overrides().in_force(now).count()
    }

    fn complain(&mut self, problems: &Problems, now: Timestamp) {
        let errors: Vec<&Problem> =
            problems.iter().filter(|p| p.severity == Severity::Error).collect();
        let Some((first, others)) = errors.split_first() else { return };
        let more = match others.len() {
            0 => String::new(),
            more => format!(" and {more} more, which `cvdns check` shows"),
        };
        let complaint = format!("the overrides are not taken: {first}{more}");
        if self.complaint.is_new(complaint.clone()) {
            let in_force = match self.in_force(now) {
                0 => "none are in force".to_owned(),
                count => format!("the {count} in force go on"),
            };
            warn!("{complaint}; {in_force}");
        }
    }

    /// Logs which overrides came into force, changed or ended since this was called last.
    pub(super) fn log(&mut self, now: Timestamp) {
        let in_force: Vec<Logged> = self.overrides().in_force(now).map(Logged::of).collect();
        let lines = lines(self.in_force.update(in_force));
        log_first(
            lines,
            |(Logged { host, state, reason, .. }, line)| {
                info!(mirror = host, state, reason = &*reason, "{line}");
            },
            |more| {
                info!(count = more, "{more} more overrides came into force, changed or ended");
            },
        );
    }
}

impl Logged {
    fn of(entry: &Override) -> Self {
        Self {
            host: entry.host.clone(),
            state: entry.state.to_string(),
            reason: entry.reason.clone(),
            text: entry.to_string(),
        }
    }
}

/// A line for each override that came into force, changed or ended.
fn lines(changes: Changes<Logged>) -> Vec<LoggedChange> {
    let mut ended = changes.gone;
    let mut lines = Vec::new();
    for new in changes.new {
        let line = match ended.iter().position(|old| old.host == new.host) {
            Some(old) => {
                format!("override changed: {}, was {}", new.text, ended.remove(old).text)
            }
            None => format!("override in force: {}", new.text),
        };
        lines.push((new, line));
    }
    lines.extend(ended.into_iter().map(|old| {
        let line = format!("override ended: {}", old.text);
        (old, line)
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrides(of: &[(&str, &str)]) -> Vec<Logged> {
        let one = |(host, state): &(&str, &str)| {
            format!("[[override]]\nhost = \"{host}\"\nstate = \"{state}\"\nreason = \"r\"\n")
        };
        let text: String = of.iter().map(one).collect();
        let overrides = Overrides::parse("o", &text, &mut Problems::default());
        overrides.in_force(Timestamp::UNIX_EPOCH).map(Logged::of).collect()
    }

    #[test]
    fn overrides_that_come_change_and_end_are_logged() {
        let mut once = LogOnce::default();
        once.update(overrides(&[("a", "down"), ("b", "down"), ("c", "up"), ("c", "old")]));
        let now = overrides(&[("d", "up"), ("b", "drained"), ("c", "old"), ("a", "down")]);
        let expected = [
            "override in force: d up (r)",
            "override changed: b drained (r), was b down (r)",
            "override ended: c up (r)",
        ];
        let lines_of =
            |changes| -> Vec<String> { lines(changes).into_iter().map(|(_, line)| line).collect() };
        assert_eq!(lines_of(once.update(now.clone())), expected);
        assert!(lines(once.update(now)).is_empty());
    }
}
