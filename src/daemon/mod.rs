//! The running server: reads, compiles, follows the feed and the clock, and serves until it is told to stop.

mod announcement;
mod answerer;
mod backoff;
mod fetching;
mod flapping;
mod following;
mod force;
mod guard;
mod kept;
mod memory;
mod offer;
mod offering;
mod overriding;
mod sampling;
mod standings;
mod told;
mod watch;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::admin::{AcceptRequest, Admin, ServerView};
use crate::load::{self, Loaded};
use crate::logging::{LOGGED, LogQueue, log_problems};
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::compile;
use cvdns_core::snapshot::inputs::Databases;
use cvdns_io::signals::{Signals, Told};
use cvdns_net::privileges::{self, Privileges};
use cvdns_net::{Counters, Listeners, TcpLimits};

pub use following::{FollowedState, Follower, follow_without_serving};

use answerer::MakeAnswerer;
use fetching::Fetching;
use force::Force;
use sampling::Sampling;
use told::Pending;

pub use kept::{announced_before, feed_before, go_on_from, kept_document};

/// Why the server does not start.
#[derive(Debug)]
pub enum StartError {
    /// What it was told is wrong.
    Inputs(Problems),
    /// The system does not let it serve: each line a reason.
    System(Vec<String>),
}

/// The longest sleep: a clock that was set is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long the first answer waits for a feed that is fetched.
const FIRST_FETCH: Duration = Duration::from_secs(2);

/// Changes of files come in bursts: so long they are gathered.
const BURST: Duration = Duration::from_millis(5);

/// A server that has read everything and holds its sockets.
pub struct Daemon {
    config: PathBuf,
    force: Force,
    listeners: Listeners,
    admin: Option<Admin>,
    log: LogQueue,
}

impl Daemon {
    /// Binds the sockets, gives up root where a user is named, and compiles what was read; nothing is answered yet. What that user
    /// owns, `state` above all, is touched as that user only.
    ///
    /// # Errors
    /// When inputs contradict each other, or an address cannot be had.
    pub fn start(
        config: &Path,
        loaded: Loaded,
        mut problems: Problems,
        log: LogQueue,
    ) -> Result<Self, StartError> {
        info!("cvdns {} starts with {}", env!("CARGO_PKG_VERSION"), config.display());
        if problems.has_errors() {
            // Nothing will be served: all that is wrong is said together.
            let _ = compile(&loaded.inputs, &Databases::default(), &mut problems);
            return Err(StartError::Inputs(problems));
        }
        let server = &loaded.config.server;
        let listeners =
            Listeners::bind(&server.listen, server.workers, server.udp, server.affinity).map_err(
                |errors| StartError::System(errors.iter().map(ToString::to_string).collect()),
            )?;
        let admin = loaded.config.admin.map(bind_admin).transpose()?;
        if let Some(user) = &server.user {
            give_up_root(user, loaded.state.as_deref())?;
        }
        let Some(force) = Force::new(loaded, Timestamp::now(), &mut problems) else {
            return Err(StartError::Inputs(problems));
        };
        log_problems(&problems);
        Ok(Self { config: config.to_owned(), force, listeners, admin, log })
    }

    /// Serves until SIGTERM or SIGINT; SIGHUP reads everything again.
    ///
    /// # Errors
    /// When the system gives no threads or signals.
    pub fn run(self, signals: Signals) -> std::io::Result<Counters> {
        // Worker threads carry TCP; the loop that follows feed and clock is the main task.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("cvdns-tcp")
            .build()?;
        let handle = runtime.handle().clone();
        runtime.block_on(async move {
            let Self { config, mut force, listeners, admin, log } = self;
            let mut fetching = Fetching::start(force.loaded());
            fetch_first(&mut fetching, &mut force).await;
            let server = force.server().clone();
            let addresses = listeners.addresses();
            let (sampling, writer) = match force.loaded().config.log.query_sample {
                share if share > 0.0 => Some(Sampling::start(share, log.clone())?).unzip(),
                _ => (None, None),
            };
            let make =
                MakeAnswerer::new(force.snapshots().clone(), force.tallies().clone(), sampling);
            let limits = TcpLimits {
                connections: server.tcp_max_connections,
                idle: server.tcp_idle,
                ..TcpLimits::default()
            };
            let pending = Pending::of(signals);
            let serving = listeners.serve(&make, limits, &handle)?;
            tokio::spawn(memory::give_back_after_connections(serving.tallies()));
            // Who makes no more answerers must not keep the writer of samples waiting.
            drop(make);
            for address in addresses {
                info!("answering on {address}, UDP and TCP");
            }
            let (accepts, accepted) = mpsc::channel(1);
            if let Some(admin) = admin {
                info!(
                    "metrics and health at http://{}/metrics, /healthz, /readyz",
                    admin.address()?
                );
                admin.serve(ServerView {
                    snapshots: force.snapshots().clone(),
                    tallies: serving.tallies(),
                    queries: force.tallies().clone(),
                    reclaimer: force.reclaimer().clone(),
                    condition: force.condition().clone(),
                    log: log.clone(),
                    accepts: accepts.clone(),
                })?;
            }
            follow(&config, &mut force, fetching, &pending, accepted, &mut following::Nobody).await;
            drop(accepts);
            let counters = serving.stop().await;
            if let Some(writer) = writer {
                writer.end().await;
            }
            info!(
                "stopped: {} datagrams and {} queries over TCP received, {} and {} answered",
                counters.udp.received,
                counters.tcp.received,
                counters.udp.answered,
                counters.tcp.answered
            );
            Ok(counters)
        })
    }
}

