//! The members whose reports are combined: their last reports, what is wrong with those that came
//! since, and how each of them stands.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tracing::{info, warn};

use super::combine::{Combined, Family, Seat, SeatVerdict};
use super::signed_report::{Arrived, ReportSource, SignedReport};
use cvdns_core::config::Member;
use cvdns_core::health::signature_path;
use cvdns_core::report::{MAX_REPORT_SIZE, Report, ReportError};
use cvdns_io::{read_bytes, read_signature, replace};

/// All members.
pub(super) struct Roster {
    entries: Vec<Entry>,
    /// Where their last reports are kept for the next start.
    directory: PathBuf,
}

struct Entry {
    member: Member,
    source: ReportSource,
    report: Option<Report>,
    /// Whether its report was read, or tried to be, since the start.
    is_heard: bool,
    /// The reason for which its last report was refused.
    complaint: Option<&'static str>,
    refused: BTreeMap<&'static str, u64>,
    /// Addresses in its report that the fleet does not have.
    unknown: usize,
    standing: Option<Standing>,
    verdict: Option<SeatVerdict>,
}

/// How a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Silent,
    Late,
    /// In IPv4, and in IPv6.
    Insane([bool; 2]),
    Spare,
    Counted,
}

/// A member, for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MemberStatus {
    pub(super) name: String,
    /// When its last report was written, in Unix seconds; 0: there is none.
    pub(super) reported: i64,
    pub(super) is_fresh: bool,
    pub(super) is_sane: [bool; 2],
    pub(super) votes: bool,
    pub(super) unknown: usize,
    pub(super) refused: BTreeMap<&'static str, u64>,
}

impl Roster {
    /// The members, with the reports that are kept from earlier runs.
    pub(super) fn open(members: &[(Member, ReportSource)], state: &Path) -> Self {
        let directory = state.join("reports");
        let entry = |(member, source): &(Member, ReportSource)| Entry {
            report: kept(&directory, member),
            member: member.clone(),
            source: source.clone(),
            is_heard: false,
            complaint: None,
            refused: BTreeMap::new(),
            unknown: 0,
            standing: None,
            verdict: None,
        };
        Self { entries: members.iter().map(entry).collect(), directory }
    }

    /// Takes new members after a reload. Those with the same name and keys keep their reports.
    pub(super) fn renew(&mut self, members: &[(Member, ReportSource)], state: &Path) {
        let before = std::mem::replace(self, Self::open(members, state));
        for old in before.entries {
            let is_same = |entry: &&mut Entry| {
                entry.member.name.value == old.member.name.value
                    && entry.member.public_key == old.member.public_key
            };
            if let Some(entry) = self.entries.iter_mut().find(is_same) {
                let Entry { member, source, .. } = entry;
                let (member, source) = (member.clone(), source.clone());
                *entry = Entry { member, source, is_heard: false, ..old };
            }
        }
    }

    /// The members, each with where its reports come from.
    pub(super) fn members(&self) -> impl Iterator<Item = (&Member, &ReportSource)> {
        self.entries.iter().map(|entry| (&entry.member, &entry.source))
    }

    /// Whether the report of every member was read, or tried to be, since the start.
    pub(super) fn has_heard_all(&self) -> bool {
        self.entries.iter().all(|entry| entry.is_heard)
    }

    /// Takes what came of reading the report of a member: `None` if it is as before. Returns
    /// whether there is a new one.
    pub(super) fn take(
        &mut self,
        number: usize,
        read: Result<Option<Arrived>, ReportError>,
        now: Timestamp,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(number) else { return false };
        entry.is_heard = true;
        let judged = read.and_then(|arrived| match arrived {
            Some(arrived) => {
                entry.accepts(&arrived.report, now).map(|is_new| (arrived, is_new)).map(Some)
            }
            None => Ok(None),
        });
        match judged {
            Ok(None) => false,
            Ok(Some((arrived, is_new))) => {
                entry.is_well();
                if is_new {
                    keep(&self.directory, &entry.member, &arrived.signed);
                    entry.report = Some(arrived.report);
                }
                is_new
            }
            Err(error) => {
                entry.refuse(&error);
                false
            }
        }
    }

    /// The seats, in the order of the members.
    pub(super) fn seats(&self) -> Vec<Seat<'_>> {
        let all = self.entries.iter();
        all.map(|of| Seat { member: &of.member, report: of.report.as_ref() }).collect()
    }

    /// Takes the judgement of the members, and logs what has changed of it. `fleet` are the
    /// addresses that there are.
    pub(super) fn judge(&mut self, combined: &Combined, fleet: &HashSet<(&str, IpAddr)>) {
        for (entry, verdict) in self.entries.iter_mut().zip(&combined.seats) {
            entry.look_for_strangers(fleet);
            entry.judge(verdict);
        }
    }

    /// How the members stand, for metrics.
    pub(super) fn statuses(&self) -> Vec<MemberStatus> {
        self.entries.iter().map(Entry::status).collect()
    }
}

impl Entry {
    fn name(&self) -> &str {
        &self.member.name.value
    }

