//! Starts and stops serving.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Release};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle as Task, spawn_blocking};

use super::connection::Shared;
use super::connection_limiter::ConnectionLimiter;
use super::counters::Counters;
use super::encrypted::{Encrypted, Starting};
use super::listen::Bound;
use super::phase::Phase;
use super::portable::Portable;
use super::responder::MakeResponder;
use super::source_filter::SourceFilter;
use super::tallies::Tallies;
use super::tcp::{Acceptor, DnsOverTcp};
use super::tcp_limits::TcpLimits;
use super::watchdog::Watchdog;
use super::{Listeners, UdpBackend};

/// Sockets that are being served. Dropping it stops serving without waiting for the end.
#[derive(Debug)]
pub struct Serving {
    stop_threads: Arc<AtomicBool>,
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
    udp_tasks: Vec<Task<()>>,
    tcp_tasks: Vec<Task<()>>,
    tallies: Tallies,
    watchdog: Watchdog,
    #[cfg(target_os = "linux")]
    xdp: super::xdp::XdpServing,
}

impl Serving {
    pub(super) fn start<M: MakeResponder>(
        listeners: Listeners,
        make: &M,
        limits: TcpLimits,
        runtime: &Handle,
    ) -> io::Result<Self> {
        // Sockets register with the runtime of the current context.
        let _entered = runtime.enter();
        let limiter = ConnectionLimiter::new(limits.connections, limits.per_client);
        let watchdog = Watchdog::start()?;
        let mut serving = Self {
            stop_threads: Arc::default(),
            phase: watch::Sender::new(Phase::Serving),
            threads: Vec::new(),
            udp_tasks: Vec::new(),
            tcp_tasks: Vec::new(),
            tallies: Tallies::default(),
            watchdog,
            #[cfg(target_os = "linux")]
            xdp: super::xdp::XdpServing::default(),
        };
        let filter = SourceFilter::new(listeners.addresses());
        let Listeners { bound, backend, xdp, encrypted, .. } = listeners;
        for Bound { address, udp, tcp } in bound {
            let listener = TcpListener::from_std(tcp)?;
            let phase = serving.phase.subscribe();
            let tally = serving.tallies.tcp.clone();
            let shared = Shared::new(limits, tally.clone(), phase.clone());
            let watchdog = serving.watchdog.clone();
            let protocol = DnsOverTcp { make: make.clone(), shared, watchdog };
            let acceptor = Acceptor::new(listener, protocol, limiter.clone(), tally, phase);
            serving.tcp_tasks.push(runtime.spawn(acceptor.run(address)));
            match &backend {
                #[cfg(target_os = "linux")]
                UdpBackend::Batches { steering } => {
                    for (number, socket) in udp.into_iter().enumerate() {
                        let core = steering.as_ref().and_then(|steering| steering.core(number));
                        let filter = filter.clone();
                        serving.start_worker(socket, (address, number, core, filter), make)?;
                    }
                }
                UdpBackend::Portable => {
                    for (number, socket) in udp.into_iter().enumerate() {
                        let (socket_number, tally) = serving.tallies.add_socket(address, number);
                        let stop = serving.phase.subscribe();
                        let name = format!("UDP task {number} of {address}");
                        let progress = serving.watchdog.watch(name.clone());
                        let portable =
                            Portable::new(socket, socket_number, make.clone(), tally, progress)?
                                .with_filter(filter.clone());
                        serving.udp_tasks.push(runtime.spawn(portable.run(name, stop)));
                    }
                }
            }
        }
        serving.start_encrypted(encrypted, make, limits, runtime)?;
        #[cfg(target_os = "linux")]
        serving.start_xdp(xdp, filter, make)?;
        #[cfg(not(target_os = "linux"))]
        drop(xdp);
        Ok(serving)
    }

