//! Reads zone files, with the master files and the fleets that they name.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::transferred::ZoneFinder;
use cvdns_core::fleet::Fleet;
use cvdns_core::geo::country::{self, Country};
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::{ExpandedZone, ZoneInput};
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use cvdns_core::zone::file::{CC, RecordsSource};
use cvdns_core::zone::{Records, ZoneFile, master};
use cvdns_io::{IncludeFiles, beside, read_master, read_text};

/// The zone files that `config` names, each of them once. Repeated ones are noted.
pub(super) fn once_each<'z>(
    config: &Path,
    named: &'z [Placed<String>],
    problems: &mut Problems,
) -> Vec<&'z Placed<String>> {
    let mut seen: HashMap<PathBuf, &Location> = HashMap::new();
    let mut once = Vec::with_capacity(named.len());
    for file in named {
        let path = beside(config, &file.value);
        match seen.entry(path.canonicalize().unwrap_or(path)) {
            Entry::Vacant(free) => {
                free.insert(&file.location);
                once.push(file);
            }
            Entry::Occupied(first) => problems.error(
                file.location.clone(),
                "this zone file is listed already",
                format!("keep one: the other is at {}", first.get()),
            ),
        }
    }
    once
}

/// Reads a zone file that `config` names, and adds all files that it is made of to `files`. Returns
/// `None` if it is not usable at all.
pub(super) fn read(
    config: &Path,
    (number, named): (usize, &Placed<String>),
    files: &mut BTreeSet<PathBuf>,
    finder: &mut ZoneFinder<'_>,
    problems: &mut Problems,
) -> Option<ZoneInput> {
    let path = beside(config, &named.value);
    let text = text_of(&path, &named.location, problems)?;
    let file = ZoneFile::parse(&path.display().to_string(), &text, problems)?;
    let mut found = Problems::default();
    let fleet = match &file.mirrors {
        Some(mirrors) => {
            let path = beside(&path, &mirrors.value);
            let fleet = fleet(&path, &mirrors.location, &mut found).unwrap_or_default();
            files.insert(path);
            fleet
        }
        None => Fleet::default(),
    };
    let fleet_complete = !found.has_errors();
    problems.append(found);
    let zones = match &file.records {
        RecordsSource::File(named) => {
            zones_of_file(&file, &beside(&path, &named.value), &named.location, files, problems)?
        }
        RecordsSource::Primary(primaries) => {
            let origins = origins(&file, problems);
            finder.zones(number, primaries, origins, problems)
        }
    };
    files.insert(path);
    Some(ZoneInput { file, zones, fleet: Arc::new(fleet), fleet_complete })
}

/// Reads the zones of a zone file from the master file `path`, which `location` names.
fn zones_of_file(
    file: &ZoneFile,
    path: &Path,
    location: &Location,
    files: &mut BTreeSet<PathBuf>,
    problems: &mut Problems,
) -> Option<Vec<ExpandedZone>> {
    let master = noted(read_master(path), location, problems)?;
    let mut included = IncludeFiles::default();
    let mut zones = Vec::new();
    for (origin, country) in origins(file, problems) {
        let mut found = Problems::default();
        let records = parse(path, &master, &origin, &mut included, &mut found);
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
    files.extend([path.to_owned()].into_iter().chain(included.read));
    Some(zones)
}

/// Reads the origin and the fleet of a zone file that `config` names, and adds the files that it
/// names to `files`. Returns `None` if it has no mirrors or is not usable.
pub(super) fn read_fleet(
    config: &Path,
    named: &Placed<String>,
    files: &mut BTreeSet<PathBuf>,
    problems: &mut Problems,
) -> Option<(String, Fleet)> {
    let path = beside(config, &named.value);
    let text = text_of(&path, &named.location, problems)?;
    let file = ZoneFile::parse(&path.display().to_string(), &text, problems)?;
    if let RecordsSource::File(records) = &file.records {
        files.insert(beside(&path, &records.value));
    }
    let mirrors = file.mirrors.as_ref()?;
    let mirrors_path = beside(&path, &mirrors.value);
    let fleet = fleet(&mirrors_path, &mirrors.location, problems);
    files.insert(mirrors_path);
    let fleet = fleet?;
    Some((file.origin.value, fleet))
}

fn parse(
    path: &Path,
    octets: &[u8],
    origin: &Name,
    included: &mut IncludeFiles,
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

fn fleet(path: &Path, location: &Location, problems: &mut Problems) -> Option<Fleet> {
    let text = text_of(path, location, problems)?;
    Some(Fleet::parse(&path.display().to_string(), &text, problems))
}

pub(super) fn text_of(path: &Path, location: &Location, problems: &mut Problems) -> Option<String> {
    noted(read_text(path), location, problems)
}

/// What was read. An error is noted at the place that names the file.
fn noted<T>(read: Result<T, String>, location: &Location, problems: &mut Problems) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(error) => {
            problems.error(
                location.clone(),
                error,
                "check the path: it is relative to the file that names it",
            );
            None
        }
    }
}
