//! Writes the pages of a moment: those that may have changed are made and compared with what is
//! there.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use cvdns_core::geo::country::Country;
use cvdns_core::health::Overrides;
use cvdns_pages::network::MOST_CHANGES;
use cvdns_pages::{MirrorRow, MirrorsPage, NetworkChange, Notice, place, style};

use super::answers::{Answering, Answers};
use super::directory::{Directory, WriteError};
use super::facts::{Facts, MirrorFacts, notice};
use super::overrides::LastOverrides;
use super::own::Own;
use super::past::{Archive, Past};
use super::renewal::renewal;
use super::seen::{Moment, Seen, Setting};
use super::{json, mirror, network};

/// The files of a mirror, in the order in which they are written.
const MIRROR_FILES: [&str; 4] =
    [place::MIRROR_BADGE, place::MIRROR_ATOM, place::MIRROR_JSON, place::MIRROR_PAGE];

/// Writes pages again and again, and keeps what it needs to know what has changed.
#[derive(Default)]
pub(super) struct Writer {
    setting: Option<Arc<Setting>>,
    directory: Option<Directory>,
    overrides: LastOverrides,
    /// What servers answer; the error says why that is not known.
    answering: Option<Result<Answering, String>>,
    /// What was written of each mirror, by host.
    known: HashMap<String, Written>,
    /// The last changes of the network, the newest first.
    changes: Vec<NetworkChange>,
    /// How far the history was read.
    progress: Option<i64>,
    /// Why it could not be read in this round; `None` if it could.
    no_history: Option<String>,
}

/// What was written of a mirror.
#[derive(Debug, Clone)]
struct Written {
    /// The hash of all that its page was made from, but for its history; `None` if a file of it
    /// could not be written.
    fingerprint: Option<u64>,
    /// The available part of the last 30 days, from 0 to 1.
    available: Option<f64>,
    /// How its state changed.
    own: Own,
}

/// What has come of a round.
#[derive(Debug)]
pub(super) struct Round {
    /// The number of files that were written.
    pub(super) written: u64,
    /// What is missing: single files that could not be written.
    pub(super) troubles: Vec<String>,
    /// Why the history could not be read; `None` if it could.
    pub(super) no_history: Option<String>,
}

impl Writer {
    /// Writes the pages of a moment. `ends` tells it to stop.
    ///
    /// # Errors
    /// When nothing more can be written, or nothing true. What is there is whole, and older.
    pub(super) fn write(&mut self, seen: &Seen, ends: &AtomicBool) -> Result<Round, String> {
        self.renew(&seen.setting);
        self.no_history = None;
        let inputs = &seen.setting.inputs;
        let read = self.overrides.read(inputs.overrides.as_ref())?;
        let mut directory = match self.directory.take() {
            Some(directory) => directory,
            None => Directory::open(&inputs.directory)?,
        };
        let mut notices = Vec::new();
        if read.are_earlier {
            // The path and the text are the operator's own.
            let text = "These are the last ones that could be. `cvdns check` says why.";
            notices.push(notice("The operator's overrides cannot be read", text));
        }
        let overrides = read.overrides;
        let answers = self.answers(seen, &overrides, &mut notices);
        let facts = Facts::new(seen, answers.as_ref(), &overrides, notices);
        let before = directory.written;
        let mut troubles = Vec::new();
        self.write_all(&facts, &mut directory, &mut troubles, ends)?;
        let written = directory.written - before;
        troubles.sort();
        troubles.dedup();
        self.directory = Some(directory);
        Ok(Round { written, troubles, no_history: self.no_history.clone() })
    }

    /// Reads the overrides of a setting.
    ///
    /// # Errors
    /// When they cannot be used, and never could. Otherwise the log says it.
    pub(super) fn look(&mut self, setting: &Arc<Setting>) -> Result<(), String> {
        self.renew(setting);
        self.overrides.read(setting.inputs.overrides.as_ref()).map(drop)
    }

    /// Takes the setting of a moment. After a reload everything is read and compared again.
    fn renew(&mut self, setting: &Arc<Setting>) {
        if self.setting.as_ref().is_some_and(|before| Arc::ptr_eq(before, setting)) {
            return;
        }
        let overrides = std::mem::take(&mut self.overrides);
        *self = Self { setting: Some(Arc::clone(setting)), overrides, ..Self::default() };
    }

    /// What servers answer; `None`, with a notice, if that is not known.
    fn answers(
        &mut self,
        seen: &Seen,
        overrides: &Overrides,
        notices: &mut Vec<Notice>,
    ) -> Option<Answers> {
        let inputs = &seen.setting.inputs;
        let answering =
            self.answering.get_or_insert_with(|| inputs.answers.read().map(Answering::new));
        let Seen { now, feed, .. } = seen;
        let moment = Moment { now: *now, feed, overrides, max_age: seen.setting.max_age };
        let answered = match answering {
            Ok(answering) => answering.at(&moment),
            Err(error) => Err(error.clone()),
        };
        let title = "Shares of answers are not known";
        let answers = answered.map_err(|error| notices.push(notice(title, &error))).ok()?;
        if !answers.knows_countries {
            let text = "There is no country database that can be used: `cvdns check` says why.";
            notices.push(notice(title, text));
        }
        Some(answers)
    }

