//! What `[monitor]` names. Servers do not use it, and the coordinator's files need not be on their machines: warnings.

use std::path::{Path, PathBuf};

use crate::load::Loaded;
use cvdns_core::problem::Problems;
use cvdns_core::problem::table::Placed;
use cvdns_io::beside;
use cvdns_monitor::{Signer, read_release};

pub(super) fn check(config: &Path, loaded: &Loaded, problems: &mut Problems) {
    let monitor = &loaded.config.monitor;
    if let Some(named) = &monitor.secret_key {
        check_key(&beside(config, &named.value), named, loaded, problems);
    }
    if let Some(named) = &monitor.release {
        let path: PathBuf = beside(config, &named.value);
        if let Err(error) = read_release(&path) {
            let what = format!("the release {} is not usable: {error}", path.display());
            let help = "write a JSON object such as { \"software\": \"1.4.6\", \"main\": 63, \"daily\": 28129, \"bytecode\": 339, \
                        \"flevel\": 90 }; only where `cvdns monitor` runs is it needed";
            problems.warning(named.location.clone(), what, help);
        }
    }
}

fn check_key(path: &Path, named: &Placed<String>, loaded: &Loaded, problems: &mut Problems) {
    let location = || named.location.clone();
    let signer = match Signer::load(path) {
        Ok(signer) => signer,
        Err(error) => {
            problems.warning(
                location(),
                error,
                "`cvdns monitor` would not start; only where it runs is the key needed",
            );
            return;
        }
    };
    if Signer::is_open(path) {
        let what = format!("others than its owner can use the secret key {}", path.display());
        problems.warning(location(), what, format!("chmod 600 {}", path.display()));
    }
    let Some(keys) = &loaded.config.feed.public_key else { return };
    if !signer.public_key().is_some_and(|key| keys.iter().any(|known| *known == key)) {
        let expected: Vec<String> = keys.iter().map(|key| key.id().to_string()).collect();
        let what = format!(
            "the secret key is {}, and `public-key` in [feed] is {}: servers would refuse its feeds",
            signer.id(),
            expected.join(" and ")
        );
        problems.warning(
            location(),
            what,
            "name the secret key that belongs to it, or add its public key to `public-key`",
        );
    }
}
