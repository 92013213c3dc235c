//! Reads what zones are signed with.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::key_directory::KeyDirectory;
use super::transferred::ZonePlace;
use cvdns_core::dnssec::ZoneSigning;
use cvdns_core::problem::{Location, Problems, plural};
use cvdns_core::snapshot::inputs::{ExpandedZone, ZoneInput};
use cvdns_core::wire::name::Name;
use cvdns_core::zone::file::Dnssec;
use cvdns_core::zone::records::ResourceRecord;
use cvdns_core::zone::{Records, master};
use cvdns_dnssec::{CDNSKEY, CDS, DNSKEY, KeySet, SignedKeySet, SigningInputs, zone_signing};
use cvdns_io::{IncludeFiles, beside, read_master};

/// Zones of a set whose problems are reported one by one: those of the others are alike.
const MAX_REPORTED: usize = 5;

/// Most zones that are named in a message.
const MAX_NAMED: usize = 3;

/// RRSIG, NSEC, NSEC3 and NSEC3PARAM (RFC 4034, RFC 5155), and the sets of keys.
const MADE_HERE: [u16; 7] = [46, 47, 50, 51, DNSKEY, CDS, CDNSKEY];

/// A zone that is signed, with its keys.
#[derive(Debug, Clone)]
pub struct SignedZone {
    /// Its keys.
    pub keys: KeySet,
    /// Its set of keys, if that was signed elsewhere.
    pub signed: Option<SignedKeySet>,
    /// The directory of the keys.
    pub directory: PathBuf,
    /// The files of the keys and of the key set.
    pub files: BTreeSet<PathBuf>,
    /// Where the zone file names the directory.
    pub location: Location,
    /// Where the zone is among the inputs.
    pub place: ZonePlace,
    validity: Duration,
    /// The moment for which its keys were looked at last.
    looked_at: Timestamp,
}

impl SignedZone {
    /// What signs the zone at a moment. `None` if nothing does, which is reported.
    pub fn signing(&self, now: Timestamp, problems: &mut Problems) -> Option<ZoneSigning> {
        let inputs = SigningInputs {
            keys: &self.keys,
            signed: self.signed.as_ref(),
            validity: self.validity,
            location: &self.location,
        };
        zone_signing(&inputs, now, problems)
    }

    /// The next moment at which other keys sign or are published, or at which a signature that was
    /// made elsewhere ends.
    fn next_change(&self) -> Option<Timestamp> {
        let signed = self.signed.as_ref().and_then(|signed| signed.next_change(self.looked_at));
        self.keys.next_change(self.looked_at).into_iter().chain(signed).min()
    }
}

/// The next moment at which the keys of any of these zones change.
pub(super) fn next_change(zones: &[SignedZone]) -> Option<Timestamp> {
    zones.iter().filter_map(SignedZone::next_change).min()
}

/// Signs zones with the keys of a moment, as far as these differ from those in force. Returns the
/// zones that are signed otherwise. Where nothing would sign a zone, what was in force goes on, and
/// the problem is reported.
pub(super) fn follow(
    zones: &mut [SignedZone],
    inputs: &mut [ZoneInput],
    now: Timestamp,
    problems: &mut Problems,
) -> Vec<Name> {
    let mut changed = Vec::new();
    for zone in zones {
        let is_due = zone.next_change().is_some_and(|moment| moment <= now);
        if !is_due && now >= zone.looked_at {
            continue;
        }
        zone.looked_at = now;
        let Some(signing) = zone.signing(now, problems) else { continue };
        if let Some(input) = zone.place.input_mut(inputs) {
            input.signing = Some(Arc::new(signing));
            changed.push(zone.keys.zone.clone());
        }
    }
    changed
}

/// Reads the keys of all zones that are to be signed, and has these signed. The files that were
/// read are added to `files`.
pub(super) fn sign(
    inputs: &mut [ZoneInput],
    files: &mut BTreeSet<PathBuf>,
    now: Timestamp,
    problems: &mut Problems,
) -> Vec<SignedZone> {
    let mut directories = HashMap::new();
    let mut signed = Vec::new();
    for (file, input) in inputs.iter_mut().enumerate() {
        let Some(dnssec) = input.file.dnssec.clone() else { continue };
        let zone_file = PathBuf::from(input.file.whole.file_name());
        let path = beside(&zone_file, &dnssec.keys.value);
        let directory = directories.entry(path).or_insert_with_key(|path| KeyDirectory::open(path));
        match directory {
            Err(error) => {
                let help = "name the directory with the files of the zone's keys; \
                            `cvdns keys generate` makes them";
                problems.error(dnssec.keys.location.clone(), error.as_str(), help);
            }
            Ok(directory) => {
                let mut reader = Reader { dnssec: &dnssec, directory, key_set: None, now };
                reader.read_key_set(&zone_file, input, files, problems);
                signed.extend(reader.zones(file, input, problems));
            }
        }
    }
    files.extend(signed.iter().flat_map(|zone| zone.files.iter().cloned()));
    signed
}

/// The records of a key set, and their file.
type KeySetRecords = (Vec<ResourceRecord>, PathBuf);

/// Reads the keys of the zones of a zone file.
struct Reader<'r> {
    dnssec: &'r Dnssec,
    directory: &'r KeyDirectory,
    key_set: Option<KeySetRecords>,
    now: Timestamp,
}