    fn write_all(
        &mut self,
        facts: &Facts<'_>,
        directory: &mut Directory,
        troubles: &mut Vec<String>,
        ends: &AtomicBool,
    ) -> Result<(), String> {
        // A clock that was ahead has left changes of the future.
        self.changes.retain(|of| of.change.at <= facts.seen.now);
        let names = names(facts);
        directory.claim(names.iter().cloned())?;
        let mut files = Files { directory, troubles };
        files.put(place::STYLE, style::STYLE.as_bytes())?;
        files.put(place::ICON, style::ICON.as_bytes())?;
        self.write_mirrors(facts, &mut files, ends)?;
        if ends.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.write_network(facts, &mut files)?;
        directory.keep(&names, troubles)?;
        let there: BTreeSet<&str> =
            facts.mirrors.iter().map(|of| of.mirror.host.as_str()).collect();
        self.known.retain(|host, _| there.contains(host.as_str()));
        Ok(())
    }

    /// Writes the pages of the mirrors that may have changed.
    fn write_mirrors(
        &mut self,
        facts: &Facts<'_>,
        files: &mut Files<'_>,
        ends: &AtomicBool,
    ) -> Result<(), String> {
        let (archive, changed) = self.archive(&facts.seen.setting.state);
        let mut wanted: HashMap<&str, (&MirrorFacts<'_>, u64)> = HashMap::new();
        for of in &facts.mirrors {
            let host = of.mirror.host.as_str();
            let fingerprint = fingerprint(facts, of);
            let same =
                self.known.get(host).is_some_and(|known| known.fingerprint == Some(fingerprint));
            if !same || changed.contains(host) {
                wanted.insert(host, (of, fingerprint));
            }
        }
        let mut result = Ok(());
        let hosts: BTreeSet<String> = wanted.keys().map(|host| (*host).to_owned()).collect();
        if let Some(archive) = &archive {
            let read = archive.each(&hosts, facts.seen.now, &mut |host, past| {
                if result.is_err() || ends.load(Ordering::Relaxed) {
                    return;
                }
                if let Some((of, fingerprint)) = wanted.remove(host) {
                    result = self.write_mirror(facts, of, (past, fingerprint), files);
                }
            });
            if let Err(error) = read {
                self.lack_history(error);
            }
        }
        result?;
        for (of, fingerprint) in wanted.into_values() {
            if ends.load(Ordering::Relaxed) {
                break;
            }
            self.write_mirror(facts, of, (Past::default(), fingerprint), files)?;
        }
        Ok(())
    }

    /// The history, and the hosts of which something was recorded since the last round.
    fn archive(&mut self, state: &Path) -> (Option<Archive>, BTreeSet<String>) {
        let mut open = || {
            let archive = Archive::open(state)?;
            let changed = archive.as_ref().map(|archive| archive.changed(&mut self.progress));
            Ok((archive, changed.transpose()?.unwrap_or_default()))
        };
        open().unwrap_or_else(|error: String| {
            self.lack_history(error);
            (None, BTreeSet::new())
        })
    }

    /// Notes that the history cannot be read. Once it can, all pages are made anew.
    fn lack_history(&mut self, error: String) {
        self.progress = None;
        self.no_history = Some(error);
    }

    /// What readers must know if the history cannot be read.
    fn history_notice(&self) -> Option<Notice> {
        // The error names paths of the operator.
        let text = "The history of the checks cannot be read. States are current all the same.";
        self.no_history.as_ref().map(|_| notice("Availability is not known", text))
    }

    fn write_mirror(
        &mut self,
        facts: &Facts<'_>,
        of: &MirrorFacts<'_>,
        (past, fingerprint): (Past, u64),
        files: &mut Files<'_>,
    ) -> Result<(), String> {
        let mut own = match self.known.get(&of.mirror.host) {
            Some(known) => known.own.clone(),
            None => Own::read(&facts.seen.setting.inputs.directory, &of.mirror.host),
        };
        let mut page = mirror::page(facts, of, past, &mut own);
        page.notices.extend(self.history_notice());
        let contents = [
            mirror::badge(&page).to_svg().into_bytes(),
            mirror::atom(&page).to_xml().into_bytes(),
            json::mirror(&page)?,
            page.to_html().into_bytes(),
        ];
        let troubles = files.troubles.len();
        for (file, content) in MIRROR_FILES.iter().zip(contents) {
            files.put(&place::mirror_file(&page.host, file), &content)?;
        }
        let fingerprint = Some(fingerprint).filter(|_| files.troubles.len() == troubles);
        let available = page.history.month.available;
        self.known.insert(page.host.clone(), Written { fingerprint, available, own });
        self.note_changes(&page.host, page.changes);
        Ok(())
    }

    /// Takes the changes of a mirror into the list of the network.
    fn note_changes(&mut self, host: &str, changes: Vec<cvdns_pages::Change>) {
        let oldest = self.changes.get(MOST_CHANGES - 1).map(|last| last.change.at);
        let news = changes.into_iter().take(MOST_CHANGES);
        let mut news: Vec<NetworkChange> = news
            .filter(|change| change.from.is_some())
            .filter(|change| oldest.is_none_or(|oldest| change.at >= oldest))
            .map(|change| NetworkChange { host: host.to_owned(), change })
            .collect();
        if news.is_empty() {
            return;
        }
        self.changes.retain(|change| change.host != host);
        self.changes.append(&mut news);
        self.changes.sort_by(|a, b| b.change.at.cmp(&a.change.at).then(a.host.cmp(&b.host)));
        self.changes.truncate(MOST_CHANGES);
    }

    /// Writes the pages of countries, and then the network's page, which links to all others.
    fn write_network(&self, facts: &Facts<'_>, files: &mut Files<'_>) -> Result<(), String> {
        let countries = network::countries(facts);
        for row in &countries {
            let mirrors = network::members(facts, row.country).map(|of| self.row(facts, of));
            let page = network::country(facts, row, mirrors.collect());
            files.put(&place::country_page(row.country), page.to_html().as_bytes())?;
        }
        let mut rows: Vec<MirrorRow> = facts.mirrors.iter().map(|of| self.row(facts, of)).collect();
        rows.sort_by(|a, b| a.host.cmp(&b.host));
        let mut page = network::page(facts, countries, network::out(&rows), self.changes.clone());
        page.notices.extend(self.history_notice());
        files.put(place::NETWORK_JSON, &json::network(&page, &rows)?)?;
        let mirrors = MirrorsPage { site: facts.site.clone(), mirrors: rows };
        files.put(place::MIRRORS, mirrors.to_html().as_bytes())?;
        files.put(place::INDEX, page.to_html().as_bytes())
    }

    fn row(&self, facts: &Facts<'_>, of: &MirrorFacts<'_>) -> MirrorRow {
        let known = self.known.get(&of.mirror.host);
        let unknown = Own::default();
        let own = known.map_or(&unknown, |known| &known.own);
        mirror::row(facts, of, known.and_then(|known| known.available), own)
    }
}

/// The files of a round.
struct Files<'d> {
    directory: &'d mut Directory,
    troubles: &'d mut Vec<String>,
}

