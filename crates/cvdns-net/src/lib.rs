//! The sockets of the server: binds the listen addresses, passes queries to the responders and
//! sends their answers.
//!
//! ```text
//! Listeners::bind  ->  privileges::drop_to  ->  Listeners::serve  ->  Serving::stop
//! ```
//!
//! In the order of reading:
//!
//! - [`Listeners`] are the bound sockets (`listen`), [`Serving`] the running server (`running`).
//!   [`Inherited`] sockets were opened by an earlier process (`inherited`).
//! - [`Responder`] turns a query into its answer and knows nothing of sockets; [`MakeResponder`]
//!   makes one for each [`Endpoint`].
//! - UDP on Linux: a thread for each socket (`udp`) receives, answers and sends datagrams in
//!   batches (`batch`). `datagrams` is the seam between a batch and its socket: `mmsg` is
//!   recvmmsg(2) and sendmmsg(2) (and has most `unsafe`), [`xdp`] is AF_XDP, beside the sockets.
//!   With `affinity`, each thread is pinned to a core (`cores`) and receives what that core
//!   handles (`steering`).
//! - UDP elsewhere, or with `udp = "portable"`: a task for each socket answers one datagram after
//!   the other (`portable`). `limits` has the times and sizes of both, `source_filter` tells what
//!   neither answers.
//! - TCP: `tcp` accepts connections within [`TcpLimits`] (`tcp_limits`). `connection_limiter`
//!   closes one of the source that has most for a new one, as `connection_seats` decides.
//!   `connection` serves one, with its received octets in `input` and its answers in `buffers`.
//! - DNS over TLS, QUIC and HTTPS ([`EncryptedSettings`]): `encrypted`, by the acceptor and the
//!   connection of TCP where there is one. [`quic_query`] and [`https_exchange`] read the queries of
//!   the latter two.
//! - [`UnixSocket`] listens at a path of the file system (`unix_socket`), for the admin address.
//! - [`Tallies`] count what happens (`counters`, `tallies`). `watchdog` ends the process if
//!   answering hangs.
//! - [`descriptors`] raises the limit of file descriptors, [`privileges`] gives up root. [`memory`]
//!   returns free memory to the system, and refuses what a peer wants while there is little left.

#![warn(clippy::indexing_slicing, clippy::undocumented_unsafe_blocks)]

#[cfg(target_os = "linux")]
mod batch;
pub mod buffers;
mod connection;
mod connection_limiter;
mod connection_seats;
#[cfg(target_os = "linux")]
mod cores;
mod counters;
#[cfg(target_os = "linux")]
mod datagrams;
pub mod descriptors;
mod encrypted;
mod inherited;
pub mod input;
mod limits;
mod listen;
#[allow(unsafe_code)]
pub mod memory;
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod mmsg;
mod phase;
mod portable;
#[cfg(unix)]
pub mod privileges;
mod responder;
mod running;
mod source_filter;
#[cfg(target_os = "linux")]
mod steering;
mod tallies;
mod tcp;
mod tcp_limits;
#[cfg(target_os = "linux")]
mod udp;
#[cfg(unix)]
mod unix_socket;
mod watchdog;
pub mod xdp;

use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::OnceLock;
use std::thread::available_parallelism;

use tokio::runtime::Handle;

pub use connection_limiter::{Admission, ConnectionLimiter, Permit};
pub use counters::{Counters, TcpCounters, UdpCounters};
pub use cvdns_core::config::UdpMode;
pub use encrypted::{
    Certificate, EncryptedSettings, exchange as https_exchange, query as quic_query,
};
pub use inherited::{Inherited, OpenSocket, SocketKind, number_in_name};
pub use listen::BindError;
pub use responder::{CannotGoOn, Endpoint, MakeResponder, MessageStream, Responder, Transport};
pub use running::{Finishing, Serving};
pub use tallies::{SocketCounters, Tallies};
pub use tcp_limits::TcpLimits;
#[cfg(unix)]
pub use unix_socket::{Holder, SocketFile, UnixBindError, UnixSocket};
pub use xdp::{Xdp, XdpDescription, XdpHandover, XdpMode, XdpSettings, XdpStatus};

/// All bound sockets, before they are served.
#[derive(Debug)]
pub struct Listeners {
    bound: Vec<listen::Bound>,
    backend: UdpBackend,
    /// How many UDP sockets an address has inherited, if these are more or fewer than the workers
    /// that were asked for.
    kept_workers: Option<usize>,
    /// `None` without `[xdp]`.
    xdp: Option<xdp::Xdp>,
    /// `None` without `[tls]`.
    encrypted: Option<encrypted::Encrypted>,
}

/// How UDP is served.
#[derive(Debug)]
enum UdpBackend {
    #[cfg(target_os = "linux")]
    Batches {
        /// With `None`, the kernel spreads datagrams by their addresses, and threads are not
        /// pinned.
        steering: Option<steering::Steering>,
    },
    Portable,
}

