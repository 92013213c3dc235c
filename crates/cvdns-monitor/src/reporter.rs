//! Writes the report of a monitor among several: what it last found of each address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::warn;

use super::publish::{put, serial};
use super::rule::Evidence;
use super::sign::Signer;
use super::stored::StoredState;
use super::target::Target;
use crate::MonitorInputs;
use cvdns_core::problem::excerpt;
use cvdns_core::report::{MAX_REPORT_SIZE, Report, Sighting};
use cvdns_io::read_bytes;

/// Most characters of a reason in a report.
const LONGEST_REASON: usize = 200;

/// A report follows a check within this time, even if the result is as before.
const RENEW: Duration = Duration::from_secs(60);

/// Changes are collected for this long.
const COLLECT: Duration = Duration::from_secs(1);

/// What the next report would have that the last one has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    None,
    /// Later checks with the same results.
    Checks,
    /// Other results.
    Changes,
}

/// Writes reports.
pub(super) struct Reporter {
    path: PathBuf,
    signer: Signer,
    name: String,
    interval: Duration,
    publish_every: Duration,
    sightings: BTreeMap<String, BTreeMap<IpAddr, Sighting>>,
    news: News,
    written: Option<Instant>,
}

impl Reporter {
    /// A reporter of these inputs.
    pub(super) fn new(inputs: &MonitorInputs, signer: Option<Signer>) -> Result<Self, String> {
        let settings = &inputs.settings;
        let name = settings.name.clone().ok_or("the monitor has no `name`")?;
        let signer = signer.ok_or("a report is signed, and there is no `secret-key`")?;
        Ok(Self {
            path: inputs.report.clone(),
            signer,
            name,
            interval: settings.interval,
            publish_every: settings.publish_every.min(settings.interval),
            sightings: BTreeMap::new(),
            news: News::None,
            written: None,
        })
    }

    /// Goes on with what was found before a reload.
    #[must_use]
    pub(super) fn after(self, before: Self) -> Self {
        let Self { sightings, news, written, .. } = before;
        Self { sightings, news, written, ..self }
    }

    /// Reads the report that was written last. What is in it need not be checked again at once, and
    /// the next serial is above its own.
    pub(super) fn begin(&mut self, stored: &mut StoredState) {
        if !self.path.exists() {
            return;
        }
        let read = read_bytes(&self.path, MAX_REPORT_SIZE as u64);
        let report = read.and_then(|of| Report::parse(&of).map_err(|error| error.to_string()));
        match report {
            Ok(report) if report.monitor == self.name => {
                stored.serial = stored.serial.max(report.serial);
                if self.sightings.is_empty() {
                    self.sightings = report.mirrors;
                }
            }
            Ok(report) => {
                let (path, other) = (self.path.display(), report.monitor);
                warn!("the report that is replaced, {path}, is of another monitor, {other}");
            }
            Err(error) => {
                let path = self.path.display();
                warn!("the report that is replaced, {path}, is not usable: {error}");
            }
        }
    }

    /// Takes the result of a check.
    pub(super) fn note(&mut self, target: &Target, evidence: &Evidence, now: Timestamp) {
        let cut = |reason: &String| excerpt(reason, LONGEST_REASON);
        let evidence = match evidence {
            Evidence::Faulty(reason) => Evidence::Faulty(cut(reason)),
            Evidence::Dead(reason) => Evidence::Dead(cut(reason)),
            Evidence::Unchecked(reason) => Evidence::Unchecked(cut(reason)),
            good => good.clone(),
        };
        let addresses = self.sightings.entry(target.host.clone()).or_default();
        let kind = std::mem::discriminant(&evidence);
        let before = addresses.insert(target.address, Sighting { checked: now, evidence });
        let is_same = before.is_some_and(|of| std::mem::discriminant(&of.evidence) == kind);
        self.news = self.news.max(if is_same { News::Checks } else { News::Changes });
    }

    /// The numbers of the targets of which nothing is known.
    pub(super) fn lacks(&self, targets: &[Target], now: Timestamp) -> Vec<usize> {
        let lacks = |target: &Target| {
            let found = self.sightings.get(&target.host).and_then(|of| of.get(&target.address));
            found.is_none() && !target.is_away(now)
        };
        let all = targets.iter().enumerate();
        all.filter(|(_, target)| lacks(target)).map(|(number, _)| number).collect()
    }

    /// The time until a report is due, of a monitor that has checked all of its targets, or that
    /// started this long ago.
    pub(super) fn until_due(&self, knows_all: bool, started: Instant) -> Duration {
        let Some(written) = self.written else {
            let all = Duration::ZERO;
            let some = self.publish_every.saturating_sub(started.elapsed());
            return if knows_all { all } else { some };
        };
        let pause = match self.news {
            News::None => self.publish_every,
            News::Checks => self.publish_every.min(RENEW),
            News::Changes => self.publish_every.min(COLLECT),
        };
        pause.saturating_sub(written.elapsed())
    }

    /// Writes a report on these targets, and its serial into the memory.
    pub(super) fn publish(
        &mut self,
        stored: &mut StoredState,
        targets: &[Target],
        now: Timestamp,
    ) -> Result<(), String> {
        let serial = serial(stored.serial, now)
            .ok_or("the report's serial cannot rise any more: name another `state`")?;
        let mut mirrors: BTreeMap<String, BTreeMap<IpAddr, Sighting>> = BTreeMap::new();
        for Target { host, address, .. } in targets {
            let found = self.sightings.get(host).and_then(|of| of.get(address));
            if let Some(found) = found {
                // A clock that went back must not make the report one that contradicts itself.
                let sighting = Sighting { checked: found.checked.min(now), ..found.clone() };
                mirrors.entry(host.clone()).or_default().insert(*address, sighting);
            }
        }
        let (monitor, interval) = (self.name.clone(), self.interval);
        let report = Report { monitor, serial, generated: now, interval, mirrors };
        let octets = report.to_text()?;
        // A report that would be refused must not replace one that was accepted.
        Report::parse(&octets)
            .map_err(|error| format!("the report just made would be refused: {error}"))?;
        put(&self.path, Some(&self.signer), &octets, serial, now)?;
        stored.serial = serial;
        self.sightings = report.mirrors;
        (self.news, self.written) = (News::None, Some(Instant::now()));
        Ok(())
    }
}
