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
        Ok(Self { link, sockets, control, value, description })
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
            return Err(format!("{what} since the running server began: restart the server"));
        }
        let value = SharedValue::of(control.as_fd()).map_err(|error| error.to_string())?;
        let first = if theirs.first == 0 { queues } else { 0 };
        Ok(Self { link, sockets, control, value, description: XdpDescription { first, ..own } })
    }

    /// Puts the socket of a queue into its place.
    ///
    /// # Errors
    /// Those of bpf(2).
    pub(super) fn put(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        let place = self.description.first.saturating_add(queue);
        bpf::put_socket(self.sockets.as_fd(), place, socket)
    }

    /// Has the program hand frames to the sockets of this server.
    pub(super) fn begin(&self) {
        self.value.set(self.own_value());
    }

    /// Has the program pass all frames to the kernel, unless another server has begun. Those that
    /// it has taken before arrive within [`ON_THE_WAY`].
    pub(super) fn end(&self) {
        if self.value.get() == self.own_value() {
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
