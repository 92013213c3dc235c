//! Which configuration the commands read.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The configuration in the working directory.
const HERE: &str = "cvdns.toml";

/// The configuration of the system.
const SYSTEM: &str = "/etc/cvdns/cvdns.toml";

/// The path of the configuration: the one that `--config` or `CVDNS_CONFIG` names, else
/// `cvdns.toml` in the working directory, else `/etc/cvdns/cvdns.toml`. An empty name is none.
pub fn config_path(named: Option<&OsStr>) -> PathBuf {
    // What cannot be looked at is there: reading it then says why it cannot be read.
    choose(named, |path| path.symlink_metadata().is_ok() || path.try_exists().is_err())
}

/// Whether a path is a default that need not exist.
pub(super) fn is_default(path: &Path) -> bool {
    path == Path::new(HERE) || path == Path::new(SYSTEM)
}

fn choose(named: Option<&OsStr>, is_there: impl Fn(&Path) -> bool) -> PathBuf {
    match named {
        Some(named) if !named.is_empty() => named.into(),
        _ if !is_there(Path::new(HERE)) && is_there(Path::new(SYSTEM)) => SYSTEM.into(),
        _ => HERE.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_configuration_is_the_second_choice() {
        for (named, there, chosen) in [
            (None, &[HERE, SYSTEM][..], HERE),
            (None, &[SYSTEM], SYSTEM),
            (None, &[HERE], HERE),
            // The error is to name the one that is expected first.
            (None, &[], HERE),
            (Some(""), &[SYSTEM], SYSTEM),
            (Some("other.toml"), &[HERE, SYSTEM], "other.toml"),
        ] {
            let is_there = |path: &Path| there.iter().any(|of| path == Path::new(of));
            assert_eq!(choose(named.map(OsStr::new), is_there), Path::new(chosen), "{there:?}");
        }
    }
}