impl Listeners {
    /// [`Self::bind_inheriting`] without sockets of an earlier process.
    ///
    /// # Errors
    /// All addresses that could not be bound. The other ones are closed.
    pub fn bind(
        addresses: &[SocketAddr],
        workers: usize,
        mode: UdpMode,
        affinity: bool,
    ) -> Result<Self, Vec<BindError>> {
        Self::bind_inheriting(addresses, workers, mode, affinity, &mut Inherited::default())
    }

    /// Binds all addresses for UDP and TCP, with `workers` UDP sockets each; 0 means one per core.
    ///
    /// Inherited sockets of an address are taken instead, however many there are: all of them are
    /// served, as what waits in a socket that is closed would be lost. Those of other addresses are
    /// left. As long as another process serves them, `mode` must be the same.
    ///
    /// With `affinity`, each worker is pinned to one of the process's cores and receives what that
    /// core handles. Workers beyond the number of cores are left out, with a warning. The portable
    /// mode ignores `affinity`; a warning about that is given where the configuration is read.
    ///
    /// With port 0, the kernel chooses a port, the same for UDP and TCP; see
    /// [`Listeners::addresses`].
    ///
    /// # Errors
    /// All addresses that could not be bound. The other ones are closed.
    pub fn bind_inheriting(
        addresses: &[SocketAddr],
        workers: usize,
        mode: UdpMode,
        affinity: bool,
        inherited: &mut Inherited,
    ) -> Result<Self, Vec<BindError>> {
        let workers = worker_count(workers);
        let backend = choose_backend(mode, workers, affinity).map_err(|error| {
            addresses.iter().map(|&address| bind_error(address, &error)).collect::<Vec<_>>()
        })?;
        let workers = backend.max_workers().map_or(workers, |most| workers.min(most));
        // On other systems, one of several sockets on the same port would receive everything.
        let workers = if cfg!(target_os = "linux") { workers } else { 1 };
        let (mut bound, mut errors) = (Vec::new(), Vec::new());
        for &address in addresses {
            let adopted = listen::adopt(address, workers, mode.is_portable(), inherited);
            match adopted.and_then(|adopted| backend.steer(adopted)) {
                Ok(sockets) => bound.push(sockets),
                Err(error) => errors.push(error),
            }
        }
        let count = |bound: &listen::Bound| bound.udp.len();
        let kept_workers = bound.iter().map(count).find(|count| *count != workers.max(1));
        if errors.is_empty() {
            Ok(Self { bound, backend, kept_workers, xdp: None, encrypted: None })
        } else {
            Err(errors)
        }
    }

    /// How many workers an address has that keeps its inherited sockets, if that is another number
    /// than was asked for.
    pub fn kept_workers(&self) -> Option<usize> {
        self.kept_workers
    }

    /// Most UDP sockets that [`Listeners::bind`] opens for these addresses and so many workers.
    pub fn max_sockets(addresses: &[SocketAddr], workers: usize) -> usize {
        addresses.len() * worker_count(workers)
    }

    /// All sockets once more, for another process. They are the same sockets: they stay open until
    /// every copy is closed.
    ///
    /// # Errors
    /// When the process has too few descriptors.
    pub fn share(&self) -> io::Result<Vec<OpenSocket>> {
        let mut sockets = Vec::new();
        for listen::Bound { address, udp, tcp } in &self.bound {
            let (address, kind) = (*address, SocketKind::Tcp);
            let descriptor = tcp.try_clone()?.into();
            sockets.push(OpenSocket { address, kind, number: 0, descriptor });
            for (number, socket) in udp.iter().enumerate() {
                let (kind, descriptor) = (SocketKind::Udp, socket.try_clone()?.into());
                sockets.push(OpenSocket { address, kind, number, descriptor });
            }
        }
        if let Some(encrypted) = &self.encrypted {
            sockets.extend(encrypted.share()?);
        }
        Ok(sockets)
    }

    /// Binds the addresses of encrypted transports too. Inherited sockets of an address are taken
    /// instead.
    ///
    /// Call this before privileges are given up.
    ///
    /// # Errors
    /// All addresses that could not be bound. The other ones are closed.
    pub fn with_encrypted(
        self,
        settings: EncryptedSettings,
        inherited: &mut Inherited,
    ) -> Result<Self, Vec<BindError>> {
        let encrypted = Some(encrypted::Encrypted::bind(settings, inherited)?);
        Ok(Self { encrypted, ..self })
    }

    /// Shows clients of encrypted transports this certificate. It is asked for at each handshake.
    pub fn set_certificate(&mut self, certificate: Certificate) {
        if let Some(encrypted) = &mut self.encrypted {
            encrypted.set_certificate(certificate);
        }
    }

    /// The bound addresses of encrypted transports.
    pub fn encrypted_addresses(&self) -> Vec<(Transport, SocketAddr)> {
        self.encrypted.iter().flat_map(encrypted::Encrypted::addresses).collect()
    }

