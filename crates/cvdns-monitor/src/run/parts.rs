//! What follows from the inputs of a coordinator.

use tracing::warn;

use crate::coordinator::Conduct;
use crate::notify::Notifier;
use crate::publish::Publisher;
use crate::reporter::Reporter;
use crate::sign::Signer;
use crate::target::{self, Target};
use crate::{MonitorInputs, Role};

/// The parts that follow from the inputs alone.
pub(super) struct Parts {
    pub(super) targets: Vec<Target>,
    /// Writes the feed; `None` if a report is written.
    pub(super) publisher: Option<Publisher>,
    /// Writes the report; `None` if a feed is written.
    pub(super) reporter: Option<Reporter>,
    pub(super) notifier: Option<Notifier>,
    pub(super) conduct: Conduct,
}

impl Parts {
    pub(super) fn of(inputs: &MonitorInputs) -> Result<Self, String> {
        let settings = &inputs.settings;
        let signer = inputs.secret_key.as_deref().map(Signer::load).transpose()?;
        if let Some(path) = inputs.secret_key.as_deref().filter(|path| Signer::is_open(path)) {
            warn!(
                "others than its owner can use the secret key {}: chmod 600 takes that from them",
                path.display()
            );
        }
        let (publisher, reporter) = if inputs.role == Role::Reports {
            (None, Some(Reporter::new(inputs, signer)?))
        } else {
            let feed = inputs.feed.clone().ok_or("there is no place for the feed")?;
            let publisher = Publisher::new(feed, signer, inputs.release.clone())
                .expecting_release(settings.probe.is_none());
            (Some(publisher), None)
        };
        Ok(Self {
            targets: target::all(&inputs.fleets, settings)?,
            publisher,
            reporter,
            notifier: Notifier::start(&settings.on_change).map_err(|error| error.to_string())?,
            conduct: Conduct::of(inputs),
        })
    }
}