    /// Whether a report replaces the last one.
    fn accepts(&self, report: &Report, now: Timestamp) -> Result<bool, ReportError> {
        report.timely(now)?;
        self.report.as_ref().map_or(Ok(true), |last| report.follows(last))
    }

    fn is_well(&mut self) {
        if self.complaint.take().is_some() {
            let name = self.name();
            info!(monitor = name, "the report of {name} can be used again");
        }
    }

    fn refuse(&mut self, error: &ReportError) {
        let reason = error.reason();
        let count = self.refused.entry(reason).or_default();
        *count = count.saturating_add(1);
        if self.complaint == Some(reason) {
            return;
        }
        self.complaint = Some(reason);
        let (name, place) = (self.name(), self.source.place());
        let goes_on =
            if self.report.is_some() { "; the last one stays until it is late" } else { "" };
        warn!(
            monitor = name,
            reason, "the report of {name} is not used ({place}): {error}{goes_on}"
        );
    }

    fn look_for_strangers(&mut self, fleet: &HashSet<(&str, IpAddr)>) {
        let all = self.report.iter().flat_map(|report| &report.mirrors);
        let all = all.flat_map(|(host, of)| of.keys().map(move |of| (host.as_str(), *of)));
        let mut strangers = all.filter(|of| !fleet.contains(of));
        let first = strangers.next();
        let count = usize::from(first.is_some()).saturating_add(strangers.count());
        if let Some((host, address)) = first.filter(|_| count != self.unknown) {
            let name = self.name();
            warn!(
                monitor = name,
                "{name} reports on {count} addresses that are not in the fleet, such as {address} \
                 of {host}: they do not count"
            );
        }
        self.unknown = count;
    }

    fn judge(&mut self, verdict: &SeatVerdict) {
        let standing = match verdict {
            _ if self.report.is_none() => Standing::Silent,
            SeatVerdict { is_fresh: false, .. } => Standing::Late,
            SeatVerdict { is_sane: [true, true], votes: true, .. } => Standing::Counted,
            SeatVerdict { is_sane: [true, true], .. } => Standing::Spare,
            SeatVerdict { is_sane, .. } => Standing::Insane(*is_sane),
        };
        self.verdict = Some(verdict.clone());
        if self.standing == Some(standing) {
            return;
        }
        let before = self.standing.replace(standing);
        let name = self.name();
        match standing {
            Standing::Silent => warn!(monitor = name, "{name} has no report, and no vote"),
            Standing::Late => {
                let written = self.report.as_ref().map(|report| report.generated);
                let written = written.unwrap_or_default();
                warn!(
                    monitor = name,
                    "{name} is late, and has no vote: its last report is of {written}"
                );
            }
            Standing::Insane(_) => self.warn_of_insanity(verdict),
            Standing::Spare => info!(
                monitor = name,
                "{name} has no vote: another monitor of {} has it, or it has checked nothing yet",
                self.member.operator
            ),
            Standing::Counted if before.is_some() => info!(monitor = name, "{name} has a vote"),
            Standing::Counted => {}
        }
    }

    fn warn_of_insanity(&self, verdict: &SeatVerdict) {
        let name = self.name();
        for (family, agreement) in Family::BOTH.into_iter().zip(verdict.agreement) {
            if family.is_in(&[verdict.is_sane], 0) {
                continue;
            }
            let (family, seen, expected) = (family.name(), agreement.seen, agreement.expected);
            warn!(
                monitor = name,
                "{name} has no vote on {family}: of {expected} addresses that most others call \
                 up, it calls up {seen}. It has one again after 15 minutes with 95 %"
            );
        }
    }

    fn status(&self) -> MemberStatus {
        let verdict = self.verdict.as_ref();
        MemberStatus {
            name: self.name().to_owned(),
            reported: self.report.as_ref().map_or(0, |report| report.generated.as_second()),
            is_fresh: verdict.is_some_and(|of| of.is_fresh),
            is_sane: verdict.map(|of| of.is_sane).unwrap_or_default(),
            votes: verdict.is_some_and(|of| of.votes),
            unknown: self.unknown,
            refused: self.refused.clone(),
        }
    }
}

/// The file in which the last report of a member is kept.
fn path(directory: &Path, member: &Member) -> PathBuf {
    directory.join(format!("{}.json", member.name.value))
}

/// The report of an earlier run, if it is still one of this member.
fn kept(directory: &Path, member: &Member) -> Option<Report> {
    let path = path(directory, member);
    let octets = read_bytes(&path, MAX_REPORT_SIZE as u64).ok()?;
    let signature = read_signature(&signature_path(&path)).ok()?;
    Some(SignedReport { octets, signature }.judge(member).ok()?.report)
}

/// Keeps a report for the next start. What fails here only costs the next start its memory.
fn keep(directory: &Path, member: &Member, report: &SignedReport) {
    let path = path(directory, member);
    let Some(signature) = &report.signature else { return };
    let kept = std::fs::create_dir_all(directory)
        .and_then(|()| replace(&signature_path(&path), signature))
        .and_then(|()| replace(&path, &report.octets));
    if let Err(error) = kept {
        warn!("cannot keep the report {}: {error}", path.display());
    }
}
