//! The running server: it reads and compiles the inputs, follows feed, files and clock, and serves
//! until a signal stops it.
//!
//! In order of reading: `server_state` holds what answers depend on, made of the states of
//! `feed_state`, `release_state`, `overrides_state`, `countries_state`, `flapping`,
//! `version_memory`, `zone_checks`, `transfers_state` and `state_directory`;
//! `publisher` makes snapshots of it and `reporter` logs what changed. `event_loop` drives it,
//! `answerer` answers from the snapshots. `secondary` transfers zones from their primaries.
//!
//! `origin` says how the server is started. `bound` opens its sockets (`admin_sockets` those of the
//! admin listener), gives up root and enters the `sandbox`; then `running` serves. An `observer`
//! sees answers for the log (`sampling`) and for dnstap (`tap`). By `takeover` another process
//! replaces it; `succession` is what both do then. `supervision` is what a service manager is told.
//! `certificate` follows that of encrypted transports. `reload_memory` says whether there is memory
//! for a reload.

mod admin_sockets;
mod answerer;
mod bound;
mod bundle_state;
mod certificate;
mod coarse_clock;
mod cookie_secrets;
mod countdown;
mod countries_state;
mod event_loop;
mod feed_candidate;
mod feed_poller;
mod feed_sources;
mod feed_state;
mod file_watcher;
mod flapping;
mod followed_document;
mod follower;
mod headless;
mod loss_guard;
mod malloc_trim;
mod mirror_changes;
#[cfg(feature = "nats")]
mod nats_follower;
#[cfg(not(feature = "nats"))]
#[path = "without_nats.rs"]
mod nats_follower;
mod observer;
mod origin;
mod overrides_state;
mod pending_signals;
mod pollers;
mod protection;
mod publisher;
mod random;
mod record_changes;
mod release_state;
mod reload_memory;
mod reporter;
mod running;
mod sampling;
mod sandbox;
mod secondary;
mod server_state;
mod signing;
mod start_error;
mod state_directory;
mod stepped;
mod succession;
mod supervision;
mod takeover;
mod tap;
mod transfers_state;
mod version_memory;
mod zone_checks;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{info, warn};

use crate::admin::{Admin, ProcessStats};
use crate::load::Loaded;
use crate::logging::{LogLevel, LogQueue, log_problems};
use cvdns_core::config::Config;
use cvdns_core::health::FeedRequirements;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::compile;
use cvdns_net::{Listeners, TcpLimits, descriptors, memory};

use bound::Bound;
use server_state::ServerState;
use supervision::Supervision;
use takeover::{Predecessor, TakeoverSocket};

pub use certificate::{CertificateFollower, CertificateInForce};
pub use follower::{FollowedState, Follower};
pub use headless::follow_without_serving;
pub use origin::Origin;
pub use start_error::StartError;
pub use state_directory::{
    LastVersions, copy_state, last_announced, last_feed, last_history, last_overrides, stored_feed,
    stored_overrides,
};
pub use stepped::SteppedServer;

/// A server that has read its inputs and bound its sockets.
pub struct Daemon {
    /// The path of the configuration.
    config: PathBuf,
    state: ServerState,
    listeners: Listeners,
    tcp_limits: TcpLimits,
    admin: Admin,
    log: (LogQueue, LogLevel),
    /// What it takes of its machine.
    process: Arc<ProcessStats>,
    supervision: Supervision,
    /// The running server that this one replaces.
    predecessor: Option<Predecessor>,
    /// Where another process can take over.
    takeover: Option<TakeoverSocket>,
}

impl Daemon {
    /// Binds the sockets, gives up root if `user` is set, enters the sandbox, and compiles what was
    /// read. Nothing is answered yet. Files of that user, such as the state directory, are touched
    /// as that user only.
    ///
    /// # Errors
    /// When inputs contradict each other, or an address cannot be bound. A running server that was
    /// to be replaced is told.
    pub fn start(
        config: &Path,
        loaded: Loaded,
        mut problems: Problems,
        log: (LogQueue, LogLevel),
        mut origin: Origin,
    ) -> Result<Self, StartError> {
        let process = Arc::new(ProcessStats::open());
        let (version, path) = (env!("CARGO_PKG_VERSION"), config.display());
        info!(version, path = %path, "cvdns {version} starts with {path}");
        if problems.has_errors() {
            // Nothing will be served; compiling finds all other problems.
            let _ = compile(&loaded.inputs, &FeedRequirements::default(), &mut problems);
        }
        let tcp_limits = tcp_limits(&loaded.config);
        memory::prepare();
        let mut predecessor = match origin.reach(&loaded) {
            Err(_) if problems.has_errors() => None,
            reached => reached?,
        };
        let bound = if problems.has_errors() {
            Err(StartError::Inputs(Problems::default()))
        } else {
            Bound::new(&loaded, config, &mut origin, predecessor.as_mut(), &log.0)
        };
        let started = bound.and_then(|bound| {
            let state = bound.state(loaded, predecessor.is_some(), &mut problems);
            state.map(|state| (bound, state)).ok_or(StartError::Inputs(Problems::default()))
        });
        match started {
            Ok((Bound { listeners, admin, takeover, supervision }, state)) => {
                log_problems(&problems);
                let config = config.to_owned();
                Ok(Self {
                    config,
                    state,
                    listeners,
                    tcp_limits,
                    admin,
                    log,
                    process,
                    supervision,
                    predecessor,
                    takeover,
                })
            }
            Err(error) => {
                let error = match error {
                    StartError::Inputs(_) => StartError::Inputs(problems),
                    StartError::System(reasons) => StartError::System(reasons),
                };
                if let Some(predecessor) = predecessor {
                    warn!("not replaced: {} goes on", predecessor.name());
                    predecessor.fail(&error.summary());
                }
                Err(error)
            }
        }
    }
}

/// Descriptors beside those of sockets and connections: the log, the clock, the size of the address
/// space, watched files, a feed and the files of a reload, of which one is open at a time, and up
/// to 16 notifications of secondaries.
const OTHER_DESCRIPTORS: usize = 96;

/// Descriptors of an interface of `[xdp]`: queues, program and maps, the last ones twice for a
/// process that replaces this one, and connections to the kernel.
const INTERFACE_DESCRIPTORS: usize = 80;

/// The limits of the configuration, as far as the system has file descriptors for them.
fn tcp_limits(config: &Config) -> TcpLimits {
    let server = &config.server;
    let sockets = Listeners::max_sockets(&server.listen, server.workers) + server.listen.len();
    // Those that another process may take over are open twice.
    let sockets = sockets * if server.takeover.is_some() { 2 } else { 1 };
    let admin = Admin::max_descriptors(config.admin.listen.len());
    let encrypted = config
        .tls
        .as_ref()
        .map_or(0, |tls| tls.connections + tls.dot.len() + tls.doq.len() + tls.doh.len());
    let sockets = sockets + encrypted + config.xdp.interfaces.len() * INTERFACE_DESCRIPTORS;
    let connections = server.tcp_max_connections;
    let connections = match descriptors::provide(sockets + admin + OTHER_DESCRIPTORS, connections) {
        Ok(()) => connections,
        Err(shortage) => {
            warn!("{shortage}");
            shortage.connections
        }
    };
    TcpLimits {
        connections,
        per_client: server.tcp_max_per_client,
        idle: server.tcp_idle,
        ..TcpLimits::default()
    }
}
