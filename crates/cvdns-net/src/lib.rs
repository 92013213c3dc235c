//! The sockets: takes the listen addresses, carries queries to the responders and their answers back.
//!
//! ```text
//! Listeners::bind  ->  privileges::drop_to  ->  Listeners::serve  ->  Serving::stop
//! ```
//!
//! UDP has two ways. On Linux each socket has a thread that takes queries in batches (`udp`, `batch` and
//! `mmsg`, the one module here with `unsafe`); elsewhere, or if so configured, each has a task that takes them one
//! by one (`portable`). Threads may keep to a core each, with the kernel handing them what that core handles
//! (`steering`, `cores`). TCP is the same everywhere (`tcp`, `connection`, `connection_limiter`). All of them ask a
//! [`Responder`], which knows nothing of sockets. One that never returns is a defect, which `watchdog` notices.

#![warn(clippy::indexing_slicing, clippy::undocumented_unsafe_blocks)]

#[cfg(target_os = "linux")]
mod batch;
mod buffers;
mod connection;
mod connection_limiter;
#[cfg(target_os = "linux")]
mod cores;
mod counters;
mod input;
mod limits;
mod listen;
#[allow(unsafe_code)]
pub mod memory;
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod mmsg;
mod portable;
#[cfg(unix)]
pub mod privileges;
mod responder;
mod running;
#[cfg(target_os = "linux")]
mod steering;
mod tcp;
mod tcp_limits;
#[cfg(target_os = "linux")]
mod udp;
mod watchdog;

use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::Handle;

pub use counters::{Counters, SocketCounters, Tallies, TcpCounters, UdpCounters};
pub use cvdns_core::config::UdpMode;
pub use listen::BindError;
pub use responder::{MakeResponder, Place, Responder, Transport};
pub use running::Serving;
pub use tcp_limits::TcpLimits;

/// All sockets, bound and not yet served.
#[derive(Debug)]
pub struct Listeners {
    bound: Vec<listen::Bound>,
    way: Way,
}

/// The mode that was settled on.
#[derive(Debug)]
enum Way {
    #[cfg(target_os = "linux")]
    Batches {
        /// Without it the kernel spreads datagrams by their addresses, and threads go where it puts them.
        steering: Option<steering::Steering>,
    },
    Portable,
}

impl Listeners {
    /// Takes all addresses, UDP and TCP, with `workers` UDP sockets each; 0 means one per core.
    ///
    /// With `affinity` each worker keeps to a core of the process's own and is given what that core handles;
    /// workers beyond the number of cores are left out, with a warning. Portable mode does not heed it, of which
    /// the configuration's reader warns.
    ///
    /// With port 0 the kernel chooses one, the same for UDP and TCP; [`Listeners::addresses`] tells it.
    ///
    /// # Errors
    /// All addresses that could not be taken. The others are given back.
    pub fn bind(
        addresses: &[SocketAddr],
        workers: usize,
        mode: UdpMode,
        affinity: bool,
    ) -> Result<Self, Vec<BindError>> {
        let workers = wanted(workers);
        let way = settle(mode, workers, affinity).map_err(|error| {
            addresses.iter().map(|&address| refused(address, &error)).collect::<Vec<_>>()
        })?;
        let workers = way.most_workers().map_or(workers, |most| workers.min(most));
        // Elsewhere a second socket on the same port would take all or nothing.
        let workers = if cfg!(target_os = "linux") { workers } else { 1 };
        let (mut bound, mut errors) = (Vec::new(), Vec::new());
        for &address in addresses {
            match listen::bind(address, workers).and_then(|bound| way.steer(bound)) {
                Ok(sockets) => bound.push(sockets),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self { bound, way }) } else { Err(errors) }
    }

    /// Most UDP sockets that [`Listeners::bind`] takes for these addresses with so many workers.
    pub fn most_sockets(addresses: &[SocketAddr], workers: usize) -> usize {
        addresses.len() * wanted(workers)
    }

    /// The addresses as they were taken, in the order in which they were asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|bound| bound.address).collect()
    }

    /// Starts serving; TCP (and UDP in portable mode) runs on `runtime`, which needs I/O and time.
    ///
    /// # Errors
    /// When the system gives no threads, or does not let the runtime have the sockets.
    pub fn serve<M: MakeResponder>(
        self,
        make: &M,
        limits: TcpLimits,
        runtime: &Handle,
    ) -> io::Result<Serving> {
        Serving::start(self, make, limits, runtime)
    }
}

impl Way {
    /// How many workers an address can do with, if that is limited.
    fn most_workers(&self) -> Option<usize> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Batches { steering } => steering.as_ref().map(steering::Steering::workers),
            Self::Portable => None,
        }
    }

    // Elsewhere there is nothing that could fail.
    #[allow(clippy::unnecessary_wraps)]
    fn steer(&self, bound: listen::Bound) -> Result<listen::Bound, BindError> {
        #[cfg(target_os = "linux")]
        if let Self::Batches { steering: Some(steering) } = self {
            bound.steer(steering)?;
        }
        Ok(bound)
    }
}

fn wanted(workers: usize) -> usize {
    match workers {
        0 => available_parallelism().map_or(1, NonZero::get),
        workers => workers,
    }
}

// Only some systems have every mode.
#[allow(clippy::unnecessary_wraps)]
#[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
fn settle(mode: UdpMode, workers: usize, affinity: bool) -> io::Result<Way> {
    match mode {
        #[cfg(target_os = "linux")]
        UdpMode::Auto | UdpMode::Mmsg => {
            Ok(Way::Batches { steering: affinity.then(|| one_for_each_core(workers)).transpose()? })
        }
        #[cfg(not(target_os = "linux"))]
        UdpMode::Auto => Ok(Way::Portable),
        #[cfg(not(target_os = "linux"))]
        UdpMode::Mmsg => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "udp = \"mmsg\" needs Linux; \"auto\" takes what this system has",
        )),
        UdpMode::Portable => Ok(Way::Portable),
    }
}

#[cfg(target_os = "linux")]
fn one_for_each_core(workers: usize) -> io::Result<steering::Steering> {
    let cores = cores::allowed().map_err(|error| {
        io::Error::other(format!(
            "the system does not tell the cores of this process ({error}); `affinity = true` needs sched_getaffinity(2) \
             and at most 1,024 cores: take it out"
        ))
    })?;
    let many = cores.len();
    let steering = steering::Steering::new(cores, workers).ok_or_else(|| {
        io::Error::other("`affinity = true` finds no core for this process: take it out")
    })?;
    // No reason not to start: fewer workers answer the same, and the machine may just have become smaller.
    if steering.workers() < workers {
        tracing::warn!(
            "`workers = {workers}` is more than the {many} cores that this process may use: with `affinity = true` others \
             would be given no queries, so each address has {many} workers; write `workers = 0`"
        );
    }
    Ok(steering)
}

fn refused(address: SocketAddr, error: &io::Error) -> BindError {
    let source = io::Error::new(error.kind(), error.to_string());
    BindError { address, transport: Transport::Udp, source }
}
