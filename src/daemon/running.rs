//! The server from its first answer to its end.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::Daemon;
use super::answerer::MakeAnswerer;
use super::certificate::CertificateFollower;
use super::cookie_secrets::CookieSecretsFollower;
use super::event_loop::{Ending, EventLoop, FIRST_FETCH, fetch_first};
use super::malloc_trim;
use super::observer::{Observing, ObservingThreads};
use super::pending_signals::PendingSignals;
use super::pollers::Pollers;
use super::protection::Protection;
use super::reload_memory::ReloadMemory;
use super::secondary::Primaries;
use super::server_state::ServerState;
use super::succession;
use super::takeover::{Offer, Offering, Predecessor, TakeoverSocket};
use crate::admin::{
    Admin, EncryptedView, OperatorRequest, ProcessStats, SecretsCondition, ServerView,
};
use crate::dnstap::DnstapState;
use crate::logging::{LogLevel, LogQueue};
use cvdns_io::essential::Essential;
use cvdns_io::signals::Signals;
use cvdns_net::{
    Counters, Listeners, OpenSocket, Serving, Tallies, Transport, XdpHandover, available_cores,
};

impl Daemon {
    /// Serves until SIGTERM or SIGINT, or until another process has taken over. SIGHUP reads
    /// everything again.
    ///
    /// # Errors
    /// When the system gives no threads or signals, or the server that was to be replaced goes on.
    pub fn run(self, signals: Signals) -> io::Result<Counters> {
        // TCP runs on worker threads, and the event loop on this one.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .worker_threads(available_cores())
            .thread_name("cvdns-tcp")
            .build()?;
        let handle = runtime.handle().clone();
        runtime.block_on(self.serve(signals, &handle))
    }

    async fn serve(self, signals: Signals, runtime: &Handle) -> io::Result<Counters> {
        // Within the runtime, whose end would wait for whatever its threads are doing.
        let _essential = Essential::new("the thread that follows feed, files and signals");
        let Self { config, mut state, mut listeners, tcp_limits, admin, .. } = self;
        let (log, log_level) = self.log;
        let Self { mut supervision, predecessor, takeover, process, .. } = self;
        let mut pollers = Pollers::start(state.loaded());
        let patience = predecessor.as_ref().map_or(FIRST_FETCH, |_| succession::FEED_PATIENCE);
        fetch_first(&mut pollers, &mut state, patience).await;
        let predecessor = succession::check(predecessor, &mut state)?;
        let (mut cookies, mut certificate) =
            followers(&state, predecessor.as_ref(), &mut listeners);
        let (make, threads) = answering(&state, &cookies, &listeners, (&config, &log))?;
        let pending = PendingSignals::collect(signals);
        let (addresses, encrypted) = (listeners.addresses(), listeners.encrypted_addresses());
        let (sockets, xdp) = shared(&listeners, &admin)?;
        let serving = listeners.serve(&make, tcp_limits, runtime)?;
        malloc_trim::start(serving.tallies())?;
        // The threads of observers end when the last observer is dropped.
        drop(make);
        let (requests, changes) = mpsc::channel(1);
        let seen = (threads.dnstap(), process, followed(&cookies, &certificate, &encrypted));
        let view = view(&state, serving.tallies(), (log, log_level.clone()), seen, requests);
        let keeps_file = takeover.as_ref().is_some_and(|takeover| takeover.is_inherited);
        let serving =
            succession::relieve(predecessor, keeps_file, serving, &view, &mut supervision).await?;
        state.begin_writing();
        state.begin_notifying(addresses.clone());
        supervision.store(&sockets);
        let mut offering = offer(takeover, (sockets, xdp), &cookies, &state);
        log_addresses(&addresses, &encrypted);
        let admin = admin.serve(view.clone())?;
        supervision.ready(&state.status());
        let events = EventLoop {
            config: &config,
            pollers,
            primaries: Primaries::start(state.notified().clone(), state.loaded()),
            pending: &pending,
            changes,
            log_level: &log_level,
            offering: offering.as_mut(),
            supervision: &mut supervision,
            memory: ReloadMemory::of_start(),
        };
        let ending = events.run(&mut state, &mut (&mut cookies, &mut certificate)).await;
        // Before another server reads what is kept.
        state.end_transfers();
        let counters = match ending {
            Ending::Stopped => {
                supervision.stopping();
                drop(admin);
                close(offering, false);
                stop(serving, &mut state).await
            }
            Ending::Replaced(successor) => {
                close(offering, successor.keeps_file());
                succession::leave(successor, serving, admin, &view, &mut supervision).await
            }
        };
        threads.end().await;
        log_stop(&counters);
        Ok(counters)
    }
}

