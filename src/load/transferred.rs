//! Zones whose static records are transferred from primaries.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::zone_copies::ZoneCopies;
use cvdns_core::geo::country::Country;
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problem, Problems, Severity, plural};
use cvdns_core::snapshot::Unavailable;
use cvdns_core::snapshot::inputs::{ExpandedZone, ZoneInput};
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use cvdns_core::zone::file::Primaries;
use cvdns_core::zone::include::NoFiles;
use cvdns_core::zone::{Records, master};
use cvdns_io::FileVersion;
use cvdns_transfer::Keyring;
use cvdns_transfer::incoming::SoaTimers;

/// A zone whose static records are transferred from primaries.
#[derive(Debug, Clone)]
pub struct TransferredZone {
    /// The name of the zone.
    pub origin: Name,
    /// The primaries, in the order in which they are asked.
    pub primaries: Vec<SocketAddr>,
    /// The name of the key for them, and its place; `None` if nothing is signed.
    pub key: Option<Placed<Name>>,
    /// When a primary last confirmed the records; `None` if nobody knows.
    pub checked: Option<Timestamp>,
    /// Where the zone is among the inputs.
    pub place: ZonePlace,
    /// The file that was there when the records were read or written; `None` if there was none.
    pub version: Option<FileVersion>,
}

/// The place of a zone among the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZonePlace {
    /// The number of its zone file.
    pub file: usize,
    /// Its number among the zones of that file.
    pub zone: usize,
}

impl ZonePlace {
    /// The zone among the inputs.
    pub fn input<'i>(&self, inputs: &'i [ZoneInput]) -> Option<&'i ExpandedZone> {
        inputs.get(self.file)?.zones.get(self.zone)
    }

    /// The same, to be changed.
    pub fn input_mut<'i>(&self, inputs: &'i mut [ZoneInput]) -> Option<&'i mut ExpandedZone> {
        inputs.get_mut(self.file)?.zones.get_mut(self.zone)
    }
}

/// What finds the records of zones that are transferred.
pub(super) struct ZoneFinder<'f> {
    /// `None` without a state directory.
    pub copies: Option<ZoneCopies>,
    /// What was read before, whose records are taken over as long as their files are the same.
    pub before: Option<(&'f [ZoneInput], &'f [TransferredZone])>,
    /// The zones that were found.
    pub found: Vec<TransferredZone>,
}

/// The records of a copy, and how they are known.
struct Found {
    zone: ExpandedZone,
    checked: Option<Timestamp>,
    version: Option<FileVersion>,
}

impl TransferredZone {
    /// When a zone with these records expires; the distant past if no primary is known to have
    /// confirmed them, and `None` if they are no records of a zone, or never expire.
    pub fn expiry(&self, records: &Records) -> Option<Timestamp> {
        let soa = records.get(&records.origin, rtype::SOA)?;
        let timers = SoaTimers::of(soa.first()?)?;
        let Some(checked) = self.checked else { return Some(Timestamp::MIN) };
        checked.checked_add(timers.expire).ok()
    }

    /// Why nothing is answered from these records at a moment; `None` if they are served.
    /// `has_none`: there are none yet.
    pub fn unavailable(
        &self,
        records: &Records,
        has_none: bool,
        now: Timestamp,
    ) -> Option<Unavailable> {
        if has_none {
            return Some(Unavailable::NotTransferred);
        }
        let is_expired = self.expiry(records).is_some_and(|expiry| expiry <= now);
        is_expired.then_some(Unavailable::Expired)
    }

    /// The zone among the inputs.
    pub fn input<'i>(&self, inputs: &'i [ZoneInput]) -> Option<&'i ExpandedZone> {
        self.place.input(inputs)
    }

    /// The same, to be changed.
    pub fn input_mut<'i>(&self, inputs: &'i mut [ZoneInput]) -> Option<&'i mut ExpandedZone> {
        self.place.input_mut(inputs)
    }

    /// The key for the primaries.
    pub fn key<'k>(&self, keys: &'k Keyring) -> Option<&'k Arc<cvdns_transfer::Key>> {
        keys.get(&self.key.as_ref()?.value)
    }
}

/// Whether each of these zones may be served at a moment: an expired one may not. Returns whether
/// that differs from before for any of them.
pub(super) fn expire(
    zones: &mut [TransferredZone],
    inputs: &mut [ZoneInput],
    now: Timestamp,
) -> bool {
    let latest = now.checked_add(SLACK).unwrap_or(Timestamp::MAX);
    let mut changed = false;
    for zone in zones {
        // A clock that was ahead when a zone was confirmed does not keep it alive.
        zone.checked = zone.checked.map(|checked| checked.min(latest));
        let Some(input) = zone.input_mut(inputs) else { continue };
        let has_none = input.unavailable == Some(Unavailable::NotTransferred);
        let unavailable = zone.unavailable(&input.records, has_none, now);
        changed |= unavailable != input.unavailable;
        input.unavailable = unavailable;
    }
    changed
}

/// How far ahead of the clock the time of a check may be.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