fn bind_admin(address: SocketAddr) -> Result<Admin, StartError> {
    Admin::bind(address).map_err(|error| {
        StartError::System(vec![format!(
            "cannot listen on {address} (`listen` in [admin]): {error}"
        )])
    })
}

/// Makes the process the user's, and before that its directory where only root can.
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

/// Waits a moment for the feed, so that the first answers follow it. Queries wait in the sockets meanwhile.
async fn fetch_first(fetching: &mut Option<Fetching>, force: &mut Force) {
    let Some(first) = fetching else { return };
    if let Ok(fetched) = tokio::time::timeout(FIRST_FETCH, first.next()).await {
        take_in(first, fetched, force);
    } else {
        warn!("the feed takes longer than {FIRST_FETCH:?} to come: it is not waited for");
    }
    if !force.has_feed() {
        force.log_without_feed();
    }
}

fn take_in(fetching: &Fetching, fetched: fetching::Brought, force: &mut Force) {
    if !force.fetched(fetched, Timestamp::now()) {
        fetching.forget();
    }
}

/// Follows the feed, the clock and the signals until one of them says to stop.
async fn follow(
    config: &Path,
    force: &mut Force,
    mut fetching: Option<Fetching>,
    pending: &Pending,
    mut accepted: mpsc::Receiver<AcceptRequest>,
    follower: &mut impl Follower,
) {
    let mut watch = watched(force);
    let mut read = Instant::now();
    loop {
        follower.see(&force.standing());
        let until_change = Duration::try_from(force.next_change().duration_since(Timestamp::now()));
        let until_read = force.poll_interval().saturating_sub(read.elapsed());
        let until_free = force.free().unwrap_or(LONGEST_SLEEP);
        let sleep = until_change.unwrap_or_default().min(until_free).min(until_read);
        tokio::select! {
            biased;
            told = pending.next() => {
                if told == Told::Stop {
                    return;
                }
                if reload(config, force, follower) {
                    fetching = Fetching::start(force.loaded());
                }
                watch = watched(force);
            }
            Some(AcceptRequest { serial, done }) = accepted.recv() => {
                // Who asked may have gone.
                let _ = done.send(force.accept(serial, Timestamp::now()));
            }
            fetched = fetching::next(&mut fetching) => {
                if let Some(fetching) = &fetching {
                    take_in(fetching, fetched, force);
                }
            }
            () = watch.changed() => {
                tokio::time::sleep(BURST).await;
                force.look(Timestamp::now());
            }
            () = tokio::time::sleep(sleep) => {}
        }
        // Whatever woke it: in a busy directory it is never the clock.
        if watch.renew() || read.elapsed() >= force.poll_interval() {
            force.read(Timestamp::now());
            read = Instant::now();
        }
        force.tick(Timestamp::now());
    }
}

/// Watches the files that are followed, and reads them once more: they may have changed before they were watched.
fn watched(force: &mut Force) -> watch::Watch {
    let watch = watch::Watch::new(force.followed());
    force.read(Timestamp::now());
    watch
}

/// Reads everything again; what is wrong changes nothing, and false is returned.
fn reload(config: &Path, force: &mut Force, follower: &impl Follower) -> bool {
    let mut problems = Problems::default();
    let done =
        load::reload(config, Some(force.loaded()), &mut problems).is_some_and(|mut loaded| {
            follower.adjust(&mut loaded);
            force.reload(loaded, Timestamp::now(), &mut problems)
        });
    log_problems(&problems);
    force.note_reload(done);
    if done {
        info!("reloaded {}", config.display());
    } else {
        error!("{} was not reloaded: what was served before goes on", config.display());
    }
    done
}