/// What follows files beside the state: the secrets of cookies, of which there may be one of the
/// server before this one, and the certificate, which the listeners show.
fn followers(
    state: &ServerState,
    predecessor: Option<&Predecessor>,
    listeners: &mut Listeners,
) -> (CookieSecretsFollower, CertificateFollower) {
    let loaded = state.loaded();
    let secret = predecessor.map(Predecessor::cookie_secret);
    let cookies = CookieSecretsFollower::new(&loaded.cookie_secrets, secret);
    let certificate = CertificateFollower::new(loaded.tls.as_ref());
    if let Some(in_force) = certificate.in_force() {
        listeners.set_certificate(Arc::new(in_force.clone()));
    }
    (cookies, certificate)
}

/// What answers, and the threads that write what observers of answers chose. `config` is the path
/// of the configuration.
fn answering(
    state: &ServerState,
    cookies: &CookieSecretsFollower,
    listeners: &Listeners,
    (config, log): (&Path, &LogQueue),
) -> io::Result<(MakeAnswerer, ObservingThreads)> {
    let secrets = cookies.in_force().clone();
    let protection = Protection::new(secrets, &listeners.shares());
    tokio::spawn(protection.clone().log_limited());
    let publisher = state.publisher();
    let (snapshots, queries) = (publisher.snapshots().clone(), publisher.queries().clone());
    let (observing, threads) = Observing::start(&state.loaded().config, config, log, &snapshots)?;
    let make = MakeAnswerer::new(snapshots, queries, observing).protected_by(protection);
    let make = make.notified_by(state.notified().clone());
    let make = match state.transfers() {
        Some(desk) => make.with_transfers(desk.clone()),
        None => make,
    };
    Ok((make, threads))
}

/// Stops receiving, and finishes the connections.
async fn stop(serving: Serving, state: &mut ServerState) -> Counters {
    let counters = serving.stop().await;
    // What the last transfers have brought.
    state.end_transfers();
    counters
}

/// Everything that another process is given, once more.
fn shared(listeners: &Listeners, admin: &Admin) -> io::Result<(Vec<OpenSocket>, Vec<XdpHandover>)> {
    let mut sockets = listeners.share()?;
    sockets.extend(admin.share()?);
    Ok((sockets, listeners.share_xdp()?))
}

/// Offers the sockets to a process that is to replace this one. Without `takeover` the copies are
/// closed.
fn offer(
    takeover: Option<TakeoverSocket>,
    (sockets, xdp): (Vec<OpenSocket>, Vec<XdpHandover>),
    cookies: &CookieSecretsFollower,
    state: &ServerState,
) -> Option<Offering> {
    let takeover = takeover?;
    let (cookie_secret, condition) = (cookies.random(), state.condition().clone());
    match Offering::start(takeover, Offer { sockets, xdp, cookie_secret, condition }) {
        Ok(offering) => Some(offering),
        Err(error) => {
            warn!("no thread for `takeover` in [server]: {error}; this server cannot be replaced");
            None
        }
    }
}

/// Ends the offer. The file stays if another process listens at it.
fn close(offering: Option<Offering>, keeps_file: bool) {
    if let Some(offering) = offering {
        offering.end(keeps_file);
    }
}

fn log_addresses(addresses: &[SocketAddr], encrypted: &[(Transport, SocketAddr)]) {
    for address in addresses {
        info!(address = %address, "answering on {address}, UDP and TCP");
    }
    for (transport, address) in encrypted {
        info!(address = %address, "answering on {address}, {}", transport.protocol());
    }
}

fn log_stop(counters: &Counters) {
    info!(
        "stopped: {} datagrams and {} queries over TCP received, {} and {} answered",
        counters.udp.received, counters.tcp.received, counters.udp.answered, counters.tcp.answered
    );
}

/// What the admin address shows of dnstap, the process, and what followers follow: the secrets of
/// cookies, and encrypted transports with the certificate.
type Seen = (Arc<DnstapState>, Arc<ProcessStats>, Followed);
type Followed = (Arc<ArcSwap<SecretsCondition>>, Option<EncryptedView>);

/// What the admin address shows of what followers follow.
fn followed(
    cookies: &CookieSecretsFollower,
    certificate: &CertificateFollower,
    addresses: &[(Transport, SocketAddr)],
) -> Followed {
    let encrypted = certificate.in_force().map(|certificate| EncryptedView {
        addresses: addresses.to_vec(),
        certificate_expiry: certificate.expiry(),
    });
    (cookies.condition().clone(), encrypted)
}

/// What the admin address shows.
fn view(
    state: &ServerState,
    tallies: Tallies,
    (log, log_level): (LogQueue, LogLevel),
    (dnstap, process, (cookie_secrets, encrypted)): Seen,
    changes: mpsc::Sender<OperatorRequest>,
) -> ServerView {
    let publisher = state.publisher();
    ServerView {
        snapshots: publisher.snapshots().clone(),
        tallies,
        queries: publisher.queries().clone(),
        reclaimer: publisher.reclaimer().clone(),
        condition: state.condition().clone(),
        cookie_secrets,
        encrypted,
        counted_before: Arc::default(),
        log,
        log_level,
        dnstap,
        process,
        notifies: state.notified().counts().clone(),
        transfers: state.transfers().cloned().unwrap_or_default(),
        changes,
    }
}