    /// Serves interfaces by AF_XDP, beside the sockets. What fails is logged, and left to the
    /// sockets. `handed` comes from [`Self::share_xdp`] of the server that this one replaces.
    ///
    /// Call this before privileges are given up.
    #[must_use]
    pub fn with_xdp(self, settings: &XdpSettings, handed: Vec<XdpHandover>) -> Self {
        let xdp = Xdp::set_up(settings, &self.addresses(), handed);
        Self { xdp: Some(xdp), ..self }
    }

    /// What AF_XDP has at the interfaces once more, for another process.
    ///
    /// # Errors
    /// When the process has too few descriptors.
    pub fn share_xdp(&self) -> io::Result<Vec<XdpHandover>> {
        self.xdp.as_ref().map_or_else(|| Ok(Vec::new()), Xdp::share)
    }

    /// UDP sockets of all addresses, and queues of AF_XDP. [`Endpoint::Socket`] numbers them in
    /// this order.
    pub fn sockets(&self) -> usize {
        self.shares().len()
    }

    /// For each of [`Self::sockets`], among how many of them clients of its address are spread: the
    /// sockets of the address, or the queues of the interface.
    pub fn shares(&self) -> Vec<usize> {
        let sockets = self.bound.iter().map(|bound| bound.udp.len());
        let queues = self.xdp.iter().flat_map(Xdp::queues);
        sockets.chain(queues).flat_map(|count| std::iter::repeat_n(count, count)).collect()
    }

    /// The bound addresses, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|bound| bound.address).collect()
    }

    /// Starts serving. TCP, and UDP in the portable mode, runs on `runtime`, which needs the I/O
    /// and time drivers.
    ///
    /// # Errors
    /// When the system gives no threads, or the sockets cannot be registered with the runtime, or
    /// encrypted transports have no certificate.
    pub fn serve<M: MakeResponder>(
        self,
        make: &M,
        limits: TcpLimits,
        runtime: &Handle,
    ) -> io::Result<Serving> {
        Serving::start(self, make, limits, runtime)
    }
}

impl UdpBackend {
    /// Most workers that an address can have, if that is limited.
    fn max_workers(&self) -> Option<usize> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Batches { steering } => steering.as_ref().map(steering::Steering::workers),
            Self::Portable => None,
        }
    }

    // On other systems, nothing can fail.
    #[allow(clippy::unnecessary_wraps)]
    fn steer(&self, bound: listen::Bound) -> Result<listen::Bound, BindError> {
        #[cfg(target_os = "linux")]
        match self {
            Self::Batches { steering: Some(steering) } => bound.steer(steering)?,
            Self::Batches { steering: None } | Self::Portable => bound.unsteer(),
        }
        Ok(bound)
    }
}

/// The cores that this process may use: those of its affinity mask, or fewer if its control group
/// has less time. They are counted at the first call and stay the same, as control groups cannot be
/// read from within the sandbox.
pub fn available_cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| available_parallelism().map_or(1, NonZero::get))
}

fn worker_count(workers: usize) -> usize {
    match workers {
        0 => available_cores(),
        workers => workers,
    }
}

// It can fail on some systems only.
#[allow(clippy::unnecessary_wraps)]
#[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
fn choose_backend(mode: UdpMode, workers: usize, affinity: bool) -> io::Result<UdpBackend> {
    match mode {
        #[cfg(target_os = "linux")]
        UdpMode::Auto | UdpMode::Mmsg => Ok(UdpBackend::Batches {
            steering: affinity.then(|| steering_for(workers)).transpose()?,
        }),
        #[cfg(not(target_os = "linux"))]
        UdpMode::Auto => Ok(UdpBackend::Portable),
        #[cfg(not(target_os = "linux"))]
        UdpMode::Mmsg => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "udp = \"mmsg\" needs Linux; \"auto\" takes what this system has",
        )),
        UdpMode::Portable => Ok(UdpBackend::Portable),
    }
}

#[cfg(target_os = "linux")]
fn steering_for(workers: usize) -> io::Result<steering::Steering> {
    let cores = cores::allowed().map_err(|error| {
        io::Error::other(format!(
            "the cores of this process cannot be read ({error}); `affinity = true` needs \
             sched_getaffinity(2) and at most 1,024 cores: remove it"
        ))
    })?;
    let many = cores.len();
    let steering = steering::Steering::new(cores, workers).ok_or_else(|| {
        io::Error::other("`affinity = true` finds no core for this process: remove it")
    })?;
    // The server starts nevertheless: fewer workers answer the same, and the machine may have
    // become smaller.
    if steering.workers() < workers {
        tracing::warn!(
            "`workers = {workers}` is more than the {many} cores that this process may use: with `affinity = true` \
             further workers would receive no queries, so each address has {many} workers; write `workers = 0`"
        );
    }
    Ok(steering)
}

fn bind_error(address: SocketAddr, error: &io::Error) -> BindError {
    let source = io::Error::new(error.kind(), error.to_string());
    BindError { address, kind: SocketKind::Udp, source }
}
