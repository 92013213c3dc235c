//! The operator's overrides: their file may appear, change and go away, and each override may end
//! by itself.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::info;

use super::feed_poller::FetchResult;
use super::followed_document::FollowedDocument;
use crate::load::remote::Fetched;
use crate::load::{FeedSource, OverridesFile, OverridesLook, SignedOverrides};
use crate::logging::{Changes, LogOnce, log_first, log_problems, warn_as};
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Keys, Override, Overrides};
use cvdns_core::problem::{Problem, Problems, Severity};

/// The overrides, and what was logged of them.
#[derive(Debug, Default)]
pub(super) struct OverridesState {
    file: OverridesFile,
    /// What is known of the document that comes from elsewhere.
    remote: FollowedDocument<FeedSource, SignedOverrides>,
    /// The overrides of the file, and behind them those of that document.
    joined: Overrides,
    /// Why the file cannot be used.
    complaint: LogOnce,
    in_force: LogOnce<Logged>,
}

/// What became of overrides that were fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TakenOverrides {
    /// Those in force are the same as before.
    Unchanged,
    /// Others are in force.
    Replaced,
    /// They are refused now, and may be taken when they are fetched again.
    Undecided,
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
    /// Takes over a file that was just read. A document that came from elsewhere goes on until
    /// another one comes from where the configuration says.
    pub(super) fn take_over(&mut self, file: &OverridesFile) {
        let before = std::mem::replace(&mut self.file, file.clone());
        // Of the same source, what is wrong there is wrong until it was fetched again.
        if self.file.remote == before.remote {
            self.remote.say_again();
        } else {
            self.remote.forget();
        }
        self.complaint.clear();
        self.join();
    }

    /// Puts overrides in force that an earlier run of the server has kept.
    pub(super) fn resume(&mut self, source: FeedSource, kept: SignedOverrides) {
        self.remote.adopt(source, kept);
        self.join();
    }

    /// Puts the overrides of the file before those of the document, if any may still come.
    fn join(&mut self) {
        let others = self.remote.newest().filter(|_| self.file.remote.is_some());
        self.joined = match others {
            Some(others) => {
                others.overrides.preceded_by(self.file.overrides.iter().cloned().collect())
            }
            None => self.file.overrides.clone(),
        };
    }

    /// Takes over the overrides that were fetched, if they are good and newer than those in force.
    pub(super) fn take_fetched<'f>(
        &mut self,
        fetched: FetchResult,
        keys: Option<&Keys>,
        fleets: impl Iterator<Item = &'f Fleet>,
        now: Timestamp,
    ) -> TakenOverrides {
        let Some(source) = self.file.remote.clone() else { return TakenOverrides::Unchanged };
        let judged = match fetched {
            Ok(Fetched::NotModified) => {
                self.remote.is_same();
                return TakenOverrides::Unchanged;
            }
            Ok(Fetched::New { octets, signature }) => {
                SignedOverrides::judge(&source.to_string(), octets, signature, keys)
            }
            // There need not be any for all servers.
            Err(error) if error.is_absence() && self.remote.of(&source).is_none() => {
                self.remote.accept();
                return TakenOverrides::Unchanged;
            }
            Err(error) => Err(error.into()),
        };
        let news = judged.and_then(|offered| {
            self.remote.is_news(&source, &offered).map(|is_news| is_news.then_some(offered))
        });
        match news {
            Ok(None) => {
                self.remote.accept();
                TakenOverrides::Unchanged
            }
            Ok(Some(document)) => {
                let mut warnings = Problems::default();
                document.overrides.check(&fleets.collect::<Vec<_>>(), &mut warnings);
                log_problems(&warnings);
                let serial = document.serial;
                info!(source = %source, "overrides {serial} of {source} are in force");
                self.resume(source, document);
                TakenOverrides::Replaced
            }
            Err(error) => {
                let meanwhile = self.meanwhile(now);
                self.remote.refuse(&source, &error, &meanwhile);
                let is_final = error.is_final();
                if is_final { TakenOverrides::Unchanged } else { TakenOverrides::Undecided }
            }
        }
    }

    /// The source of overrides for several servers, and its document in force.
    pub(super) fn document(&self) -> Option<(&FeedSource, &SignedOverrides)> {
        let source = self.file.remote.as_ref()?;
        Some((source, self.remote.of(source)?))
    }

    /// Why other overrides than those in force are not taken, for people.
    pub(super) fn complaint(&self, now: Timestamp) -> Option<String> {
        let remote = self.remote_source().zip(self.remote.complaint());
        let remote =
            remote.map(|(source, why)| format!("the overrides {source} are not taken: {why}"));
        let complaints = self.complaint.current().iter().cloned().chain(remote);
        let complaint = complaints.collect::<Vec<_>>().join("; ");
        (!complaint.is_empty()).then(|| format!("{complaint}; {}", self.meanwhile(now)))
    }

    /// Whether the file or the document at the URL can be used; `None` if the configuration names
    /// neither.
    pub(super) fn is_usable(&self) -> Option<bool> {
        let is_named = self.file.remote.is_some() || self.file.path.is_some();
        is_named.then(|| self.complaint.current().is_empty() && self.remote.complaint().is_none())
    }

    /// Where overrides for several servers come from: a URL or NATS.
    pub(super) fn remote_source(&self) -> Option<&FeedSource> {
        self.file.remote.as_ref()
    }

    /// Whether the configuration names a URL, which is to have overrides.
    pub(super) fn has_url(&self) -> bool {
        self.remote_source().is_some_and(|source| source.url().is_some())
    }

    /// What is known of the document that comes from elsewhere.
    pub(super) fn remote(&self) -> &FollowedDocument<FeedSource, SignedOverrides> {
        &self.remote
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
        if self.file.path.is_none() {
            return false;
        }
        let fleets: Vec<&Fleet> = fleets.collect();
        match self.file.look(&fleets) {
            OverridesLook::Same => {
                if self.complaint.clear() {
                    let path = self.file.path.as_deref().map(|path| path.display().to_string());
                    info!(path, "the overrides can be used again");
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

    /// All overrides, those that have ended too.
    pub(super) fn overrides(&self) -> &Overrides {
        &self.joined
    }

    /// The overrides in force.
    pub(super) fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &Override> {
        self.overrides().in_force(now)
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
            warn_as(first, &format!("{complaint}; {}", self.meanwhile(now)));
        }
    }

    /// What is in force while a file or a document cannot be used.
    pub(super) fn meanwhile(&self, now: Timestamp) -> String {
        match self.in_force(now).count() {
            0 => "none are in force".to_owned(),
            1 => "the one in force goes on".to_owned(),
            count => format!("the {count} in force go on"),
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
