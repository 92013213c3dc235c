//! The running server: it reads and compiles the inputs, follows feed, files and clock, and serves
//! until a signal stops it.
//!
//! In order of reading: `server_state` holds what answers depend on, made of the states of
//! `feed_state`, `release_state`, `overrides_state`, `flapping`, `version_memory` and
//! `state_directory`;
//! `publisher` makes snapshots of it and `reporter` logs what changed. `event_loop` drives it,
//! `answerer` answers from the snapshots.

mod answerer;
mod backoff;
mod coarse_clock;
mod cookie_secrets;
mod event_loop;
mod feed_candidate;
mod feed_poller;
mod feed_state;
mod file_watcher;
mod flapping;
mod follower;
mod headless;
mod loss_guard;
mod malloc_trim;
mod mirror_changes;
mod overrides_state;
mod pending_signals;
mod protection;
mod publisher;
mod random;
mod record_changes;
mod release_state;
mod reload_memory;
mod reporter;
mod sampling;
mod server_state;
mod state_directory;
mod stepped;
mod version_memory;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::admin::{AcceptRequest, Admin, ServerView};
use crate::load::Loaded;
use crate::logging::{LogQueue, log_problems};
use cvdns_core::config::Config;
use cvdns_core::health::FeedRequirements;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::compile;
use cvdns_io::confinement::drop_capabilities;
use cvdns_io::essential::Essential;
use cvdns_io::signals::Signals;
use cvdns_net::privileges::{self, Privileges};
use cvdns_net::{Counters, Listeners, Tallies, TcpLimits, descriptors};

use answerer::MakeAnswerer;
use cookie_secrets::CookieSecretsFollower;
use event_loop::{EventLoop, fetch_first};
use feed_poller::FeedPoller;
use pending_signals::PendingSignals;
use protection::Protection;
use reload_memory::ReloadMemory;
use sampling::Sampling;
use server_state::ServerState;

pub use follower::{FollowedState, Follower};
pub use headless::follow_without_serving;
pub use state_directory::{copy_state, last_announced, last_feed, last_history, stored_feed};
pub use stepped::SteppedServer;

/// Why the server does not start.
#[derive(Debug)]
pub enum StartError {
    /// The inputs are wrong.
    Inputs(Problems),
    /// The system refuses something that serving needs, a line for each reason.
    System(Vec<String>),
}

/// A server that has read its inputs and bound its sockets.
pub struct Daemon {
    /// The path of the configuration.
    config: PathBuf,
    state: ServerState,
    listeners: Listeners,
    tcp_limits: TcpLimits,
    admin: Option<Admin>,
    log: LogQueue,
}

impl Daemon {
    /// Binds the sockets, gives up root if `user` is set, and compiles what was read. Nothing is
    /// answered yet. Files of that user, such as the state directory, are touched as that user
    /// only.
    ///
    /// # Errors
    /// When inputs contradict each other, or an address cannot be bound.
    pub fn start(
        config: &Path,
        loaded: Loaded,
        mut problems: Problems,
        log: LogQueue,
    ) -> Result<Self, StartError> {
        info!("cvdns {} starts with {}", env!("CARGO_PKG_VERSION"), config.display());
        if problems.has_errors() {
            // Nothing will be served; compiling finds all other problems.
            let _ = compile(&loaded.inputs, &FeedRequirements::default(), &mut problems);
            return Err(StartError::Inputs(problems));
        }
        let server = &loaded.config.server;
        let tcp_limits = tcp_limits(&loaded.config);
        let listeners =
            Listeners::bind(&server.listen, server.workers, server.udp, server.affinity).map_err(
                |errors| StartError::System(errors.iter().map(ToString::to_string).collect()),
            )?;
        let admin = loaded.config.admin.map(bind_admin).transpose()?;
        if let Some(user) = &server.user {
            give_up_root(user, loaded.state.as_deref())?;
        }
        if let Err(error) = drop_capabilities() {
            warn!("cannot give up capabilities: {error}");
        }
        let Some(state) = ServerState::new(loaded, Timestamp::now(), &mut problems) else {
            return Err(StartError::Inputs(problems));
        };
        log_problems(&problems);
        Ok(Self { config: config.to_owned(), state, listeners, tcp_limits, admin, log })
    }

