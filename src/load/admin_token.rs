//! Reads the token that allows changes over TCP.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cvdns_core::config::{AdminToken, Config};
use cvdns_core::problem::{Location, Problems};
use cvdns_io::{beside, read_text_up_to};

/// Most octets of the file.
const MAX_TOKEN: u64 = 64 << 10;

/// The path of the file that a configuration names. What is wrong with the file is noted.
pub(super) fn token_path(path: &Path, config: &Config, problems: &mut Problems) -> Option<PathBuf> {
    let path = beside(path, &config.admin.token_file.as_ref()?.value);
    let location = || Location::file(&path.display().to_string());
    if let Err(error) = read_token(&path) {
        let help = "make it by `openssl rand -hex 32 > FILE`, or remove `token-file` from [admin]: \
                    nothing can then be changed over TCP";
        problems.error(location(), error, help);
    }
    if std::fs::metadata(&path).is_ok_and(|metadata| metadata.mode() & 0o007 != 0) {
        let what =
            "every account of this machine can read or change the token of the admin address";
        let help = "whoever has it can control the server: chmod o= the file";
        problems.warning(location(), what, help);
    }
    Some(path)
}

/// Reads the token in a file.
///
/// # Errors
/// When the file cannot be read, or its first line is no token.
pub fn read_token(path: &Path) -> Result<AdminToken, String> {
    let text = read_text_up_to(path, MAX_TOKEN)?;
    AdminToken::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}
