//! Reads zone files, with the master files and the fleets that they name.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::transferred::ZoneFinder;
use super::zone_texts::{Includes, NamedZone, ZoneTexts};
use cvdns_core::bundle::Bundle;
use cvdns_core::config::Config;
use cvdns_core::fleet::Fleet;
use cvdns_core::geo::country::{self, Country};
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::{ExpandedZone, ZoneInput};
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use cvdns_core::zone::file::{CC, RecordsSource};
use cvdns_core::zone::{Records, ZoneFile, master};
use cvdns_io::beside;

/// The zone files on the disk that a configuration names, each of them once, and those of its
/// bundle. Repeated ones are noted.
pub(super) fn once_each<'b>(
    path: &Path,
    config: &Config,
    bundle: Option<&'b Bundle>,
    problems: &mut Problems,
) -> Vec<NamedZone<'b>> {
    let mut seen: HashMap<PathBuf, &Location> = HashMap::new();
    let mut once = Vec::with_capacity(config.zones.len());
    for file in &config.zones {
        let named = NamedZone::on_disk(path, file);
        match seen.entry(named.path.canonicalize().unwrap_or_else(|_| named.path.clone())) {
            Entry::Vacant(free) => {
                free.insert(&file.location);
                once.push(named);
            }
            Entry::Occupied(first) => problems.error(
                file.location.clone(),
                "this zone file is listed already",
                format!("keep one: the other is at {}", first.get()),
            ),
        }
    }
    if let Some((named, bundle)) = config.bundle.as_ref().zip(bundle) {
        once.extend(NamedZone::of_bundle(bundle, &named.location));
    }
    once
}

/// Reads a zone file, and adds all files on the disk that it is made of to `files`. Returns `None`
/// if it is not usable at all.
pub(super) fn read(
    (number, named): (usize, &NamedZone<'_>),
    files: &mut BTreeSet<PathBuf>,
    finder: &mut ZoneFinder<'_>,
    problems: &mut Problems,
) -> Option<ZoneInput> {
    let NamedZone { path, texts, .. } = named;
    let text = named.text(problems)?;
    let file = ZoneFile::parse(&path.display().to_string(), &text, problems)?;
    check_keys(&file, *texts, problems);
    let mut found = Problems::default();
    let fleet = match &file.mirrors {
        Some(mirrors) => fleet_of(named, mirrors, files, &mut found).unwrap_or_default(),
        None => Fleet::default(),
    };
    let fleet_complete = !found.has_errors();
    problems.append(found);
    let zones = match &file.records {
        RecordsSource::File(records) => zones_of_file(&file, named, records, files, problems)?,
        RecordsSource::Primary(primaries) => {
            let origins = origins(&file, problems);
            finder.zones(number, primaries, origins, problems)
        }
    };
    texts.note(path.clone(), files);
    Some(ZoneInput { file, zones, fleet: Arc::new(fleet), fleet_complete })
}

/// Reads the zones of a zone file from the master file `records`.
fn zones_of_file(
    file: &ZoneFile,
    NamedZone { path, texts, .. }: &NamedZone<'_>,
    records: &Placed<String>,
    files: &mut BTreeSet<PathBuf>,
    problems: &mut Problems,
) -> Option<Vec<ExpandedZone>> {
    let path = texts.beside(path, records, problems)?;
    let master = texts.master(&path, &records.location, problems)?;
    let mut included = texts.includes();
    let mut zones = Vec::new();
    for (origin, country) in origins(file, problems) {
        let mut found = Problems::default();
        let records = parse(&path, &master, &origin, &mut included, &mut found);
        let failed = found.has_errors();
        // All zones of a file have the same problems: the first one's are enough.
        if failed || zones.is_empty() {
            problems.append(found);
        }
        if records.get(&records.origin, rtype::SOA).is_some() {
            zones.push(ExpandedZone::new(country, Arc::new(records)));
        }
        if failed {
            break;
        }
    }
    texts.note(path, files);
    files.extend(included.into_read());
    Some(zones)
}

/// Reports keys that are to be in a bundle: they are secret, and those of each server.
fn check_keys(file: &ZoneFile, texts: ZoneTexts<'_>, problems: &mut Problems) {
    let (ZoneTexts::Bundle(_), Some(dnssec)) = (texts, &file.dnssec) else { return };
    for named in [Some(&dnssec.keys), dnssec.key_set.as_ref()].into_iter().flatten() {
        if Path::new(&named.value).is_relative() {
            let what =
                format!("\"{}\" is no path on the server: a bundle has no keys", named.value);
            let help = "write an absolute path, such as \"/etc/cvdns/keys\"";
            problems.error(named.location.clone(), what, help);
        }
    }
}

/// Reads the origin and the fleet of a zone file, and adds the files on the disk that it names to
/// `files`. Returns `None` if it has no mirrors or is not usable.
pub(super) fn read_fleet(
    named: &NamedZone<'_>,
    files: &mut BTreeSet<PathBuf>,
    problems: &mut Problems,
) -> Option<(String, Fleet)> {
    let NamedZone { path, texts, .. } = named;
    let text = named.text(problems)?;
    let file = ZoneFile::parse(&path.display().to_string(), &text, problems)?;
    if let RecordsSource::File(records) = &file.records {
        texts.note(beside(path, &records.value), files);
    }
    let fleet = fleet_of(named, file.mirrors.as_ref()?, files, problems)?;
    Some((file.origin.value, fleet))
}

fn parse(
    path: &Path,
    octets: &[u8],
    origin: &Name,
    included: &mut Includes<'_>,
    problems: &mut Problems,
) -> Records {
    let name = path.display().to_string();
    let records = master::parse(&name, octets, origin, included, problems);
    Records::build(origin, records, &Location::file(&name), problems)
}

/// The zone's origin; with `{cc}`, one for each country code.
pub(super) fn origins(file: &ZoneFile, problems: &mut Problems) -> Vec<(Name, Option<Country>)> {
    origins_of(&file.origin.value).unwrap_or_else(|what| {
        problems.error(file.origin.location.clone(), what, "write a domain name");
        Vec::new()
    })
}

/// The zones that an origin means: one, or with `{cc}` one for each country code.
///
/// # Errors
/// When that is no domain name.
pub fn origins_of(pattern: &str) -> Result<Vec<(Name, Option<Country>)>, String> {
    let texts: Vec<(String, Option<Country>)> = if pattern.contains(CC) {
        country::labels()
            .map(|(label, country)| (pattern.replace(CC, label), Some(country)))
            .collect()
    } else {
        vec![(pattern.to_owned(), None)]
    };
    let name = |(text, country): (String, Option<Country>)| {
        let name = Name::parse(&text, &Name::root()).map_err(|e| format!("\"{text}\": {e}"))?;
        Ok((name, country))
    };
    texts.into_iter().map(name).collect()
}

/// Reads the fleet that a zone file names.
fn fleet_of(
    NamedZone { path, texts, .. }: &NamedZone<'_>,
    mirrors: &Placed<String>,
    files: &mut BTreeSet<PathBuf>,
    problems: &mut Problems,
) -> Option<Fleet> {
    let path = texts.beside(path, mirrors, problems)?;
    let text = texts.text(&path, &mirrors.location, problems);
    let fleet = text.map(|text| Fleet::parse(&path.display().to_string(), &text, problems));
    texts.note(path, files);
    fleet
}