impl Reader<'_> {
    /// Reads the key set that was signed elsewhere, which has the records of all zones of the file.
    fn read_key_set(
        &mut self,
        zone_file: &Path,
        input: &ZoneInput,
        files: &mut BTreeSet<PathBuf>,
        problems: &mut Problems,
    ) {
        let Some(named) = &self.dnssec.key_set else { return };
        let path = beside(zone_file, &named.value);
        let origin = match input.zones.as_slice() {
            [zone] => zone.records.origin.clone(),
            _ => Name::root(),
        };
        match key_set_records(&path, &origin, files, problems) {
            Err(error) => {
                let help = "name the master file with the DNSKEY and RRSIG records that were made \
                            where the key-signing key is";
                problems.error(named.location.clone(), error, help);
            }
            Ok(records) => self.key_set = Some((records, path)),
        }
    }

    fn zones(
        &mut self,
        file: usize,
        input: &mut ZoneInput,
        problems: &mut Problems,
    ) -> Vec<SignedZone> {
        self.report_missing(input, problems);
        let mut signed = Vec::new();
        let (mut reported, mut more, mut more_errors) = (0, 0, false);
        for (number, zone) in input.zones.iter_mut().enumerate() {
            if !self.directory.has(&zone.records.origin) {
                continue;
            }
            let mut found = Problems::default();
            signed.extend(self.zone(ZonePlace { file, zone: number }, zone, &mut found));
            if found.is_empty() {
                continue;
            }
            if reported < MAX_REPORTED {
                problems.append(found);
                reported += 1;
            } else {
                more += 1;
                more_errors |= found.has_errors();
            }
        }
        if more > 0 {
            let location = self.dnssec.keys.location.clone();
            let what = format!(
                "{} have such problems with their keys",
                plural(more, "more zone", "more zones")
            );
            let help = "`cvdns check` shows them once the others are solved";
            if more_errors {
                problems.error(location, what, help);
            } else {
                problems.warning(location, what, help);
            }
        }
        signed
    }

    /// Reports zones without any key.
    fn report_missing(&self, input: &ZoneInput, problems: &mut Problems) {
        let has_none = |zone: &&ExpandedZone| !self.directory.has(&zone.records.origin);
        let mut without = input.zones.iter().filter(has_none);
        let Some(first) = without.next() else { return };
        let (first, more) = (&first.records.origin, without.count());
        let directory = self.directory.path().display();
        let pattern = &input.file.origin.value;
        let mut what = if more == 0 {
            format!("there are no keys of {first} in {directory}")
        } else {
            format!("{} zones of {pattern} have no keys in {directory}, such as {first}", more + 1)
        };
        if more == 0 {
            let zones = self.directory.zones();
            let only = match zones.as_slice() {
                [] => String::new(),
                _ if zones.len() <= MAX_NAMED => format!(", only those of {}", zones.join(", ")),
                _ => format!(", only those of {} other zones", zones.len()),
            };
            what.push_str(&only);
        }
        let help = format!("make them: cvdns keys generate {pattern}");
        problems.error(self.dnssec.keys.location.clone(), what, help);
    }

    /// Reads the keys of a zone, and has it signed. A zone that nothing signs is reported.
    fn zone(
        &self,
        place: ZonePlace,
        zone: &mut ExpandedZone,
        problems: &mut Problems,
    ) -> Option<SignedZone> {
        let origin = zone.records.origin.clone();
        report_records(&zone.records, problems);
        let mut files = BTreeSet::new();
        let keys = self.directory.keys(&origin, &mut files, problems);
        let signed = match &self.key_set {
            Some((records, path)) => {
                let file = Location::file(&path.display().to_string());
                files.insert(path.clone());
                let signed = SignedKeySet::of_records(&origin, records, &file, self.now, problems);
                Some(signed?)
            }
            None => None,
        };
        let signed = SignedZone {
            keys: KeySet { zone: origin, keys },
            signed,
            directory: self.directory.path().to_owned(),
            files,
            location: self.dnssec.keys.location.clone(),
            place,
            validity: self.dnssec.validity,
            looked_at: self.now,
        };
        // Whoever signs is only known once all keys are: what is wrong with one is enough.
        if !problems.has_errors() {
            zone.signing = signed.signing(self.now, problems).map(Arc::new);
        }
        Some(signed)
    }
}

/// Reads the records of a key set; names in it are relative to `origin`. The files that it includes
/// are added to `files`.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn key_set_records(
    path: &Path,
    origin: &Name,
    files: &mut BTreeSet<PathBuf>,
    problems: &mut Problems,
) -> Result<Vec<ResourceRecord>, String> {
    let octets = read_master(path)?;
    let mut included = IncludeFiles::default();
    let name = path.display().to_string();
    let records = master::parse(&name, octets, origin, &mut included, problems);
    files.extend(included.read);
    Ok(records)
}

/// Reports records of DNSSEC in the master file of a zone that is signed here.
fn report_records(records: &Records, problems: &mut Problems) {
    if let Some(set) = records.sets().find(|set| MADE_HERE.contains(&set.rtype())) {
        let what = format!(
            "the zone {} is signed here, and its master file has records of DNSSEC already",
            records.origin
        );
        let help = "remove its DNSKEY, CDS, CDNSKEY, RRSIG, NSEC and NSEC3 records, or [dnssec] in \
                    the zone file";
        problems.error(set.location(), what, help);
    }
}
