//! The texts of zone files and of the files that they name: on the disk, or in a bundle.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cvdns_core::bundle::{Bundle, resolved};
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::zone::include::{Include, IncludedFile};
use cvdns_io::{IncludeFiles, beside, read_master, read_text};

/// A zone file that a configuration names.
#[derive(Debug, Clone)]
pub(super) struct NamedZone<'b> {
    /// Its path, or what stands for it in a bundle.
    pub path: PathBuf,
    /// What names it.
    pub location: Location,
    /// Where it is, with the files that it names.
    pub texts: ZoneTexts<'b>,
}

/// Where texts are.
#[derive(Debug, Clone, Copy)]
pub(super) enum ZoneTexts<'b> {
    /// On the disk.
    Disk,
    /// In a bundle.
    Bundle(&'b Bundle),
}

/// What begins the paths of files in a bundle, for messages.
const BUNDLE: &str = "bundle:";

/// Whether this is the path of a file in a bundle.
pub fn is_in_bundle(path: &Path) -> bool {
    path.components().next().is_some_and(|first| {
        first.as_os_str().to_str().is_some_and(|first| first.starts_with(BUNDLE))
    })
}

impl<'b> NamedZone<'b> {
    /// A zone file on the disk.
    pub(super) fn on_disk(config: &Path, named: &Placed<String>) -> Self {
        let path = beside(config, &named.value);
        Self { path, location: named.location.clone(), texts: ZoneTexts::Disk }
    }

    /// The zone files of a bundle, which is named at this place.
    pub(super) fn of_bundle(
        bundle: &'b Bundle,
        location: &Location,
    ) -> impl Iterator<Item = Self> + use<'b> {
        let location = location.clone();
        bundle.zones.iter().map(move |name| Self {
            path: root(bundle).join(name),
            location: location.clone(),
            texts: ZoneTexts::Bundle(bundle),
        })
    }

    /// Its text. An error is noted.
    pub(super) fn text(&self, problems: &mut Problems) -> Option<String> {
        self.texts.text(&self.path, &self.location, problems)
    }
}

impl<'b> ZoneTexts<'b> {
    /// The path that the file `from` means by this one. An error is noted.
    pub(super) fn beside(
        self,
        from: &Path,
        named: &Placed<String>,
        problems: &mut Problems,
    ) -> Option<PathBuf> {
        let Self::Bundle(bundle) = self else { return Some(beside(from, &named.value)) };
        let name = name_in(bundle, from).and_then(|from| resolved(from, &named.value));
        if name.is_none() {
            let what = format!("\"{}\" is not in the bundle", named.value);
            let help = "write a path within the bundle, relative to the file that names it";
            problems.error(named.location.clone(), what, help);
        }
        name.map(|name| root(bundle).join(name))
    }

    /// The text of a file that is named at this place. An error is noted.
    pub(super) fn text(
        self,
        path: &Path,
        location: &Location,
        problems: &mut Problems,
    ) -> Option<String> {
        let text = match self {
            Self::Disk => read_text(path),
            Self::Bundle(bundle) => text_in(bundle, path).map(str::to_owned),
        };
        noted(text, location, problems)
    }

    /// The octets of a master file that is named at this place. An error is noted.
    pub(super) fn master(
        self,
        path: &Path,
        location: &Location,
        problems: &mut Problems,
    ) -> Option<Vec<u8>> {
        let octets = match self {
            Self::Disk => read_master(path),
            Self::Bundle(bundle) => text_in(bundle, path).map(|text| text.as_bytes().to_vec()),
        };
        noted(octets, location, problems)
    }

    /// What reads the files that master files include.
    pub(super) fn includes(self) -> Includes<'b> {
        match self {
            Self::Disk => Includes::Disk(IncludeFiles::default()),
            Self::Bundle(bundle) => Includes::Bundle(bundle),
        }
    }

    /// Adds a file that was read to those that are read again at a reload.
    pub(super) fn note(self, path: PathBuf, files: &mut BTreeSet<PathBuf>) {
        if let Self::Disk = self {
            files.insert(path);
        }
    }
}

/// Reads the files that `$INCLUDE` names (RFC 1035 section 5.1).
#[derive(Debug)]
pub(super) enum Includes<'b> {
    /// On the disk.
    Disk(IncludeFiles),
    /// In a bundle.
    Bundle(&'b Bundle),
}

impl Includes<'_> {
    /// The files on the disk that were read.
    pub(super) fn into_read(self) -> BTreeSet<PathBuf> {
        match self {
            Self::Disk(files) => files.read,
            Self::Bundle(_) => BTreeSet::new(),
        }
    }
}

impl Include for Includes<'_> {
    fn include(&mut self, path: &[u8], from: &str) -> Result<IncludedFile, String> {
        let bundle = match self {
            Self::Disk(files) => return files.include(path, from),
            Self::Bundle(bundle) => *bundle,
        };
        let shown = String::from_utf8_lossy(path);
        let name = name_in(bundle, Path::new(from)).and_then(|from| resolved(from, &shown));
        let name = name.ok_or_else(|| format!("\"{shown}\" is not in the bundle"))?;
        let path = root(bundle).join(name);
        let octets = text_in(bundle, &path)?.as_bytes().to_vec();
        Ok(IncludedFile { octets, file: path.display().to_string() })
    }
}

/// What stands for the directory of a bundle.
fn root(bundle: &Bundle) -> PathBuf {
    PathBuf::from(format!("{BUNDLE}{}", bundle.name))
}

/// The name of a file in a bundle.
fn name_in<'p>(bundle: &Bundle, path: &'p Path) -> Option<&'p str> {
    path.strip_prefix(root(bundle)).ok()?.to_str()
}

fn text_in<'b>(bundle: &'b Bundle, path: &Path) -> Result<&'b str, String> {
    let text = name_in(bundle, path).and_then(|name| bundle.files.get(name));
    text.map(String::as_str).ok_or_else(|| format!("there is no {}", path.display()))
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