impl Files<'_> {
    /// Writes a file. If that fails, and others can be written all the same, it is noted.
    fn put(&mut self, name: &str, content: &[u8]) -> Result<(), String> {
        match self.directory.put(name, content) {
            Err(WriteError { what, is_of_one: false }) => Err(what),
            Err(WriteError { what, .. }) => {
                self.troubles.push(what);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// The names of all pages.
fn names(facts: &Facts<'_>) -> BTreeSet<String> {
    let fixed = [place::INDEX, place::MIRRORS, place::STYLE, place::ICON, place::NETWORK_JSON];
    let countries = Country::all().map(place::country_page);
    let mirrors = facts
        .mirrors
        .iter()
        .flat_map(|of| MIRROR_FILES.iter().map(|file| place::mirror_file(&of.mirror.host, file)));
    fixed.into_iter().map(str::to_owned).chain(countries).chain(mirrors).collect()
}

/// The hash of all that the page of a mirror is made from, but for its history: that changes with
/// the checks, whose times are in the rows, and with the hour.
fn fingerprint(facts: &Facts<'_>, of: &MirrorFacts<'_>) -> u64 {
    let Seen { now, feed, .. } = facts.seen;
    let mut hasher = DefaultHasher::new();
    of.rows.hash(&mut hasher);
    of.addresses.hash(&mut hasher);
    format!("{:?}{:?}", of.condition, facts.seen.frozen).hash(&mut hasher);
    format!("{:?}", of.status).hash(&mut hasher);
    of.share.map(f64::to_bits).hash(&mut hasher);
    facts.any_usable.hash(&mut hasher);
    feed.release.as_ref().map(cvdns_core::release::Release::core).hash(&mut hasher);
    renewal(&of.mirror.host, *now).hash(&mut hasher);
    let to_come = |to: Timestamp| to > *now;
    of.mirror.downtimes.iter().filter(|of| to_come(of.to)).count().hash(&mut hasher);
    let not_for = feed.mirrors.get(&of.mirror.host).map(|listed| &listed.not_for);
    not_for.into_iter().flatten().for_each(|area| area.hash(&mut hasher));
    hasher.finish()
}
