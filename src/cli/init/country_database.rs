//! Finds a country database.

use std::path::{Path, PathBuf};

/// Where a package installs the database, below `/usr` or another prefix.
const INSTALLED: &str = "share/cvdns/country.mmdb";

/// Where the repository has it.
const SHIPPED: &str = "geoip/country.mmdb";

/// The absolute path of a database that an argument names.
///
/// # Errors
/// When there is no such file, or its path is not UTF-8 and so cannot stand in a TOML file.
pub(super) fn named(path: &Path) -> Result<String, String> {
    if !path.is_file() {
        return Err(format!(
            "--geoip {}: there is no such file; write the path of a country MMDB, such as \
             `cvdns geoip build` makes",
            path.display()
        ));
    }
    absolute(path).ok_or_else(|| format!("--geoip {}: the path must be UTF-8 text", path.display()))
}

/// The absolute path of the first database that exists: of the working directory, the repository
/// that the program was built in, the program's prefix, and the system. `None` if there is none.
pub(super) fn installed() -> Option<String> {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(Path::parent).and_then(Path::parent);
    // The program is in `target/release` of the repository, or in `bin` of the prefix.
    let repository = program.and_then(Path::parent).map(|of| of.join(SHIPPED));
    let prefix = program.map(|prefix| prefix.join(INSTALLED));
    let system = ["/usr/local", "/usr"].map(|prefix| Path::new(prefix).join(INSTALLED));
    first(std::iter::once(SHIPPED.into()).chain(repository).chain(prefix).chain(system))
}

fn first(candidates: impl Iterator<Item = PathBuf>) -> Option<String> {
    candidates.into_iter().filter(|path| path.is_file()).find_map(|path| absolute(&path))
}

fn absolute(path: &Path) -> Option<String> {
    std::path::absolute(path).ok()?.into_os_string().into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_exists_is_taken_by_its_absolute_path() {
        let dir = tempfile::tempdir().unwrap();
        let (none, one) = (dir.path().join("none"), dir.path().join("one.mmdb"));
        std::fs::write(&one, "").unwrap();
        let paths = [none.clone(), dir.path().to_owned(), one.clone(), "Cargo.toml".into()];
        assert_eq!(first(paths.into_iter()).as_deref(), one.to_str());
        assert_eq!(first([none.clone()].into_iter()), None);
        let relative = first(["Cargo.toml".into()].into_iter()).unwrap();
        assert!(relative.starts_with('/') && relative.ends_with("/Cargo.toml"), "{relative}");
        assert!(named(&none).unwrap_err().contains("there is no such file"));
    }
}
