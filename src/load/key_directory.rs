//! Finds and reads the files of keys in a directory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::read_dir;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cvdns_core::problem::{Location, Problems};
use cvdns_core::wire::name::Name;
use cvdns_dnssec::{KeyFileName, KeyText, PublicKeyFile, ZoneKey};
use cvdns_io::read_text_up_to;

/// Most octets of a file of a key. Comments included, they have a few hundred.
const MAX_KEY: u64 = 64 << 10;

/// Permission bits of group and others.
const OTHERS: u32 = 0o077;

/// Extension of files of public keys.
const PUBLIC: &str = "key";

/// Extension of files of private keys.
const PRIVATE: &str = "private";

/// The files of keys in a directory, by zone.
#[derive(Debug)]
pub struct KeyDirectory {
    path: PathBuf,
    zones: HashMap<Name, BTreeMap<(u8, u16), KeyFiles>>,
}

/// The files of a key.
#[derive(Debug)]
struct KeyFiles {
    /// What both files are called, without an extension.
    stem: String,
    name: KeyFileName,
    has_public: bool,
    has_private: bool,
}

impl KeyDirectory {
    /// Finds the files of keys. Files that are called otherwise are left alone.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn open(path: &Path) -> Result<Self, String> {
        let mut zones: HashMap<Name, BTreeMap<(u8, u16), KeyFiles>> = HashMap::new();
        for entry in read_dir(path).map_err(|error| cvdns_io::cannot_read(path, &error))? {
            let entry = entry.map_err(|error| cvdns_io::cannot_read(path, &error))?;
            let file = PathBuf::from(entry.file_name());
            let parts = (file.file_stem(), file.extension());
            let (Some(stem), Some(extension)) = parts else { continue };
            let (Some(stem), Some(extension)) = (stem.to_str(), extension.to_str()) else {
                continue;
            };
            if extension != PUBLIC && extension != PRIVATE {
                continue;
            }
            let Some(name) = KeyFileName::parse(stem) else { continue };
            let of_zone = zones.entry(name.zone.clone()).or_default();
            let files = of_zone.entry((name.algorithm, name.tag)).or_insert_with(|| KeyFiles {
                stem: stem.to_owned(),
                name,
                has_public: false,
                has_private: false,
            });
            *if extension == PUBLIC { &mut files.has_public } else { &mut files.has_private } =
                true;
        }
        Ok(Self { path: path.to_owned(), zones })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a zone has any file of a key.
    pub fn has(&self, zone: &Name) -> bool {
        self.zones.contains_key(zone)
    }

    /// The zones that have files of keys, in alphabetical order.
    pub fn zones(&self) -> Vec<String> {
        let mut zones: Vec<String> = self.zones.keys().map(ToString::to_string).collect();
        zones.sort_unstable();
        zones
    }

    /// The key tags of a zone's files, whatever the algorithm.
    pub fn tags(&self, zone: &Name) -> BTreeSet<u16> {
        self.zones.get(zone).into_iter().flatten().map(|((_, tag), _)| *tag).collect()
    }

    /// Reads the keys of a zone, sorted by algorithm and tag, and reports what is wrong with them.
    /// The files that were read are added to `files`.
    pub fn keys(
        &self,
        zone: &Name,
        files: &mut BTreeSet<PathBuf>,
        problems: &mut Problems,
    ) -> Vec<ZoneKey> {
        let of_zone = self.zones.get(zone).into_iter().flatten();
        of_zone.filter_map(|(_, of)| self.key(of, files, problems)).collect()
    }

    fn key(
        &self,
        of: &KeyFiles,
        files: &mut BTreeSet<PathBuf>,
        problems: &mut Problems,
    ) -> Option<ZoneKey> {
        let file = |extension: &str| self.path.join(format!("{}.{extension}", of.stem));
        let (public, private) = (file(PUBLIC), file(PRIVATE));
        if !of.has_public {
            let what = format!("the file of the public key is missing beside it: {}.key", of.stem);
            let help = "both files of a key are made together: bring it back, or remove this one";
            problems.error(Location::file(&private.display().to_string()), what, help);
            return None;
        }
        let name = public.display().to_string();
        let text = read(&public, problems)?;
        files.insert(public);
        let found = PublicKeyFile::parse(KeyText { file: &name, text: &text }, problems)?;
        if found.owner != of.name.zone {
            let what =
                format!("the key is one of {}, and the file is called otherwise", found.owner);
            let help = "rename its files, or bring back those of the zone";
            problems.error(found.location, what, help);
            return None;
        }
        let private_name = private.display().to_string();
        let private_text = if of.has_private {
            let text = read(&private, problems)?;
            warn_of_mode(&private, problems);
            files.insert(private);
            Some(text)
        } else {
            None
        };
        let private = private_text.as_ref().map(|text| KeyText { file: &private_name, text });
        let key = ZoneKey::new(&found, private, problems)?;
        let (algorithm, tag) = (key.dnskey.algorithm.number(), key.dnskey.tag());
        if (algorithm, tag) != (of.name.algorithm, of.name.tag) {
            let name = KeyFileName { algorithm, tag, ..of.name.clone() };
            let what = format!("the key has the tag {tag}, and the file is called otherwise");
            let help = format!("rename its files to {name}.key and .private");
            problems.warning(key.location.clone(), what, help);
        }
        Some(key)
    }
}

fn read(path: &Path, problems: &mut Problems) -> Option<String> {
    match read_text_up_to(path, MAX_KEY) {
        Ok(text) => Some(text),
        Err(error) => {
            let help = "the account of the server has to read all keys of the zone";
            problems.error(Location::file(&path.display().to_string()), error, help);
            None
        }
    }
}

/// Warns of a private key that others can read.
fn warn_of_mode(path: &Path, problems: &mut Problems) {
    let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.mode());
    if mode & OTHERS != 0 {
        let what = format!(
            "other accounts can read or change the private key (mode {:03o})",
            mode & 0o777
        );
        let help = "whoever has it can forge the zone: chown it to the server's account, and \
                    chmod 600";
        problems.warning(Location::file(&path.display().to_string()), what, help);
    }
}
