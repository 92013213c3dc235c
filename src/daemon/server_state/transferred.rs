//! Zones that are transferred from primaries, while the server runs.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{info, warn};

use super::ServerState;
use crate::admin::TransferredCondition;
use crate::daemon::secondary::{
    Attempt, Checked, Confirmed, NewVersion, NotifyListener, Verdict, serial_of,
};
use crate::load::{CopyNote, TransferredZone, ZoneCopies, first_error, parse_transferred};
use crate::logging::log_problems;
use cvdns_core::problem::{Problems, plural};
use cvdns_core::snapshot::inputs::ExpandedZone;
use cvdns_core::snapshot::{StaticData, Unavailable};
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use cvdns_core::zone::Records;
use cvdns_transfer::incoming::SoaTimers;

impl ServerState {
    /// Takes over what came of a check. A version that cannot be served changes nothing.
    pub(in crate::daemon) fn take_checked(&mut self, checked: Checked, now: Timestamp) -> Verdict {
        let Checked { number, zone, confirmed, failed } = checked;
        self.checks.of_mut(&zone).count(&failed);
        let (is_good, records) = match confirmed {
            None => {
                let what = format!(
                    "the zone {zone} cannot be checked: {}; {}",
                    attempts(&failed),
                    self.meanwhile(&zone)
                );
                self.complain(&zone, &what);
                (false, None)
            }
            Some(Confirmed::Same { serial, primary }) => {
                self.checks.of_mut(&zone).confirmations += 1;
                self.confirm(&zone, &CopyNote::new(&zone, serial, now, primary), now);
                self.settle_complaint(&zone, &failed);
                (true, None)
            }
            Some(Confirmed::Newer(version)) => match self.take_version(&zone, *version, now) {
                Some(records) => {
                    self.settle_complaint(&zone, &failed);
                    (true, Some(records))
                }
                None => (false, None),
            },
        };
        let timers = self.records_of(&zone).and_then(|records| timers(&records));
        let check = self.checks.of_mut(&zone);
        let next = match timers.filter(|_| is_good) {
            Some(timers) => check.after_success(timers),
            None => check.after_failure(timers),
        };
        self.show();
        Verdict { number, records, next }
    }

    /// What answers NOTIFY.
    pub(in crate::daemon) fn notified(&self) -> &NotifyListener {
        &self.notified
    }

    /// Leaves transfers to another process, whose copies are followed from now on.
    pub(in crate::daemon) fn follow_copies(&mut self) {
        self.follows_copies = true;
    }