impl ZoneFinder<'_> {
    /// The zones of a zone file whose records are transferred, in the order of `origins`. `file` is
    /// the number of the zone file.
    pub(super) fn zones(
        &mut self,
        file: usize,
        primaries: &Primaries,
        origins: Vec<(Name, Option<Country>)>,
        problems: &mut Problems,
    ) -> Vec<ExpandedZone> {
        if self.copies.is_none() {
            problems.error(
                primaries.location.clone(),
                "there is no directory in which transferred records could be kept",
                "name one: `state = \"state\"` in [feed] of the configuration",
            );
            return Vec::new();
        }
        let mut without_copy = Vec::new();
        let mut zones = Vec::with_capacity(origins.len());
        for (number, (origin, country)) in origins.into_iter().enumerate() {
            let found = self.taken_over(&origin).or_else(|| self.read(&origin, problems));
            let Found { zone, checked, version } = found.unwrap_or_else(|| {
                without_copy.push(origin.to_string());
                let zone = ExpandedZone::not_transferred(&origin, country);
                Found { zone, checked: None, version: None }
            });
            zones.push(ExpandedZone { country, ..zone });
            self.found.push(TransferredZone {
                origin,
                primaries: primaries.addresses.iter().map(|address| address.0).collect(),
                key: primaries.key.clone(),
                checked,
                place: ZonePlace { file, zone: number },
                version,
            });
        }
        warn_of_missing(&without_copy, &primaries.location, problems);
        zones
    }

    /// What is in force, if the file that is kept is the same as then.
    fn taken_over(&self, origin: &Name) -> Option<Found> {
        let (before, copies) = (self.before?, self.copies.as_ref()?);
        let (inputs, zones) = before;
        let zone = zones.iter().find(|zone| zone.origin == *origin)?;
        let input = zone.input(inputs)?;
        let has_none = input.unavailable == Some(Unavailable::NotTransferred);
        let is_same = copies.version(origin) == zone.version;
        let records = input.records.clone();
        let unavailable = input.unavailable;
        let found = Found {
            zone: ExpandedZone { unavailable, ..ExpandedZone::new(None, records) },
            checked: zone.checked,
            version: zone.version,
        };
        (is_same && !has_none).then_some(found)
    }

    /// Reads the copy of a zone. One that cannot be used is as good as none: the zone is
    /// transferred anew.
    fn read(&self, origin: &Name, problems: &mut Problems) -> Option<Found> {
        let copies = self.copies.as_ref()?;
        let path = copies.path(origin).display().to_string();
        // The version before the file is read: what replaces it meanwhile is read at a reload.
        let version = copies.version(origin);
        let mut found = Problems::default();
        let octets = copies.read(origin).unwrap_or_else(|error| {
            found.error(Location::file(&path), error, "");
            None
        });
        let records = octets.map(|octets| parse(&path, &octets, origin, &mut found));
        if let Some(error) = first_error(&found) {
            problems.warning(
                error.location,
                format!("the copy of the zone {origin} cannot be used: {}", error.what),
                "it is transferred anew; until then the answer is SERVFAIL",
            );
            return None;
        }
        problems.append(found);
        let records = Arc::new(records?);
        let checked = copies.note(origin).map(|note| note.checked);
        let zone = ExpandedZone::new(None, records);
        Some(Found { zone, checked, version })
    }
}

/// Reads the text of a zone that was transferred, as a file that is written by hand is read. `path`
/// is the file's name in messages.
pub fn parse(path: &str, text: &[u8], origin: &Name, problems: &mut Problems) -> Records {
    let records = master::parse(path, text, origin, &mut NoFiles, problems);
    Records::build(origin, records, &Location::file(path), problems)
}

/// The first error among problems.
pub fn first_error(problems: &Problems) -> Option<Problem> {
    problems.iter().find(|problem| problem.severity == Severity::Error).cloned()
}

fn warn_of_missing(zones: &[String], location: &Location, problems: &mut Problems) {
    let what = match zones {
        [] => return,
        [zone] => format!("the zone {zone} has not been transferred yet"),
        [first, ..] => {
            let zones = plural(zones.len(), "zone", "zones");
            format!("{zones} have not been transferred yet, such as {first}")
        }
    };
    let help = "the answer is SERVFAIL until the first transfer, which follows the start";
    problems.warning(location.clone(), what, help);
}

/// Reports each key that is not known.
pub(super) fn check_keys(zones: &[TransferredZone], keys: &Keyring, problems: &mut Problems) {
    // The zones of a file have one key.
    let mut last = None;
    for zone in zones {
        let Some(key) = &zone.key else { continue };
        if keys.get(&key.value).is_some() || last.replace(zone.place.file) == Some(zone.place.file)
        {
            continue;
        }
        let help = match keys.names().as_slice() {
            [] => format!(
                "make one: tsig-keygen {} > transfer.key, and name the file in `keys` of \
                 [transfer]",
                key.value
            ),
            names => format!("write one of {}", names.join(", ")),
        };
        let what = format!("there is no key {} in the files of `keys` in [transfer]", key.value);
        problems.error(key.location.clone(), what, help);
    }
}
