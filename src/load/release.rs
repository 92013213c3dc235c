//! Reads the files that the release is put together from: a record, and the headers of databases.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use cvdns_core::config::Config;
use cvdns_core::release::cvd::{HEADER_SIZE, Header};
use cvdns_core::release::{CORE_DATABASES, RecordLine, ReleaseSources, SourceState};
use cvdns_io::{beside, read_bytes, read_head};

/// Most octets of a file with a record. A record itself has at most 255.
const MAX_LINE: u64 = 64 << 10;

/// Extensions of database files: as published (CVD), or as assembled by freshclam (CLD).
pub const DATABASE_EXTENSIONS: [&str; 2] = ["cvd", "cld"];

/// The files that the release is put together from, beside the feed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReleaseFiles {
    /// The file that has the record as a line of text (`record-file`).
    pub line: Option<PathBuf>,
    /// The directory of main, daily and bytecode (`cvd-dir`).
    pub directory: Option<PathBuf>,
}

impl ReleaseFiles {
    pub(super) fn of(path: &Path, config: &Config) -> Self {
        let beside = |named: &Option<_>| {
            named.as_ref().map(|named: &super::PlacedPath| beside(path, &named.value))
        };
        Self { line: beside(&config.record.file), directory: beside(&config.record.cvd_dir) }
    }

    /// All files whose change may change the release.
    pub fn watched(&self) -> Vec<PathBuf> {
        let databases = self.directory.iter().flat_map(|directory| {
            CORE_DATABASES.into_iter().flat_map(|database| candidates(directory, database))
        });
        self.line.iter().cloned().chain(databases).collect()
    }

    /// Reads the files. For each that cannot be used, a message is added to `errors`, and its
    /// content of `before` stays in use.
    pub fn read(
        &self,
        before: &ReleaseSources,
        now: Timestamp,
        errors: &mut Vec<String>,
    ) -> ReleaseSources {
        let line = self.line.as_deref().map(|path| read_line(path, now));
        let versions = self.directory.as_deref().map(|directory| read_versions(directory, now));
        ReleaseSources {
            line: or_last_usable(line, &before.line, errors),
            versions: or_last_usable(versions, &before.versions, errors),
        }
    }
}

/// What was read, or what was read before if that failed.
fn or_last_usable<T: Clone>(
    read: Option<Result<T, String>>,
    before: &SourceState<T>,
    errors: &mut Vec<String>,
) -> SourceState<T> {
    match (read, before) {
        (None, _) => SourceState::Unused,
        (Some(Ok(content)), _) => SourceState::Read(content),
        (Some(Err(error)), before) => {
            errors.push(error);
            if let SourceState::Read(content) = before {
                SourceState::Read(content.clone())
            } else {
                SourceState::Missing
            }
        }
    }
}

