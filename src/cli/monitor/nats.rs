//! Publishes the report of a monitor among several through NATS, where that is configured.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use crate::cli::output::Failure;
use crate::load::{self, NatsDocument, signature_path};
use crate::publishing::{Keeper, KeeperSettings, Outcome, publish};
use cvdns_core::health::Keys;
use cvdns_core::problem::Problems;
use cvdns_io::{essential, read_bytes, read_signature};
use cvdns_monitor::{MonitorInputs, Role, Signer};

/// The report that a monitor publishes.
pub(super) struct PublishedReport(KeeperSettings);

impl PublishedReport {
    /// That of these inputs; `None` if nothing is to be published.
    pub(super) fn of(
        config: &Path,
        inputs: &MonitorInputs,
        role: Role,
    ) -> Result<Option<Self>, Failure> {
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
        let (file, patience) = (inputs.report.clone(), Duration::MAX);
        Ok(Some(Self(KeeperSettings { place, document, keys, file, patience })))
    }

    /// Publishes it whenever it is written, on a thread of its own, until what is returned is
    /// dropped.
    pub(super) fn follow(self) -> Result<Sender<()>, Failure> {
        let keeper = Keeper::new(self.0, "").map_err(Failure::new)?;
        let (stop, stopped) = channel();
        essential::spawn("publisher", move || keeper.run(&stopped))
            .map_err(|error| Failure::new(format!("cannot start threads: {error}")))?;
        Ok(stop)
    }

    /// Publishes it once.
    pub(super) fn publish(self) -> Result<(), Failure> {
        let KeeperSettings { place, document, keys, file, .. } = self.0;
        let octets = read_bytes(&file, document.limit() as u64).map_err(Failure::new)?;
        let signature = read_signature(&signature_path(&file)).map_err(Failure::new)?;
        match publish(&place, &keys, document, octets, signature).map_err(Failure::new)? {
            Outcome::Published | Outcome::Same => Ok(()),
            Outcome::Refused(why) => {
                Err(Failure::new(format!("the report is not published in {place}: {why}")))
            }
        }
    }
}
