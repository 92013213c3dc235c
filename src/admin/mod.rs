//! The admin listener: status, metrics, liveness and readiness of the running server over HTTP, and
//! requests that change something.
//!
//! In order of reading: `listener` has the bound addresses, `connections` bounds what peers may
//! take. Each request passes `origin` and, if it changes something, `permission`; `routes` says
//! what answers it. `view` is what the handlers see of the server.

mod api;
mod change;
mod connections;
mod feed;
mod listener;
mod log_level;
mod metrics;
mod origin;
mod peer;
mod permission;
pub mod reload;
mod routes;
pub mod status;
mod view;

use std::io;
use std::path::Path;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tracing::info;

use connections::Responder;
use listener::BoundListener;
use metrics::MetricsCollector;
use view::AdminState;

use cvdns_core::config::AdminAddress;
use cvdns_net::SocketFile;

pub use view::{Access, ChangeRequest, ReloadOutcome, ServerCondition, ServerView};

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

    /// Binds an address in addition; a path is relative to the configuration `config`.
    ///
    /// # Errors
    /// When the address cannot be bound: the reason for people.
    pub fn bind(&mut self, address: &AdminAddress, config: &Path) -> Result<(), String> {
        self.listeners.push(BoundListener::bind(address, config)?);
        Ok(())
    }

    /// Starts serving on the current runtime until that ends. The files of Unix sockets are removed
    /// when the result is dropped.
    ///
    /// # Errors
    /// When a socket cannot be registered with the runtime.
    pub fn serve(self, view: ServerView) -> io::Result<Vec<SocketFile>> {
        let mut registry = Registry::with_prefix("cvdns");
        registry.register_collector(Box::new(MetricsCollector(view.clone())));
        let state = Arc::new(AdminState { registry, view: view.clone() });
        let responder = Responder::new(routes::router().with_state(state), view);
        let (limiter, mut files) = (connections::limiter(), Vec::new());
        for bound in self.listeners {
            info!("{}", bound.describe()?);
            let (listener, file) = bound.register()?;
            files.extend(file);
            tokio::spawn(connections::accept(listener, responder.clone(), limiter.clone()));
        }
        Ok(files)
    }
}
