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
use super::counters::{Counters, Tallies};
use super::listen::Bound;
use super::portable::Portable;
use super::responder::MakeResponder;
use super::source_filter::SourceFilter;
use super::tcp::Acceptor;
use super::tcp_limits::TcpLimits;
use super::watchdog::Watchdog;
use super::{Listeners, UdpBackend};

/// Sockets that are being served. Dropping it stops serving without waiting for the end.
#[derive(Debug)]
pub struct Serving {
    stop_threads: Arc<AtomicBool>,
    stop_tasks: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    tasks: Vec<Task<()>>,
    tallies: Tallies,
    watchdog: Watchdog,
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
            stop_tasks: watch::Sender::new(false),
            threads: Vec::new(),
            tasks: Vec::new(),
            tallies: Tallies::default(),
            watchdog,
        };
        let filter = SourceFilter::new(listeners.addresses());
        let Listeners { bound, backend } = listeners;
        for Bound { address, udp, tcp } in bound {
            let listener = TcpListener::from_std(tcp)?;
            let shared = Shared::new(limits, serving.tallies.tcp.clone());
            let (stop, watchdog) = (serving.stop_tasks.subscribe(), serving.watchdog.clone());
            let acceptor =
                Acceptor::new(listener, make.clone(), limiter.clone(), shared, stop, watchdog);
            serving.tasks.push(runtime.spawn(acceptor.run(address)));
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
                        let stop = serving.stop_tasks.subscribe();
                        let name = format!("UDP task {number} of {address}");
                        let progress = serving.watchdog.watch(name.clone());
                        let portable =
                            Portable::new(socket, socket_number, make.clone(), tally, progress)?
                                .with_filter(filter.clone());
                        serving.tasks.push(runtime.spawn(portable.run(name, stop)));
                    }
                }
            }
        }
        Ok(serving)
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
    pub async fn stop(mut self) -> Counters {
        self.signal_stop();
        // None of them has panicked, as the process would have ended.
        for task in self.tasks.drain(..) {
            let _ = task.await;
        }
        let threads = std::mem::take(&mut self.threads);
        let join = || threads.into_iter().for_each(|thread| drop(thread.join()));
        let _ = spawn_blocking(join).await;
        self.counters()
    }

    fn signal_stop(&self) {
        self.stop_threads.store(true, Release);
        self.stop_tasks.send_replace(true);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.signal_stop();
    }
}