    /// Serves until SIGTERM or SIGINT. SIGHUP reads everything again.
    ///
    /// # Errors
    /// When the system gives no threads or signals.
    pub fn run(self, signals: Signals) -> std::io::Result<Counters> {
        // TCP runs on worker threads, and the event loop on this one.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("cvdns-tcp")
            .build()?;
        let handle = runtime.handle().clone();
        runtime.block_on(async move {
            // Within the runtime, whose end would wait for whatever its threads are doing.
            let _essential = Essential::new("the thread that follows feed, files and signals");
            let Self { config, mut state, listeners, tcp_limits, admin, log } = self;
            let mut poller = FeedPoller::start(state.loaded());
            fetch_first(&mut poller, &mut state).await;
            let addresses = listeners.addresses();
            let (sampling, writer) = match state.loaded().config.log.query_sample {
                share if share > 0.0 => Some(Sampling::start(share, log.clone())?).unzip(),
                _ => (None, None),
            };
            let publisher = state.publisher();
            let mut cookies = CookieSecretsFollower::new(&state.loaded().cookie_secrets);
            let protection = Protection::new(
                cookies.in_force().clone(),
                listeners.sockets(),
                listeners.workers(),
            );
            tokio::spawn(protection.clone().log_limited());
            let make = MakeAnswerer::new(
                publisher.snapshots().clone(),
                publisher.queries().clone(),
                sampling,
            )
            .protected_by(protection);
            let pending = PendingSignals::collect(signals);
            let serving = listeners.serve(&make, tcp_limits, &handle)?;
            malloc_trim::start(serving.tallies())?;
            // The writer of samples ends when the last sampler is dropped.
            drop(make);
            for address in addresses {
                info!("answering on {address}, UDP and TCP");
            }
            let (accepts, accepted) = mpsc::channel(1);
            if let Some(admin) = admin {
                serve_admin(admin, view(&state, serving.tallies(), log, accepts.clone()))?;
            }
            let memory = ReloadMemory::of_start();
            let events = EventLoop { config: &config, poller, pending: &pending, accepted, memory };
            events.run(&mut state, &mut cookies).await;
            drop(accepts);
            let counters = serving.stop().await;
            if let Some(writer) = writer {
                writer.end().await;
            }
            log_stop(&counters);
            Ok(counters)
        })
    }
}

/// Descriptors beside those of sockets and connections: the log, the clock, watched files, a feed
/// and the files of a reload, of which one is open at a time.
const OTHER_DESCRIPTORS: usize = 64;

/// The limits of the configuration, as far as the system has file descriptors for them.
fn tcp_limits(config: &Config) -> TcpLimits {
    let server = &config.server;
    let sockets = Listeners::max_sockets(&server.listen, server.workers) + server.listen.len();
    let admin = config.admin.map_or(0, |_| Admin::MAX_DESCRIPTORS);
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

fn log_stop(counters: &Counters) {
    info!(
        "stopped: {} datagrams and {} queries over TCP received, {} and {} answered",
        counters.udp.received, counters.tcp.received, counters.udp.answered, counters.tcp.answered
    );
}

fn serve_admin(admin: Admin, view: ServerView) -> std::io::Result<()> {
    info!("metrics and health at http://{}/metrics, /healthz, /readyz", admin.address()?);
    admin.serve(view)
}

/// What the admin address shows.
fn view(
    state: &ServerState,
    tallies: Tallies,
    log: LogQueue,
    accepts: mpsc::Sender<AcceptRequest>,
) -> ServerView {
    let publisher = state.publisher();
    ServerView {
        snapshots: publisher.snapshots().clone(),
        tallies,
        queries: publisher.queries().clone(),
        reclaimer: publisher.reclaimer().clone(),
        condition: state.condition().clone(),
        log,
        accepts,
    }
}

fn bind_admin(address: SocketAddr) -> Result<Admin, StartError> {
    Admin::bind(address).map_err(|error| {
        StartError::System(vec![format!(
            "cannot listen on {address} (`listen` in [admin]): {error}"
        )])
    })
}

/// Changes to `user`, and makes the state directory before that, where only root may make it.
fn give_up_root(user: &str, state: Option<&Path>) -> Result<(), StartError> {
    if let Some(state) = state
        && let Err(error) = privileges::make_directory(state, user)
    {
        warn!("cannot make {} (`state` in [feed]) for {user}: {error}", state.display());
    }
    match privileges::drop_to(user) {
        Ok(Privileges::Dropped) => info!("now running as {user}"),
        Ok(Privileges::NotRoot { is_user: true }) => {}
        Ok(Privileges::NotRoot { is_user: false }) => {
            warn!("not started as root: goes on as the account that started it, not as {user}");
        }
        Err(error) => return Err(StartError::System(vec![error.to_string()])),
    }
    Ok(())
}
