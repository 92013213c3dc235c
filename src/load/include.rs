//! Finds and reads the files that a configuration includes.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use wildmatch::WildMatch;

use cvdns_core::problem::Problems;
use cvdns_core::problem::table::{Placed, SourceText};
use cvdns_io::{beside, cannot_read, read_text};

/// A file that a configuration includes.
#[derive(Debug)]
pub(super) struct IncludedFile {
    /// Its name in messages.
    name: String,
    text: String,
    /// Its directory, relative to that of the configuration.
    directory: String,
}

impl IncludedFile {
    /// The file as a part of the configuration.
    pub(super) fn source(&self) -> SourceText<'_> {
        SourceText { file: &self.name, text: &self.text, directory: &self.directory }
    }
}

/// Reads the files that the configuration `main` includes: those of each path or pattern in turn,
/// and those of a pattern in the order of their names. A file that several patterns match is read
/// once. `None` if any of them cannot be read, which is noted.
pub(super) fn read(
    main: &Path,
    include: &[Placed<String>],
    problems: &mut Problems,
) -> Option<Vec<IncludedFile>> {
    let identity = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut seen = HashSet::from([identity(main)]);
    let mut files = Vec::new();
    let errors_before = problems.counts().0;
    for named in include {
        let mut wrong = |what: String, help: &str| {
            problems.error(named.location.clone(), what, help);
        };
        let is_pattern = named.value.contains(WILDCARDS);
        let paths = match matches(main, &named.value) {
            Ok(paths) => paths,
            Err(what) => {
                wrong(what, "write a path, or a pattern such as \"conf.d/*.toml\"");
                continue;
            }
        };
        for written in paths {
            let path = beside(main, &written);
            if !seen.insert(identity(&path)) {
                if !is_pattern {
                    let what = format!("{} is read already", path.display());
                    wrong(what, "remove it from `include`");
                }
                continue;
            }
            match read_text(&path) {
                Ok(text) => files.push(IncludedFile {
                    name: path.display().to_string(),
                    text,
                    directory: directory_of(&written),
                }),
                Err(error) => {
                    wrong(error, "check the path: it is relative to the file that names it");
                }
            }
        }
    }
    (problems.counts().0 == errors_before).then_some(files)
}

/// What makes a name a pattern.
const WILDCARDS: [char; 2] = ['*', '?'];

/// The directory of a path as written: empty for the directory of the configuration.
fn directory_of(written: &str) -> String {
    match written.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((directory, _)) => directory.to_owned(),
        None => String::new(),
    }
}

/// The paths that a pattern matches, written as the pattern is. A path without wildcards is its own
/// only match, whether there is such a file or not.
fn matches(main: &Path, pattern: &str) -> Result<Vec<String>, String> {
    if pattern.split('/').any(|name| name.contains("**")) {
        return Err(format!("\"{pattern}\" has \"**\": directories are not searched"));
    }
    let mut found = vec![String::new()];
    let names: Vec<&str> = pattern.split('/').collect();
    for (index, name) in names.iter().enumerate() {
        let is_last = index + 1 == names.len();
        let mut next = Vec::new();
        for before in &found {
            if !name.contains(WILDCARDS) {
                next.push(format!("{before}{name}"));
                continue;
            }
            let listed = list(&beside(main, before), name, is_last)?;
            next.extend(listed.into_iter().map(|name| format!("{before}{name}")));
        }
        let end = if is_last { "" } else { "/" };
        found = next.into_iter().map(|path| format!("{path}{end}")).collect();
    }
    if pattern.contains(WILDCARDS) {
        // The path behind a wildcard need not exist in every directory.
        found.retain(|path| beside(main, path).exists());
    }
    Ok(found)
}

/// The names in a directory that match a pattern, sorted: those of files, or those of directories
/// where the pattern goes on. Hidden names match only a pattern with a dot in front, so that the
/// copies which editors make are not read. A directory that does not exist has none.
fn list(directory: &Path, pattern: &str, are_files: bool) -> Result<Vec<String>, String> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(cannot_read(directory, &error)),
    };
    let wanted = WildMatch::new(pattern);
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| cannot_read(directory, &error))?;
        let shown = entry.path().display().to_string();
        let name = entry.file_name().into_string().map_err(|_| format!("{shown} is not UTF-8"))?;
        let is_hidden = name.starts_with('.') && !pattern.starts_with('.');
        let is_wanted = wanted.matches(&name) && !is_hidden;
        if is_wanted && entry.path().is_dir() != are_files {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_files_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let main = dir.path().join("cvdns.toml");
        for name in
            ["b.toml", "a.toml", ".a.toml.swp", ".c.toml", "a.toml~", "x/1.toml", "y/2.toml"]
        {
            let path = dir.path().join("d").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::create_dir(dir.path().join("d/dir.toml")).unwrap();
        let absolute = |name: &str| format!("{}/d/{name}", dir.path().display());
        for (pattern, expected) in [
            ("d/*.toml", vec!["d/a.toml".to_owned(), "d/b.toml".to_owned()]),
            ("d/?.toml", vec!["d/a.toml".to_owned(), "d/b.toml".to_owned()]),
            ("d/.*.toml", vec!["d/.c.toml".to_owned()]),
            ("d/*/*.toml", vec!["d/x/1.toml".to_owned(), "d/y/2.toml".to_owned()]),
            ("d/*/1.toml", vec!["d/x/1.toml".to_owned()]),
            ("../none/*.toml", vec![]),
            ("d/a.toml/*.toml", vec![]),
            ("none.toml", vec!["none.toml".to_owned()]),
            (absolute("*.toml").as_str(), vec![absolute("a.toml"), absolute("b.toml")]),
        ] {
            assert_eq!(matches(&main, pattern), Ok(expected), "{pattern}");
        }
        assert!(matches(&main, "d/**/x.toml").is_err());
    }

    #[test]
    fn directories_are_relative_to_the_configuration() {
        for (written, directory) in
            [("a", ""), ("d/a", "d"), ("../d/a", "../d"), ("/a", "/"), ("/d/a", "/d")]
        {
            assert_eq!(directory_of(written), directory);
        }
    }
}