    /// The copies that are followed.
    pub(super) fn followed_copies(&self) -> impl Iterator<Item = PathBuf> + use<'_> {
        let copies = self.loaded.copies.as_ref().filter(|_| self.follows_copies);
        let paths = |copies: &'_ ZoneCopies| {
            let zones = self.loaded.transferred.iter();
            zones.map(|zone| copies.path(&zone.origin)).collect::<Vec<_>>()
        };
        copies.map(paths).into_iter().flatten()
    }

    /// Reads copies that another process has replaced. One that cannot be used changes nothing: the
    /// process that writes it has checked it, and replaces it again.
    pub(super) fn read_copies(&mut self, now: Timestamp) {
        let Some(copies) = self.loaded.copies.clone().filter(|_| self.follows_copies) else {
            return;
        };
        let mut changed = false;
        for number in 0..self.loaded.transferred.len() {
            let Some(zone) = self.loaded.transferred.get_mut(number) else { break };
            if let Some(note) = copies.note(&zone.origin) {
                zone.checked = Some(note.checked);
            }
            let (origin, version) = (zone.origin.clone(), copies.version(&zone.origin));
            if version == zone.version {
                continue;
            }
            zone.version = version;
            let Ok(Some(octets)) = copies.read(&origin) else { continue };
            let mut problems = Problems::default();
            let path = copies.path(&origin).display().to_string();
            let records = Arc::new(parse_transferred(&path, &octets, &origin, &mut problems));
            if !problems.has_errors() {
                changed |= self.place(&origin, &records).is_some();
            }
        }
        let expired = self.loaded.expire_zones(now);
        if changed || expired {
            self.compile_again(now);
        }
        self.log_expired();
    }

    /// Refuses a result for want of memory: the check is to be repeated.
    pub(in crate::daemon) fn postpone(&mut self, checked: &Checked, why: &str) -> Verdict {
        let zone = &checked.zone;
        let what = format!("the zone {zone} has a newer version, which is not read: {why}");
        self.complain(zone, &what);
        let timers = self.records_of(zone).and_then(|records| timers(&records));
        let next = self.checks.of_mut(zone).after_failure(timers);
        self.show();
        Verdict { number: checked.number, records: None, next }
    }

    /// Takes zones out of service that no primary has confirmed for too long. Returns whether there
    /// were any.
    pub(super) fn expire_zones(&mut self, now: Timestamp) -> bool {
        if !self.loaded.expire_zones(now) {
            return false;
        }
        self.compile_again(now);
        self.log_expired();
        self.show();
        true
    }

    /// Logs which zones are expired, and which no longer are.
    pub(super) fn log_expired(&mut self) {
        let expired = |zone: &&TransferredZone| {
            let input = zone.input(&self.loaded.inputs.zones);
            input.is_some_and(|input| input.unavailable == Some(Unavailable::Expired))
        };
        let expired: Vec<String> = self
            .loaded
            .transferred
            .iter()
            .filter(expired)
            .map(|zone| zone.origin.to_string())
            .collect();
        let changes = self.expired.update(expired);
        for zone in changes.new {
            warn!(
                zone,
                "the zone {zone} is expired: no primary has confirmed it for as long as its SOA \
                 record allows; the answer is SERVFAIL until one does"
            );
        }
        for zone in changes.gone {
            info!(zone, "the zone {zone} is no longer expired");
        }
    }

    /// The zones that are expired.
    pub(super) fn expired_zones(&self) -> impl Iterator<Item = &str> {
        self.expired.current().iter().map(String::as_str)
    }

    /// The next moment at which a zone expires.
    pub(super) fn next_zone_expiry(&self, after: Timestamp) -> Option<Timestamp> {
        let inputs = &self.loaded.inputs.zones;
        let expiries = self.loaded.transferred.iter().filter_map(|zone| {
            let input = zone.input(inputs).filter(|input| input.unavailable.is_none())?;
            zone.expiry(&input.records)
        });
        expiries.filter(|expiry| *expiry > after).min()
    }

    /// What the admin address shows of zones that are transferred.
    pub(super) fn transferred(&self) -> Vec<TransferredCondition> {
        let zones = self.loaded.transferred.iter();
        zones.filter_map(|zone| self.condition_of(zone)).collect()
    }

    /// Why the server is not ready: zones without data.
    pub(super) fn unavailable_zones(&self) -> Vec<String> {
        let of = |why: Unavailable| {
            let zones = self.loaded.transferred.iter().filter(move |zone| {
                let input = zone.input(&self.loaded.inputs.zones);
                input.is_some_and(|input| input.unavailable == Some(why))
            });
            zones.map(|zone| zone.origin.to_string()).collect::<Vec<_>>()
        };
        let told = |zones: Vec<String>, one: &str, many: &str| match zones.as_slice() {
            [] => None,
            [zone] => Some(format!("the zone {zone} {one}")),
            [first, ..] => {
                Some(format!("{} {many}, such as {first}", plural(zones.len(), "zone", "zones")))
            }
        };
        [
            told(
                of(Unavailable::NotTransferred),
                "has not been transferred yet",
                "have not been transferred yet",
            ),
            told(of(Unavailable::Expired), "is expired", "are expired"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What is wrong with the checks of zones, for people.
    pub(super) fn zone_complaints(&self) -> impl Iterator<Item = String> + use<'_> {
        let zones = self.loaded.transferred.iter();
        let complaints = zones.filter_map(|zone| self.checks.of(&zone.origin)?.complaint());
        complaints.map(ToOwned::to_owned)
    }

    fn condition_of(&self, zone: &TransferredZone) -> Option<TransferredCondition> {
        let input = zone.input(&self.loaded.inputs.zones)?;
        let has_records = input.unavailable != Some(Unavailable::NotTransferred);
        let records = Some(&*input.records).filter(|_| has_records);
        let check = self.checks.of(&zone.origin);
        Some(TransferredCondition {
            zone: zone.origin.to_string(),
            primaries: zone.primaries.iter().map(ToString::to_string).collect(),
            unavailable: input.unavailable,
            serial: records.map(serial_of),
            checked: zone.checked,
            expires: records.and_then(|records| zone.expiry(records)),
            complaint: check.and_then(|check| check.complaint()).map(ToOwned::to_owned),
            failures: check.map(|check| check.failures.clone()).unwrap_or_default(),
            transfers: check.map(|check| check.transfers).unwrap_or_default(),
            confirmations: check.map(|check| check.confirmations).unwrap_or_default(),
        })
    }

    /// Takes over a newer version. Returns its records; `None` if it is refused.
    fn take_version(
        &mut self,
        zone: &Name,
        version: NewVersion,
        now: Timestamp,
    ) -> Option<Arc<Records>> {
        let NewVersion { serial, primary, way, text, records, problems } = version;
        let records = Arc::new(records);
        let compiled = match first_error(&problems) {
            Some(error) => Err(error.to_string()),
            None => self.compile_with(zone, &records),
        };
        let static_data = match compiled {
            Ok(static_data) => static_data,
            Err(error) => {
                let kept = self.state_directory.refuse_zone(zone, &text);
                let what = format!(
                    "the version {serial} of the zone {zone} from {primary} is not taken: \
                     {error}{kept}; {}",
                    self.meanwhile(zone)
                );
                *self.checks.of_mut(zone).failures.entry("invalid").or_default() += 1;
                self.complain(zone, &what);
                return None;
            }
        };
        log_problems(&problems);
        self.checks.of_mut(zone).took(way);
        // Written before it is answered: no restart goes back behind what somebody saw.
        let version = self.state_directory.keep_zone(zone, &text);
        self.note(zone, &CopyNote::new(zone, serial, now, primary), now);
        if let Some(zone) = self.loaded.transferred.iter_mut().find(|of| of.origin == *zone) {
            zone.version = version;
        }
        self.publish_fitting(static_data, now);
        self.log_expired();
        info!(
            zone = %zone,
            serial,
            primary = %primary,
            "serial {serial} of the zone {zone} is in force, from {primary} by {}",
            way.label()
        );
        Some(records)
    }

    /// Compiles with these records of a zone, which are then among the inputs. The error says why
    /// that is not possible; the inputs are then as before.
    fn compile_with(
        &mut self,
        zone: &Name,
        records: &Arc<Records>,
    ) -> Result<Arc<StaticData>, String> {
        let before = self.place(zone, records);
        let mut problems = Problems::default();
        let required = self.publisher.required().clone();
        let inputs = &self.loaded.inputs;
        if let Some(static_data) = self.publisher.compile_static(inputs, required, &mut problems) {
            self.reporter.log_problems(&problems);
            return Ok(static_data);
        }
        if let Some(before) = before {
            self.put_back(zone, before);
        }
        let error = first_error(&problems).map(|error| error.to_string());
        Err(error.unwrap_or_else(|| "nothing can be compiled with it".to_owned()))
    }

    /// Puts records among the inputs, and returns what was there.
    fn place(&mut self, zone: &Name, records: &Arc<Records>) -> Option<ExpandedZone> {
        let zone = self.loaded.transferred.iter().find(|of| of.origin == *zone)?;
        let input = zone.input_mut(&mut self.loaded.inputs.zones)?;
        let placed = ExpandedZone { records: records.clone(), unavailable: None, ..input.clone() };
        Some(std::mem::replace(input, placed))
    }

    fn put_back(&mut self, zone: &Name, before: ExpandedZone) {
        let zone = self.loaded.transferred.iter().find(|of| of.origin == *zone);
        let input = zone.and_then(|zone| zone.input_mut(&mut self.loaded.inputs.zones));
        if let Some(input) = input {
            *input = before;
        }
    }

    /// Notes that a primary confirms the records in force. An expired zone is served again.
    fn confirm(&mut self, zone: &Name, note: &CopyNote, now: Timestamp) {
        self.note(zone, note, now);
        if self.loaded.expire_zones(now) {
            self.compile_again(now);
        }
        self.log_expired();
    }

    fn note(&mut self, zone: &Name, note: &CopyNote, now: Timestamp) {
        self.checks.of_mut(zone).primary = Some(note.primary);
        if let Some(zone) = self.loaded.transferred.iter_mut().find(|of| of.origin == *zone) {
            zone.checked = Some(now);
        }
        self.state_directory.note_zone(zone, note);
    }

    /// Compiles the inputs again, which were compiled before.
    pub(super) fn compile_again(&mut self, now: Timestamp) {
        let mut problems = Problems::default();
        let required = self.publisher.required().clone();
        let inputs = &self.loaded.inputs;
        let compiled = self.publisher.compile_static(inputs, required, &mut problems);
        self.reporter.log_problems(&problems);
        debug_assert!(compiled.is_some(), "inputs no longer compile");
        if let Some(static_data) = compiled {
            self.publish_fitting(static_data, now);
        }
    }

    fn records_of(&self, zone: &Name) -> Option<Arc<Records>> {
        let zone = self.loaded.transferred.iter().find(|of| of.origin == *zone)?;
        let input = zone.input(&self.loaded.inputs.zones)?;
        let has_records = input.unavailable != Some(Unavailable::NotTransferred);
        has_records.then(|| input.records.clone())
    }

    /// Logs what is wrong with a zone, unless it was wrong before.
    fn complain(&mut self, zone: &Name, what: &str) {
        if self.checks.of_mut(zone).complain(what.to_owned()) {
            warn!(zone = %zone, "{what}");
        }
    }

    /// Logs that a zone is confirmed again. A primary that failed while another one confirmed the
    /// zone is logged too.
    fn settle_complaint(&mut self, zone: &Name, failed: &[Attempt]) {
        if failed.is_empty() {
            if self.checks.of_mut(zone).settle() {
                info!(zone = %zone, "the primaries of the zone {zone} answer again");
            }
            return;
        }
        let what = format!("a primary of the zone {zone} fails: {}", attempts(failed));
        self.complain(zone, &what);
    }

    /// What holds while a zone is not confirmed.
    fn meanwhile(&self, zone: &Name) -> String {
        let known = self.loaded.transferred.iter().find(|of| of.origin == *zone);
        let known = known.and_then(|zone| Some((zone, zone.input(&self.loaded.inputs.zones)?)));
        match known {
            Some((zone, input)) if input.unavailable.is_none() => {
                let serial = serial_of(&input.records);
                let until = zone.expiry(&input.records);
                let until = until.map(|until| format!(" until {until:.0}")).unwrap_or_default();
                format!("serial {serial} is served{until}")
            }
            _ => "the answer is SERVFAIL".to_owned(),
        }
    }
}

/// The primaries that failed, each with the reason.
fn attempts(failed: &[Attempt]) -> String {
    let told: Vec<String> = failed
        .iter()
        .map(|Attempt { primary, failure }| format!("{primary}: {}", failure.what))
        .collect();
    told.join("; ")
}

fn timers(records: &Records) -> Option<SoaTimers> {
    SoaTimers::of(records.get(&records.origin, rtype::SOA)?.first()?)
}