    fn start_encrypted<M: MakeResponder>(
        &mut self,
        encrypted: Option<Encrypted>,
        make: &M,
        limits: TcpLimits,
        runtime: &Handle,
    ) -> io::Result<()> {
        let Some(encrypted) = encrypted else { return Ok(()) };
        let tallies = self.tallies.encrypted.get_or_insert_default();
        let (phase, watchdog) = (&self.phase.subscribe(), &self.watchdog);
        let starting = Starting { make, limits, phase, watchdog, tallies, runtime };
        self.tcp_tasks.extend(encrypted.start(&starting)?);
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn start_xdp<M: MakeResponder>(
        &mut self,
        xdp: Option<super::xdp::Xdp>,
        filter: SourceFilter,
        make: &M,
    ) -> io::Result<()> {
        let Some(xdp) = xdp else { return Ok(()) };
        self.tallies.xdp = xdp.tallies();
        let shared = super::xdp::Shared {
            filter,
            watchdog: self.watchdog.clone(),
            stop: self.stop_threads.clone(),
            sockets: self.tallies.udp_sockets(),
        };
        self.xdp = super::xdp::XdpServing::start(xdp, make, &shared, &mut self.threads)?;
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn start_worker<M: MakeResponder>(
        &mut self,
        socket: std::net::UdpSocket,
        (address, number, core, filter): (std::net::SocketAddr, usize, Option<usize>, SourceFilter),
        make: &M,
    ) -> io::Result<()> {
        use super::limits::{RECEIVE_TIMEOUT, SEND_TIMEOUT};
        use super::responder::Endpoint;
        use super::udp::{Worker, WorkerId};

        socket.set_read_timeout(Some(RECEIVE_TIMEOUT))?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        let (socket_number, tally) = self.tallies.add_socket(address, number);
        let endpoint = Endpoint::Socket(socket_number);
        let id = WorkerId { address, number, endpoint, core, filter };
        let stop = self.stop_threads.clone();
        let progress = self.watchdog.watch(format!("UDP worker {number} of {address}"));
        self.threads.push(Worker::start(socket, id, make.clone(), tally, stop, progress)?);
        Ok(())
    }

    /// Has AF_XDP take its queues. Call this once no other server has them; until then, the sockets
    /// answer.
    pub fn begin_xdp(&self) {
        #[cfg(target_os = "linux")]
        self.xdp.begin();
    }

    /// The current counts of all sockets.
    pub fn counters(&self) -> Counters {
        self.tallies.read()
    }

    /// The counters of the sockets, to be read while they are served.
    pub fn tallies(&self) -> Tallies {
        self.tallies.clone()
    }

    /// Answers what was received, closes all sockets and returns the final counters.
    ///
    /// It takes up to a quarter of a second if clients are well-behaved, and otherwise at most the
    /// write limit of [`TcpLimits`]. Queries that arrive meanwhile may go unanswered.
    pub async fn stop(self) -> Counters {
        self.end(Phase::Stopping).await.finish().await
    }

    /// Leaves the sockets to another process that serves them too. When this returns, nothing is
    /// received over UDP any more, and what was received is answered. Connections are still being
    /// finished.
    pub async fn hand_over(self) -> Finishing {
        self.end(Phase::HandingOver).await
    }

    async fn end(mut self, phase: Phase) -> Finishing {
        #[cfg(target_os = "linux")]
        self.xdp.pass().await;
        self.signal_stop(phase);
        let threads = std::mem::take(&mut self.threads);
        // None of them has panicked, as the process would have ended.
        let join_all = || threads.into_iter().for_each(|thread| drop(thread.join()));
        let _ = spawn_blocking(join_all).await;
        join(self.udp_tasks.drain(..)).await;
        Finishing(self)
    }

    fn signal_stop(&self, phase: Phase) {
        self.stop_threads.store(true, Release);
        self.phase.send_if_modified(|now| {
            let is_first = *now == Phase::Serving;
            if is_first {
                *now = phase;
            }
            is_first
        });
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.signal_stop(Phase::Stopping);
    }
}

/// A server that no longer receives over UDP, and finishes its connections.
#[derive(Debug)]
pub struct Finishing(Serving);

impl Finishing {
    /// Waits until all connections have ended, and returns the final counters.
    pub async fn finish(mut self) -> Counters {
        join(self.0.tcp_tasks.drain(..)).await;
        self.0.counters()
    }
}

async fn join(tasks: impl Iterator<Item = Task<()>>) {
    for task in tasks {
        // None of them has panicked, as the process would have ended.
        let _ = task.await;
    }
}
