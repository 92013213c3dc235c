//! The program at an interface, with the maps that it reads. A server shares them with the one that
//! replaces it, so that the program is never detached between the two: some cards reset their link
//! for that.
//!
//! The map of sockets has two places for each queue, one for each of two servers. A value that both
//! servers can write says whose sockets are in use, or that none are: then the frames go to the
//! kernel, and are answered by the ordinary sockets.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use super::bpf;
use super::filter::{Action, Filter};
use super::handover::{XdpDescription, XdpHandover};
use super::interface::Interface;
use super::memory::SharedValue;
use super::status::XdpMode;

/// The program at an interface. It is detached when the last server drops this.
pub(super) struct Attachment {
    link: OwnedFd,
    sockets: OwnedFd,
    control: OwnedFd,
    value: SharedValue,
    description: XdpDescription,
    gate: Mutex<Gate>,
}

/// What decides whether the program hands frames to the sockets of this server.
#[derive(Default)]
struct Gate {
    /// Whether this server has its queues.
    has_begun: bool,
    /// Whether something is wrong with the interface.
    is_held: bool,
    /// Whether this server stops, or was replaced.
    has_ended: bool,
}

/// The maps of an interface, before a program is attached.
pub(super) struct Maps {
    sockets: OwnedFd,
    control: OwnedFd,
    queues: u32,
}

/// How often attaching is tried while another program is there, a millisecond apart: that of a
/// server that was just ended leaves this late.
pub(super) const TRIES: u32 = 500;
pub(super) const PAUSE: Duration = Duration::from_millis(1);

/// Time in which a frame that the program has taken is in the hands of its socket.
pub(super) const ON_THE_WAY: Duration = Duration::from_millis(20);

impl Maps {
    /// Makes the maps of an interface with so many queues.
    ///
    /// # Errors
    /// Those of bpf(2).
    pub(super) fn new(queues: u32) -> io::Result<Self> {
        let sockets = bpf::map_of_sockets(queues.saturating_mul(2))?;
        Ok(Self { sockets, control: bpf::map_of_value()?, queues })
    }

    /// Says that the sockets of the first server are in use.
    #[cfg(test)]
    pub(super) fn begin(&self) -> io::Result<()> {
        SharedValue::of(self.control.as_fd()).map(|value| value.set(1))
    }

    /// Loads the program for an interface.
    ///
    /// # Errors
    /// Those of bpf(2), with what the verifier says.
    pub(super) fn program(
        &self,
        mac: [u8; 6],
        endpoints: &[SocketAddr],
        without_socket: Action,
    ) -> io::Result<OwnedFd> {
        let (sockets, control) = (self.sockets.as_fd(), self.control.as_fd());
        let filter =
            Filter { mac, endpoints, sockets, control, queues: self.queues, without_socket };
        let program = filter.program();
        bpf::load(&program.ok_or_else(|| io::Error::other("the program is too long"))?)
    }
}

impl Attachment {
    /// Attaches a program to an interface. It passes all frames until [`Self::begin`].
    ///
    /// # Errors
    /// Those of bpf(2).
    pub(super) fn new(interface: &Interface, queues: u32, mode: XdpMode) -> io::Result<Self> {
        let maps = Maps::new(queues)?;
        let program = maps.program(interface.mac, &interface.endpoints, Action::Pass)?;
        let Maps { sockets, control, .. } = maps;
        let mut tries = TRIES;
        let link = loop {
            match bpf::attach(program.as_fd(), interface.index, mode) {
                Err(error) if is_taken(&error) && tries > 0 => {
                    tries = tries.saturating_sub(1);
                    sleep(PAUSE);
                }
                result => break result?,
            }
        };
        let value = SharedValue::of(control.as_fd())?;
        let description = described(interface, queues, mode);
        Ok(Self { link, sockets, control, value, description, gate: Mutex::default() })
    }

    /// Takes the program of the running server over, which goes on with its own sockets.
    ///
    /// # Errors
    /// Why it is of no use for this server, for people.
    pub(super) fn take_over(
        handed: XdpHandover,
        interface: &Interface,
        queues: u32,
        mode: XdpMode,
    ) -> Result<Self, String> {
        let XdpHandover { description: theirs, link, sockets, control } = handed;
        let own = described(interface, queues, mode);
        if let Some(what) = own.difference(&theirs) {
            return Err(format!("{what} since the running server began"));
        }
        let attached = bpf::attached(link.as_fd());
        if attached.is_ok_and(|attached| attached.interface != interface.index) {
            return Err("its program was removed since the running server began".to_owned());
        }
        let value = SharedValue::of(control.as_fd()).map_err(|error| error.to_string())?;
        let first = if theirs.first == 0 { queues } else { 0 };
        let (description, gate) = (XdpDescription { first, ..own }, Mutex::default());
        Ok(Self { link, sockets, control, value, description, gate })
    }

    /// Puts the socket of a queue into its place.
    ///
    /// # Errors
    /// Those of bpf(2).
    pub(super) fn put(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        let place = self.description.first.saturating_add(queue);
        bpf::put_socket(self.sockets.as_fd(), place, socket)
    }

    /// The number of the program.
    ///
    /// # Errors
    /// Those of bpf(2).
    pub(super) fn program(&self) -> io::Result<u32> {
        bpf::attached(self.link.as_fd()).map(|attached| attached.program)
    }

    /// Has the program hand frames to the sockets of this server, unless it is held.
    pub(super) fn begin(&self) {
        self.change(|gate| gate.has_begun = true);
    }

    /// Has the program pass all frames to the kernel from now on, unless another server has begun.
    /// Those that it has taken before arrive within [`ON_THE_WAY`].
    pub(super) fn end(&self) {
        self.change(|gate| gate.has_ended = true);
    }

    /// Has the program pass all frames to the kernel as long as something is wrong.
    pub(super) fn hold(&self, is_held: bool) {
        self.change(|gate| gate.is_held = is_held);
    }

    /// Whether the program hands frames to the sockets of this server, as it stands in the kernel.
    pub(super) fn is_serving(&self) -> bool {
        self.value.get() == self.own_value()
    }

    /// The only place that sets the value. The lock keeps a thread that sees the interface whole
    /// again from beginning anew while another one ends.
    fn change(&self, change: impl FnOnce(&mut Gate)) {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut gate);
        if gate.has_begun && !gate.is_held && !gate.has_ended {
            self.value.set(self.own_value());
        } else if self.is_serving() {
            self.value.set(0);
        }
    }

    /// All of it once more, for another process.
    ///
    /// # Errors
    /// When the process has too few descriptors.
    pub(super) fn share(&self) -> io::Result<XdpHandover> {
        Ok(XdpHandover {
            description: self.description.clone(),
            link: self.link.try_clone()?,
            sockets: self.sockets.try_clone()?,
            control: self.control.try_clone()?,
        })
    }

    fn own_value(&self) -> u32 {
        self.description.first.saturating_add(1)
    }
}

fn described(interface: &Interface, queues: u32, mode: XdpMode) -> XdpDescription {
    XdpDescription {
        interface: interface.index,
        mode,
        queues,
        mac: interface.mac,
        endpoints: interface.endpoints.clone(),
        first: 0,
    }
}

/// Whether another program, or another socket, has the place.
pub(super) fn is_taken(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBUSY | libc::EEXIST))
}
