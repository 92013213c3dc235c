//! UDP past the kernel's sockets (AF_XDP), for the interfaces of `[xdp]`.
//!
//! A small program in the kernel hands the frames with queries for this server to sockets of the
//! family AF_XDP, one for each receive queue of an interface. Everything else goes to the kernel
//! as usual. The ordinary sockets stay: they serve TCP, fragments, packets with options, and
//! everything where AF_XDP fails.
//!
//! ```text
//! interface --> filter --> received --> read --> Batch, Responder --> write_reply --> interface
//!                 |                       |
//!                 +-> kernel, sockets     +-> refused: counted, dropped
//! ```
//!
//! In the order of reading:
//!
//! - [`Xdp`] is what is set up while there are privileges (`set_up`): `interface` says whether an
//!   interface can be served, by what `netlink` and `channels` ask. `reasons` are the words for
//!   what fails, [`examine`] is the same for people beforehand.
//! - The program is assembled (`assembler`, `filter`), loaded (`bpf`) and attached
//!   (`attachment`). [`XdpHandover`] is what the next server takes over of it (`handover`).
//! - `serving` has a thread for each queue, which runs the same worker as for a socket. Its batch
//!   has `slots`: frames (`memory`) that `frame` reads and writes. `sources` are those whose frames
//!   get no answer.
//! - `tally` counts, [`XdpStatus`] is what others see of it (`status`), `watch` looks whether the
//!   interface is still what it was (`trouble`).
//!
//! `bpf`, `channels` and `memory` have all `unsafe` of it: a system call each, and the memory that
//! is shared with the kernel.

#[cfg(target_os = "linux")]
mod assembler;
#[cfg(target_os = "linux")]
mod attachment;
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod bpf;
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod channels;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod examine;
#[cfg(target_os = "linux")]
mod filter;
pub mod frame;
mod handover;
#[cfg(target_os = "linux")]
mod interface;
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod memory;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod reasons;
#[cfg(target_os = "linux")]
mod serving;
#[cfg(target_os = "linux")]
mod set_up;
#[cfg(target_os = "linux")]
mod slots;
#[cfg(target_os = "linux")]
mod sources;
mod status;
#[cfg(target_os = "linux")]
mod tally;
#[cfg(target_os = "linux")]
mod trouble;
#[cfg(target_os = "linux")]
mod watch;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Xdp, examine};
#[cfg(target_os = "linux")]
pub use examine::examine;
pub use handover::{XdpDescription, XdpHandover};
#[cfg(target_os = "linux")]
pub(super) use serving::{Shared, XdpServing};
#[cfg(target_os = "linux")]
pub use set_up::Xdp;
pub use status::{XdpMode, XdpQueueCounters, XdpSettings, XdpStatistics, XdpStatus};
#[cfg(target_os = "linux")]
pub(super) use tally::InterfaceTally;