/// Reads a record from its file.
///
/// # Errors
/// When the file cannot be read or has no valid record. The error names the file.
fn read_line(path: &Path, now: Timestamp) -> Result<RecordLine, String> {
    let octets = read_bytes(path, MAX_LINE)?;
    let text =
        String::from_utf8(octets).map_err(|_| format!("{} is not UTF-8 text", path.display()))?;
    RecordLine::parse(&text, now).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads the header of a database from its file.
///
/// # Errors
/// When the file cannot be read or has no valid header. The error names the file.
pub fn read_header(path: &Path, now: Timestamp) -> Result<Header, String> {
    let octets =
        read_head(path, HEADER_SIZE).map_err(|error| cvdns_io::cannot_read(path, &error))?;
    Header::parse(&octets, now).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads the versions of main, daily and bytecode in a directory. Of a CVD and a CLD, the higher
/// version counts. If one database is missing, this fails.
fn read_versions(directory: &Path, now: Timestamp) -> Result<[u32; 3], String> {
    let mut versions = [0; 3];
    for (version, database) in versions.iter_mut().zip(CORE_DATABASES) {
        // freshclam may replace one file by the other while they are read, so the first one is
        // tried again.
        for path in
            candidates(directory, database).iter().cycle().take(DATABASE_EXTENSIONS.len() + 1)
        {
            match read_head(path, HEADER_SIZE) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(cvdns_io::cannot_read(path, &error)),
                Ok(octets) => {
                    let header = Header::parse(&octets, now);
                    let header = header.map_err(|error| format!("{}: {error}", path.display()))?;
                    *version = header.version.max(*version);
                }
            }
        }
        if *version == 0 {
            return Err(format!(
                "neither {database}.cvd nor {database}.cld is in {}",
                directory.display()
            ));
        }
    }
    Ok(versions)
}

fn candidates(directory: &Path, database: &str) -> [PathBuf; 2] {
    DATABASE_EXTENSIONS.map(|extension| directory.join(format!("{database}.{extension}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-24T00:00:00Z";

    fn header(version: &str) -> String {
        let text = format!("ClamAV-VDB:16 Dec 2025 23-18 +0000:{version}:1:90:X:X:neo:1765927102");
        format!("{text:512}signatures")
    }

    fn read(files: &ReleaseFiles, before: &ReleaseSources) -> (ReleaseSources, Vec<String>) {
        let mut errors = Vec::new();
        (files.read(before, NOW.parse().unwrap(), &mut errors), errors)
    }

    #[test]
    fn the_higher_version_of_cvd_and_cld_counts() {
        let dir = tempfile::tempdir().unwrap();
        let files = ReleaseFiles { line: None, directory: Some(dir.path().to_owned()) };
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let (silent, errors) = read(&files, &ReleaseSources::default());
        assert_eq!(silent.versions, SourceState::Missing);
        assert!(errors[0].starts_with("neither main.cvd nor main.cld is in "), "{errors:?}");

        for (name, version) in
            [("main.cvd", "63"), ("daily.cvd", "10"), ("daily.cld", "12"), ("bytecode.cld", "339")]
        {
            write(name, &header(version));
        }
        let (said, errors) = read(&files, &silent);
        assert_eq!((said.versions, errors.len()), (SourceState::Read([63, 12, 339]), 0));
        write("daily.cvd", &header("13"));
        assert_eq!(read(&files, &said).0.versions, SourceState::Read([63, 13, 339]));

        // Bad files are named, and the last versions stay.
        let cut = header("14");
        for (text, words) in [
            (&cut[..200], "daily.cvd: cut off: 200 octets"),
            (&header("0"), "daily.cvd: the version in its header is \"0\""),
            ("<html></html>", "daily.cvd: not a ClamAV database"),
        ] {
            write("daily.cvd", text);
            let (kept, errors) = read(&files, &said);
            assert_eq!(kept.versions, said.versions);
            assert!(errors.len() == 1 && errors[0].contains(words), "{errors:?}");
        }
    }

    #[test]
    fn a_record_is_read_from_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dns.txt");
        let files = ReleaseFiles { line: Some(path.clone()), directory: None };
        std::fs::write(&path, "1.4.6:63:28129:1789910940:1:90:49192:339\n").unwrap();
        let (said, errors) = read(&files, &ReleaseSources::default());
        assert!(
            matches!(&said.line, SourceState::Read(line) if line.release.daily == 28_129),
            "{errors:?}"
        );
        std::fs::write(&path, "\u{feff}1.4.6:63:28129:1789910940:1:90:49192:339\r\n").unwrap();
        assert_eq!(read(&files, &ReleaseSources::default()), (said.clone(), vec![]));
        std::fs::write(&path, "1.4.6:63::1789910940:1:90:49192:339\n").unwrap();
        let (kept, errors) = read(&files, &said);
        assert_eq!(kept, said);
        assert!(
            errors[0].ends_with("dns.txt: field 3 is \"\"; expected a database version, 1 or more"),
            "{errors:?}"
        );
    }
}
