//! Reads the keys of transfers.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cvdns_core::config::Config;
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems};
use cvdns_io::{beside, read_text_up_to};
use cvdns_transfer::Keyring;

/// Most octets of a file, which is room for thousands of keys.
const MAX_KEYS: u64 = 1 << 20;

/// Reads the files of keys that a configuration names. All problems are noted.
pub(super) fn keyring(path: &Path, config: &Config, problems: &mut Problems) -> Keyring {
    let mut keys = Keyring::default();
    for named in &config.transfer.keys {
        read(&mut keys, &beside(path, &named.value), named, problems);
    }
    check_names(config, &keys, problems);
    keys
}

fn read(keys: &mut Keyring, path: &Path, named: &Placed<String>, problems: &mut Problems) {
    let name = path.display().to_string();
    match read_text_up_to(path, MAX_KEYS) {
        Ok(text) => keys.read(&name, &text, problems),
        Err(error) => {
            let help = "make it by `tsig-keygen NAME > FILE`, readable by the server's account \
                        alone, or take it out of `keys`";
            problems.error(named.location.clone(), error, help);
        }
    }
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o007 != 0) {
        let what = "every account of this machine can read or change the keys of transfers";
        let help = "whoever has a key can transfer zones and forge them: chmod o= the file";
        problems.warning(Location::file(&name), what, help);
    }
}

/// Reports each secondary whose key is not known.
fn check_names(config: &Config, keys: &Keyring, problems: &mut Problems) {
    for secondary in &config.transfer.secondaries {
        let key = &secondary.key;
        if keys.get(&key.value).is_some() {
            continue;
        }
        let what = format!("there is no key {} in the files of `keys`", key.value);
        let help = match keys.names().as_slice() {
            [] => format!(
                "make one: tsig-keygen {} > transfer.key, and name the file in `keys` of \
                 [transfer]",
                key.value
            ),
            names => format!("write one of {}, or make this one by tsig-keygen", names.join(", ")),
        };
        problems.error(key.location.clone(), what, help);
    }
}
