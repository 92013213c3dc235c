//! The admin listener: status, metrics, liveness and readiness of the running server over HTTP, and
//! requests that change something.
//!
//! In order of reading: `listener` has the bound addresses, `connections` bounds what peers may
//! take, and `serving` is the whole while it runs. Each request passes `origin` and, if it changes
//! something, `permission`; `routes` says what answers it. `view` is what the handlers see of the
//! server.

mod api;
mod bundle_status;
mod change;
mod connections;
mod counted;
pub mod encrypted_status;
mod feed;
mod foresight;
mod listener;
mod log_level;
mod metrics;
mod origin;
mod page;
mod peer;
mod permission;
mod process;
pub mod reload;
mod routes;
mod serving;
mod signing;
mod source_status;
pub mod status;
pub(crate) mod status_text;
mod transfer_text;
pub mod transferred;
mod view;
pub mod xdp_status;

use std::io;
use std::path::Path;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tracing::info;

use connections::Responder;
use listener::BoundListener;
use metrics::MetricsCollector;
use page::state::PageState;
use process::ProcessCollector;
use view::AdminState;

use cvdns_core::config::AdminAddress;
use cvdns_net::{Inherited, OpenSocket};

pub use counted::Counted;
pub use foresight::Foresight;
pub use metrics::count;
pub use process::ProcessStats;
pub use serving::AdminServing;
pub use signing::SigningCondition;
pub use view::{
    Access, BundleCondition, EncryptedView, NotifyCounts, OperatorRequest, ReloadOutcome,
    SecretsCondition, ServerCondition, ServerView, SourceCondition, TransferredCondition,
};

/// The bound admin listener.
#[derive(Debug, Default)]
pub struct Admin {
    listeners: Vec<BoundListener>,
}

impl Admin {
    /// Most file descriptors of `listeners` addresses and their connections.
    pub fn max_descriptors(listeners: usize) -> usize {
        if listeners == 0 { 0 } else { connections::MAX_DESCRIPTORS.saturating_add(listeners) }
    }

    /// Binds an address in addition, or takes the listener that an earlier process has bound. A
    /// path is relative to the configuration `config`.
    ///
    /// # Errors
    /// When the address cannot be bound: the reason for people.
    pub fn bind(
        &mut self,
        address: &AdminAddress,
        config: &Path,
        inherited: &mut Inherited,
    ) -> Result<(), String> {
        self.listeners.push(BoundListener::bind(address, config, inherited)?);
        Ok(())
    }

    /// The TCP listeners once more, for another process. It binds Unix sockets by itself.
    ///
    /// # Errors
    /// When the process has too few descriptors.
    pub fn share(&self) -> io::Result<Vec<OpenSocket>> {
        self.listeners.iter().filter_map(|bound| bound.share().transpose()).collect()
    }

    /// Starts serving on the current runtime until that ends or the result is told to stop.
    ///
    /// # Errors
    /// When a socket cannot be registered with the runtime, or the file of a Unix socket cannot be
    /// put into the place of an earlier process's.
    pub fn serve(self, view: ServerView) -> io::Result<AdminServing> {
        let mut registry = Registry::default();
        let own = registry.sub_registry_with_prefix("cvdns");
        own.register_collector(Box::new(MetricsCollector(view.clone())));
        registry.register_collector(Box::new(ProcessCollector(view.process.clone())));
        let state = AdminState { registry, view: view.clone(), pages: PageState::new() };
        let responder = Responder::new(routes::router().with_state(Arc::new(state)), view);
        let (limiter, mut serving) = (connections::limiter(), AdminServing::new());
        for bound in self.listeners {
            let place = bound.describe()?;
            let (listener, file) = bound.register()?;
            info!("{place}");
            serving.files.extend(file);
            let (responder, limiter) = (responder.clone(), limiter.clone());
            let accepting = connections::accept(listener, responder, limiter, serving.stopped());
            serving.accepting.push(tokio::spawn(accepting));
        }
        Ok(serving)
    }
}
