//! Reads the secrets of DNS cookies.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use cvdns_core::abuse::CookieSecrets;
use cvdns_core::config::Config;
use cvdns_core::problem::{Location, Problems};
use cvdns_io::confinement::DENIED;
use cvdns_io::{beside, read_bytes};

/// Most octets of the file, which is room for many comments.
const MAX_SECRETS: u64 = 64 << 10;

/// The file of secrets and what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CookieSecretsFile {
    /// Its path; `None` if the configuration names none.
    pub path: Option<PathBuf>,
    /// The secrets; `None` if there is no file, or if it cannot be used.
    pub secrets: Option<CookieSecrets>,
    /// When the file was changed; `None` if that is unknown.
    pub changed: Option<Timestamp>,
}

impl CookieSecretsFile {
    /// Reads the file that a configuration names. All problems are noted.
    pub(super) fn of(path: &Path, config: &Config, problems: &mut Problems) -> Self {
        let cookies = &config.cookies;
        match cookies.secret_file.as_ref().filter(|_| cookies.enabled) {
            Some(named) => Self::read(&beside(path, &named.value), problems),
            None => Self::default(),
        }
    }

    /// Reads a file. All problems are noted.
    pub fn read(path: &Path, problems: &mut Problems) -> Self {
        let name = path.display().to_string();
        let secrets = match read_bytes(path, MAX_SECRETS) {
            Ok(octets) => {
                // What is not UTF-8 is no hex digit either, and is reported as such.
                let text = String::from_utf8_lossy(&octets);
                CookieSecrets::parse(&name, &text, problems)
            }
            Err(error) => {
                // What the sandbox forbids is no matter of the file: the error says what to do.
                let help = if error.contains(DENIED) {
                    ""
                } else {
                    "make it by `openssl rand -hex 16 > FILE`, or remove `secret-file` from \
                         [cookies]: a secret is then made at each start"
                };
                problems.error(Location::file(&name), error, help);
                None
            }
        };
        let metadata = std::fs::metadata(path).ok();
        if metadata.as_ref().is_some_and(|metadata| metadata.mode() & 0o007 != 0) {
            let what = "every account of this machine can read or change the secrets of cookies";
            let help = "everyone who can read them can make valid cookies for other addresses: run `chmod o=` on the file";
            problems.warning(Location::file(&name), what, help);
        }
        let changed = metadata.and_then(|metadata| metadata.modified().ok());
        let changed = changed.and_then(|changed| Timestamp::try_from(changed).ok());
        Self { path: Some(path.to_owned()), secrets, changed }
    }
}
