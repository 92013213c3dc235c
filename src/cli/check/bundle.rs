//! Checks the bundle that is published, which servers take over when they can. The one in force
//! goes on if they cannot, so problems of it are warnings.

use std::path::Path;

use jiff::Timestamp;

use crate::load::{self, Loaded, SignedBundle, first_error};
use cvdns_core::health::FeedRequirements;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::compile;

pub(super) fn check(config: &Path, loaded: &Loaded, now: Timestamp, problems: &mut Problems) {
    let (Some(source), Some(named)) = (loaded.bundle_source(), &loaded.config.bundle) else {
        return;
    };
    // Without one, nothing can be served, which was reported.
    let Some(in_force) = &loaded.bundle else { return };
    let keys = loaded.config.feed.public_key.as_ref();
    let serial = in_force.bundle.serial;
    let what = match source.fetch(keys, now) {
        Ok(Some(published)) if published.octets == in_force.octets => return,
        Ok(Some(published)) if published.bundle.serial <= serial => {
            let published = published.bundle.serial;
            format!("bundle {published} is published, which is not above {serial}, the one kept")
        }
        Ok(Some(published)) => match unservable(config, loaded, published) {
            Some(what) => what,
            None => return,
        },
        Ok(None) => format!("no bundle {source} is published any more"),
        Err(error) => format!("the bundle {source} cannot be used: {}", error.what),
    };
    let help = format!("serve goes on with bundle {serial}; `cvdns bundle publish` replaces it");
    problems.warning(named.location.clone(), what, help);
}

/// Why a bundle cannot be served with this configuration; `None` if it can.
fn unservable(config: &Path, loaded: &Loaded, published: SignedBundle) -> Option<String> {
    let mut found = Problems::default();
    let serial = published.bundle.serial;
    let loaded = load::with_bundle(config, loaded, published, &mut found);
    // The compiler finds what contradicts other zones.
    let _ = compile(&loaded.inputs, &FeedRequirements::default(), &mut found);
    let error = first_error(&found)?;
    Some(format!("bundle {serial}, which is published, cannot be served: {error}"))
}
