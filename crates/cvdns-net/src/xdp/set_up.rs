//! Sets everything up that takes privileges: programs, maps, sockets and their memory.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::sleep;

use rustix::net::xdp::{SocketAddrXdp, SocketAddrXdpFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use tracing::warn;

use super::super::mmsg::set_option;
use super::attachment::{Attachment, PAUSE, TRIES, is_taken};
use super::handover::XdpHandover;
use super::interface::{Interface, MAX_QUEUES, System};
use super::memory::Frames;
use super::reasons;
use super::status::{XdpMode, XdpSettings};
use super::tally::{InterfaceTally, QueueTally};

/// The interfaces of `[xdp]`, set up as far as the system allows. Nothing is answered yet.
pub struct Xdp {
    pub(super) interfaces: Vec<Planned>,
}

/// An interface.
pub(super) struct Planned {
    pub tally: Arc<InterfaceTally>,
    /// `None` if it is not served.
    pub attached: Option<Attached>,
}

/// An interface with a program.
pub(super) struct Attached {
    pub interface: Interface,
    pub attachment: Arc<Attachment>,
    pub queues: Vec<PlannedQueue>,
}

/// A queue with a socket.
pub(super) struct PlannedQueue {
    pub tally: Arc<QueueTally>,
    pub socket: OwnedFd,
    pub frames: Frames,
    /// Whether the socket has the queue. It cannot have it as long as another server does.
    pub is_bound: bool,
}

/// Octets of answers that may wait to be sent: all frames of a queue, with the kernel's own data
/// beside them.
const SEND_BUFFER: libc::c_int = 8 << 20;

impl Xdp {
    /// Sets the interfaces up for those listen addresses that they have, with what the running
    /// server hands over. What fails is logged: the ordinary sockets answer instead.
    ///
    /// Call this before privileges are given up, and before the sandbox is entered.
    pub fn set_up(settings: &XdpSettings, listen: &[SocketAddr], handed: Vec<XdpHandover>) -> Self {
        let (mode, mut handed) = (settings.mode, handed);
        let mut interfaces: Vec<Planned> = Vec::new();
        for name in &settings.interfaces {
            let attached = set_up(name, mode, listen, &mut handed);
            if let Err(reason) = &attached {
                warn!(
                    "AF_XDP does not serve {name}: {reason}; the ordinary sockets answer its queries until the \
                     server is restarted"
                );
            }
            let (attached, missing, trouble) = match attached {
                Ok((attached, missing)) => (Some(attached), missing, None),
                Err(reason) => (None, None, Some(reasons::at_start(&reason))),
            };
            let queues = attached.iter().flat_map(|attached| &attached.queues);
            let queues = queues.map(|queue| queue.tally.clone()).collect();
            let mut tally = InterfaceTally::new(name.clone(), mode, queues);
            if let Some(attached) = &attached {
                tally = tally.with_attachment(&attached.attachment);
            }
            tally.set_missing(missing);
            tally.set_trouble(trouble);
            interfaces.push(Planned { tally: Arc::new(tally), attached });
        }
        Self { interfaces }
    }

    /// What counts for each interface.
    pub(crate) fn tallies(&self) -> Vec<Arc<InterfaceTally>> {
        self.interfaces.iter().map(|planned| planned.tally.clone()).collect()
    }

    /// The queues of each interface that is set up.
    pub(crate) fn queues(&self) -> impl Iterator<Item = usize> {
        let attached = self.interfaces.iter().filter_map(|planned| planned.attached.as_ref());
        attached.map(|attached| attached.queues.len())
    }

    /// All programs once more, for another process.
    ///
    /// # Errors
    /// When the process has too few descriptors.
    pub(crate) fn share(&self) -> io::Result<Vec<XdpHandover>> {
        let attached = self.interfaces.iter().filter_map(|planned| planned.attached.as_ref());
        attached.map(|attached| attached.attachment.share()).collect()
    }
}

/// Sets an interface up. Beside it, why some of its queues are not served, if so.
fn set_up(
    name: &str,
    mode: XdpMode,
    listen: &[SocketAddr],
    handed: &mut Vec<XdpHandover>,
) -> Result<(Attached, Option<String>), String> {
    let mut interface = System::ask()?.interface(name, listen)?;
    let queues = interface.queues.min(MAX_QUEUES);
    let place = handed.iter().position(|handed| handed.description.interface == interface.index);
    let taken_over = place.map(|place| handed.swap_remove(place));
    let is_replacing = taken_over.is_some();
    let attachment = if let Some(handed) = taken_over {
        Attachment::take_over(handed, &interface, queues, mode)?
    } else {
        interface = without_program(interface, name, listen)?;
        Attachment::new(&interface, queues, mode)
            .map_err(|error| reasons::attaching(&error, &interface, mode))?
    };
    interface.program =
        attachment.program().map_err(|error| reasons::attaching(&error, &interface, mode))?;
    let (mut set_up, mut missing) = (Vec::new(), Vec::new());
    for number in 0..queues {
        match queue(&interface, &attachment, number, is_replacing) {
            Ok(queue) => set_up.push(queue),
            Err(error) if number == 0 => return Err(reasons::queue(&error, number)),
            Err(error) => missing.push(reasons::at_start(&reasons::queue(&error, number))),
        }
    }
    if interface.queues > queues {
        let more = interface.queues.saturating_sub(queues);
        missing.push(format!("{more} of its queues are beyond the {queues} that are served"));
    }
    missing.extend(interface.more_endpoints());
    for reason in &missing {
        warn!("AF_XDP does not serve {name} in full: {reason}");
    }
    let missing = (!missing.is_empty()).then(|| missing.join("; "));
    let attachment = Arc::new(attachment);
    Ok((Attached { interface, attachment, queues: set_up }, missing))
}

/// The interface once no program is attached. That of a server that was just ended leaves late.
fn without_program(
    interface: Interface,
    name: &str,
    listen: &[SocketAddr],
) -> Result<Interface, String> {
    let mut interface = interface;
    for _ in 0..TRIES {
        if interface.program == 0 {
            return Ok(interface);
        }
        sleep(PAUSE);
        interface = System::ask()?.interface(name, listen)?;
    }
    Err(reasons::foreign(&interface))
}

fn queue(
    interface: &Interface,
    attachment: &Attachment,
    number: u32,
    is_replacing: bool,
) -> io::Result<PlannedQueue> {
    let socket = open()?;
    let frames = Frames::register(socket.as_fd())?;
    // More than the system's limit takes a privilege, which is there. Otherwise fewer answers wait.
    let (level, force) = (libc::SOL_SOCKET, libc::SO_SNDBUFFORCE);
    let _ = set_option(socket.as_fd(), level, force, SEND_BUFFER);
    if !is_replacing {
        bind_queue(socket.as_fd(), interface.index, number)?;
    }
    attachment.put(number, socket.as_fd())?;
    let tally = Arc::new(QueueTally::new(number));
    Ok(PlannedQueue { tally, socket, frames, is_bound: !is_replacing })
}

/// A new AF_XDP socket.
///
/// # Errors
/// `EPERM` without `CAP_NET_RAW`, `EAFNOSUPPORT` if the kernel has none.
pub(super) fn open() -> io::Result<OwnedFd> {
    let (family, kind) = (AddressFamily::XDP, SocketType::RAW);
    Ok(socket_with(family, kind, SocketFlags::CLOEXEC, None)?)
}

/// Binds a socket to its queue, which takes no privilege. The socket that had the queue before
/// leaves it a few milliseconds after it was closed.
///
/// Frames are copied: that works with every driver, and costs little at the sizes of queries.
///
/// # Errors
/// Those of the system: `EBUSY` if another socket has the queue, `ENETDOWN` if the interface is
/// down.
pub(super) fn bind_queue(socket: BorrowedFd<'_>, interface: u32, queue: u32) -> io::Result<()> {
    let flags = SocketAddrXdpFlags::XDP_COPY | SocketAddrXdpFlags::XDP_USE_NEED_WAKEUP;
    let address = SocketAddrXdp::new(flags, interface, queue);
    for _ in 0..TRIES {
        match bind(socket, &address).map_err(io::Error::from) {
            Err(error) if is_taken(&error) => sleep(PAUSE),
            result => return result,
        }
    }
    Err(io::Error::from_raw_os_error(libc::EBUSY))
}

impl std::fmt::Debug for Xdp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Xdp").field("interfaces", &self.interfaces.len()).finish_non_exhaustive()
    }
}
