//! Publishes the report of a monitor among several through NATS, where that is configured.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use crate::cli::output::Failure;
use crate::load::{self, NatsDocument};
use crate::publishing::{Keeper, KeeperSettings};
use cvdns_core::health::Keys;
use cvdns_core::problem::Problems;
use cvdns_io::essential;
use cvdns_monitor::{MonitorInputs, Role, Signer};

/// Starts to publish the report that a monitor writes, on a thread of its own, until what is
/// returned is dropped. `None` if nothing is to be published.
pub(super) fn publish(
    config: &Path,
    inputs: &MonitorInputs,
    role: Role,
) -> Result<Option<Sender<()>>, Failure> {
    let (Role::Reports, Some(name), Some(secret)) =
        (role, &inputs.settings.name, &inputs.secret_key)
    else {
        return Ok(None);
    };
    // What is wrong with it was told when all was read.
    let read = load::nats_publishing(config, &mut Problems::default());
    let Some(place) = read.and_then(|read| read.place) else { return Ok(None) };
    let key = Signer::load(secret).map_err(Failure::new)?.public_key();
    let keys = key.and_then(|key| Keys::new(vec![key])).ok_or_else(|| {
        Failure::new(format!("{} does not contain its public key", secret.display()))
    })?;
    let document = NatsDocument::Report(name.clone());
    document.key().map_err(Failure::new)?;
    let settings = KeeperSettings { place, document, keys, file: inputs.report.clone() };
    let keeper = Keeper::new(settings, name).map_err(Failure::new)?;
    let (stop, stopped) = channel();
    essential::spawn("publisher", move || keeper.run(&stopped))
        .map_err(|error| Failure::new(format!("cannot start threads: {error}")))?;
    Ok(Some(stop))
}
