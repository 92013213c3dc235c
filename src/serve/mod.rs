//! The sockets: takes the listen addresses, carries queries to the responders and their answers back.
//!
//! ```text
//! Listeners::bind  ->  privileges::drop_to  ->  Listeners::serve  ->  Serving::stop
//! ```
//!
//! UDP has two ways. On Linux each socket has a thread that takes queries in batches (`udp`, `batch` and
//! `mmsg`, the one module here with `unsafe`); elsewhere, or if so configured, each has a task that takes them one
//! by one (`portable`). TCP is the same everywhere (`tcp`, `connection`, `room`). All of them ask a
//! [`Responder`], which knows nothing of sockets.

#[cfg(target_os = "linux")]
mod batch;
mod connection;
mod counters;
mod listen;
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod mmsg;
mod pace;
mod portable;
#[cfg(unix)]
pub mod privileges;
mod responder;
mod room;
mod running;
mod tcp;
#[cfg(target_os = "linux")]
mod udp;

use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::Handle;

pub use crate::config::UdpMode;
pub use counters::{Counters, TcpCounters, UdpCounters};
pub use listen::BindError;
pub use responder::{MakeResponder, Responder, Transport};
pub use running::Serving;
pub use tcp::TcpLimits;

/// All sockets, bound and not yet served.
#[derive(Debug)]
pub struct Listeners {
    bound: Vec<listen::Bound>,
    way: Way,
}

/// The mode that was settled on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    #[cfg(target_os = "linux")]
    Batches,
    Portable,
}

impl Listeners {
    /// Takes all addresses, UDP and TCP, with `workers` UDP sockets each; 0 means one per core.
    ///
    /// With port 0 the kernel chooses one, the same for UDP and TCP; [`Listeners::addresses`] tells it.
    ///
    /// # Errors
    /// All addresses that could not be taken. The others are given back.
    pub fn bind(addresses: &[SocketAddr], workers: usize, mode: UdpMode) -> Result<Self, Vec<BindError>> {
        let way = settle(mode)
            .ok_or_else(|| addresses.iter().map(|&address| unsupported(address)).collect::<Vec<_>>())?;
        let workers = match workers {
            0 => available_parallelism().map_or(1, NonZero::get),
            workers => workers,
        };
        // Elsewhere a second socket on the same port would take all or nothing.
        let workers = if cfg!(target_os = "linux") { workers } else { 1 };
        let (mut bound, mut errors) = (Vec::new(), Vec::new());
        for &address in addresses {
            match listen::bind(address, workers) {
                Ok(sockets) => bound.push(sockets),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self { bound, way }) } else { Err(errors) }
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

// Only some systems have every mode.
#[allow(clippy::unnecessary_wraps)]
fn settle(mode: UdpMode) -> Option<Way> {
    match mode {
        #[cfg(target_os = "linux")]
        UdpMode::Auto | UdpMode::Mmsg => Some(Way::Batches),
        #[cfg(not(target_os = "linux"))]
        UdpMode::Auto => Some(Way::Portable),
        #[cfg(not(target_os = "linux"))]
        UdpMode::Mmsg => None,
        UdpMode::Portable => Some(Way::Portable),
    }
}

fn unsupported(address: SocketAddr) -> BindError {
    let what = "udp = \"mmsg\" needs Linux; \"auto\" takes what this system has";
    let source = io::Error::new(io::ErrorKind::Unsupported, what);
    BindError { address, transport: Transport::Udp, source }
}
