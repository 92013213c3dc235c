//! Checks what `[monitor]` names. Servers do not use its files and need not have them, so problems
//! of these are warnings.

use std::path::{Path, PathBuf};

use crate::load::{Loaded, check_page, state_directory};
use cvdns_core::fleet::Fleet;
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems};
use cvdns_io::beside;
use cvdns_monitor::history::history_trouble;
use cvdns_monitor::{Signer, page_trouble, read_release};

pub(super) fn check(config: &Path, loaded: &Loaded, problems: &mut Problems) {
    let monitor = &loaded.config.monitor;
    let fleets: Vec<&Fleet> = loaded.inputs.zones.iter().map(|zone| &*zone.fleet).collect();
    monitor.check_witnesses(&fleets, problems);
    check_page(config, &loaded.config, &loaded.files, problems);
    if let Some(named) = &monitor.page
        && let Some(what) = page_trouble(&beside(config, &named.value))
    {
        let help = "name a directory that the account of `cvdns monitor` can write; it is needed \
                    only where that runs";
        problems.warning(named.location.clone(), what, help);
    }
    if let Some(what) = history_trouble(&state_directory(config, monitor)) {
        let whole = || Location::file(&config.display().to_string());
        let location = monitor.state.as_ref().map_or_else(whole, |named| named.location.clone());
        let help = "docs/monitor.md, The history; it is needed only where `cvdns monitor` runs";
        problems.warning(location, what, help);
    }
    if let Some(named) = &monitor.secret_key {
        check_key(&beside(config, &named.value), named, loaded, problems);
    }
    if let Some(named) = &monitor.release {
        let path: PathBuf = beside(config, &named.value);
        if let Err(error) = read_release(&path) {
            let what = format!("the release {} is not usable: {error}", path.display());
            let help = "write a JSON object such as { \"software\": \"1.4.6\", \"main\": 63, \
                        \"daily\": 28129, \"bytecode\": 339, \"flevel\": 90 }; it is needed only \
                        where `cvdns monitor` runs";
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
                "`cvdns monitor` would not start; the key is needed only where it runs",
            );
            return;
        }
    };
    if Signer::is_open(path) {
        let what =
            format!("the secret key {} is accessible to others than its owner", path.display());
        problems.warning(location(), what, format!("chmod 600 {}", path.display()));
    }
    let Some(keys) = &loaded.config.feed.public_key else { return };
    if !signer.public_key().is_some_and(|key| keys.iter().any(|known| *known == key)) {
        let expected: Vec<String> = keys.iter().map(|key| key.id().to_string()).collect();
        let what = format!(
            "the secret key has the id {}, but `public-key` in [feed] has {}: servers would refuse \
             its feeds",
            signer.id(),
            expected.join(" and ")
        );
        problems.warning(
            location(),
            what,
            "name the matching secret key, or add this key's public key to `public-key`",
        );
    }
}
