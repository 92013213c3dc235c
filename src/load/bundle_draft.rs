//! What a bundle is made of: the zone files on the disk that a configuration names, with the files
//! that these name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;

use super::transferred::ZoneFinder;
use super::{config, geoip, read_zones, settings, zones};
use cvdns_core::bundle::Bundle;
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_io::read_text;
use cvdns_transfer::Keyring;

/// The files of a bundle that is to be made.
#[derive(Debug, Clone)]
pub struct BundleDraft {
    /// The directory that has all of them, to which their names are relative.
    pub root: PathBuf,
    /// The names of the zone files, in the order of the configuration.
    pub zones: Vec<String>,
    /// The contents of all files by their names.
    pub files: BTreeMap<String, String>,
}

/// Reads the files of a bundle. All problems are noted. Returns `None` if there are errors.
pub fn bundle_draft(path: &Path, problems: &mut Problems) -> Option<BundleDraft> {
    let config = config(path, problems)?;
    let named = zones::once_each(path, &config, None, problems);
    if named.is_empty() {
        let what = "the configuration names no zone file on the disk";
        let help = "publish a bundle by a configuration with [[zone]] sections that have `file`";
        problems.error(Location::file(&path.display().to_string()), what, help);
        return None;
    }
    let mut files = BTreeSet::new();
    let mut finder = ZoneFinder { copies: None, before: None, found: Vec::new() };
    for (number, zone) in named.iter().enumerate() {
        // What a primary has is none of a bundle's.
        let mut found = Problems::default();
        zones::read((number, zone), &mut files, &mut finder, &mut found);
        if found.has_errors() {
            problems.append(found);
        }
    }
    let paths: Vec<(PathBuf, PathBuf)> =
        files.into_iter().map(|file| (plain(&file), file)).collect();
    let root = common_directory(paths.iter().map(|(plain, _)| plain.as_path()))?;
    let mut draft = BundleDraft { root, zones: Vec::new(), files: BTreeMap::new() };
    for (plain, file) in paths {
        match (draft.name_of(&plain), read_text(&file)) {
            (Some(name), Ok(text)) => drop(draft.files.insert(name, text)),
            (None, _) => problems.error(
                Location::file(&file.display().to_string()),
                "the path is no UTF-8 text",
                "rename the file",
            ),
            (_, Err(error)) => problems.error(
                Location::file(&file.display().to_string()),
                error,
                "a bundle has UTF-8 text only; in a master file, other octets are written \\DDD",
            ),
        }
    }
    draft.zones = named.iter().filter_map(|zone| draft.name_of(&plain(&zone.path))).collect();
    (!problems.has_errors()).then_some(draft)
}

/// Reads the zones of a bundle as a server with this configuration would, but without keys. All
/// problems are noted. Returns `None` if the configuration cannot be read.
pub fn bundle_inputs(path: &Path, bundle: &Bundle, problems: &mut Problems) -> Option<Inputs> {
    let mut config = config(path, problems)?;
    config.zones.clear();
    let whole = Location::file(&path.display().to_string());
    config.bundle = Some(Placed { value: bundle.name.clone(), location: whole });
    let mut finder = ZoneFinder { copies: None, before: None, found: Vec::new() };
    let named = (path, &config, Some(bundle));
    let mut zones = read_zones(named, &mut BTreeSet::new(), &mut finder, problems);
    zones.iter_mut().flat_map(|input| &mut input.zones).for_each(|zone| zone.unavailable = None);
    // Whoever publishes need not know where clients are.
    let countries = geoip::read(path, &config, &zones, None, &mut Problems::default());
    let settings = settings(&config, &Keyring::default());
    let record_ttl = config.record.ttl;
    Some(Inputs { zones, countries: countries.map, settings, record_ttl })
}

impl BundleDraft {
    /// The bundle of these files.
    pub fn bundle(&self, name: &str, serial: u64, generated: Timestamp) -> Bundle {
        let (zones, files) = (self.zones.clone(), self.files.clone());
        Bundle { name: name.to_owned(), serial, generated, zones, files }
    }

    fn name_of(&self, path: &Path) -> Option<String> {
        Some(path.strip_prefix(&self.root).ok()?.to_str()?.to_owned())
    }
}

/// The path from the root, without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            component => plain.push(component),
        }
    }
    plain
}

/// The nearest directory that has all of these files; `None` if there are none.
fn common_directory<'p>(mut paths: impl Iterator<Item = &'p Path>) -> Option<PathBuf> {
    let mut common = paths.next()?.parent()?.to_owned();
    for path in paths {
        while !path.starts_with(&common) {
            common.pop();
        }
    }
    Some(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_all_files_is_found() {
        let common = |paths: &[&str]| common_directory(paths.iter().map(Path::new));
        assert_eq!(common(&["/a/b/c", "/a/b/d"]), Some("/a/b".into()));
        assert_eq!(common(&["/a/b/c", "/a/bc"]), Some("/a".into()));
        assert_eq!(common(&["/a/b/c/d", "/x"]), Some("/".into()));
        assert_eq!(common(&[]), None);
        assert_eq!(plain(Path::new("/a/./b/../c")), Path::new("/a/c"));
    }
}
