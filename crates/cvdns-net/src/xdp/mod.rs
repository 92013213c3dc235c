//! UDP past the kernel's sockets (AF_XDP), for the interfaces of `[xdp]`.
//!
//! A small program in the kernel hands the frames with queries for this server to sockets of the
//! family AF_XDP, one for each receive queue of an interface. Everything else goes to the kernel
//! as usual. The ordinary sockets stay: they serve TCP, fragments, packets with options, and
//! everything where AF_XDP fails.

pub mod frame;
mod status;

pub use status::{XdpMode, XdpQueueCounters, XdpSettings, XdpStatistics, XdpStatus};
