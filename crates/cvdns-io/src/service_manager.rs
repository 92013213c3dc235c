//! What a service manager is told, and the sockets that it hands over: the protocols of systemd
//! (`sd_notify(3)`, `sd_listen_fds(3)`, "File Descriptor Store"), which others speak as well.

use std::env;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use listenfd::ListenFd;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::time::{ClockId, clock_gettime};

/// The service manager that started this process, if one did.
#[derive(Debug, Default)]
pub struct ServiceManager {
    /// Connected to `NOTIFY_SOCKET`; `None` if the manager wants to know nothing.
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
    /// Descriptors that it keeps at most (`FDSTORE`), if it says so (systemd 254).
    store: Option<usize>,
}

/// How long a message may wait for a manager that does not read.
const SEND_TIMEOUT: Duration = Duration::from_millis(100);

/// Most sockets that are taken from a manager. systemd's own limit of its store is 4,096.
const MAX_SOCKETS: usize = 4096;

impl ServiceManager {
    /// The manager that the environment names.
    ///
    /// # Errors
    /// When its socket cannot be reached.
    pub fn from_environment() -> io::Result<Self> {
        let Some(path) = env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()) else {
            return Ok(Self::default());
        };
        let socket = UnixDatagram::unbound()?;
        connect(&socket, &path)?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let is_own = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|time| *time > 0 && is_own);
        Ok(Self {
            socket: Some(socket),
            watchdog: watchdog.map(Duration::from_micros),
            store: number("FDSTORE").and_then(|most| usize::try_from(most).ok()),
        })
    }

    /// The time within which the manager wants to hear of the process again and again; it restarts
    /// it otherwise.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Most descriptors that the manager stores. It may be told to store more, and ignores them.
    /// 0 without a manager.
    pub fn store_size(&self) -> usize {
        if self.socket.is_some() { self.store.unwrap_or(usize::MAX) } else { 0 }
    }

    /// Tells the manager these assignments, a line for each (`sd_notify(3)`).
    ///
    /// # Errors
    /// When the manager does not read, or is gone. The process goes on nevertheless.
    pub fn tell(&self, assignments: &str) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        socket.send(assignments.as_bytes()).map(drop)
    }

    /// Tells the manager that a reload begins. It ends with `READY=1`.
    ///
    /// # Errors
    /// As of [`Self::tell`].
    pub fn tell_reloading(&self) -> io::Result<()> {
        let now = clock_gettime(ClockId::Monotonic);
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        let microseconds = u64::try_from(now.tv_nsec).unwrap_or_default() / 1000;
        let moment = seconds.saturating_mul(1_000_000).saturating_add(microseconds);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={moment}"))
    }

    /// Has the manager keep a descriptor for the next start, under a name without colons. What it
    /// has already is not stored twice.
    ///
    /// # Errors
    /// As of [`Self::tell`].
    pub fn store(&self, name: &str, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        // Without `FDPOLL=0`, systemd forgets a socket on which an error waits.
        let message = format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [descriptor];
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let text = IoSlice::new(message.as_bytes());
        sendmsg(socket.as_fd(), &[text], &mut control, SendFlags::empty())?;
        Ok(())
    }

    /// Has the manager forget the descriptors of this name.
    ///
    /// # Errors
    /// As of [`Self::tell`].
    pub fn forget(&self, name: &str) -> io::Result<()> {
        self.tell(&format!("FDSTOREREMOVE=1\nFDNAME={name}"))
    }
}

/// What a manager hands over at the start.
#[derive(Debug, Default)]
pub struct HandedOver {
    /// Sockets, each with its name, which is empty if it has none.
    pub sockets: Vec<(String, OwnedFd)>,
    /// Descriptors that are no sockets of UDP or TCP, with their names.
    pub others: Vec<String>,
    /// Why nothing could be taken; `None` if it could.
    pub complaint: Option<String>,
}

/// The first descriptor that a manager passes (`SD_LISTEN_FDS_START`).
const FIRST: usize = 3;

/// What the manager hands over at the start.
///
/// Call this before the first thread is started, and once: it takes the variables out of the
/// environment.
pub fn handed_over() -> HandedOver {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    // Without `LISTEN_PID`, the variables may be those of the process that started this one.
    let is_own = number("LISTEN_PID") == usize::try_from(std::process::id()).ok();
    let Some(text) = env::var("LISTEN_FDS").ok().filter(|_| is_own) else {
        return HandedOver::default();
    };
    let Some(count) = number("LISTEN_FDS").filter(|count| *count <= MAX_SOCKETS) else {
        let what = format!("LISTEN_FDS is {text:?}, and no number from 0 to {MAX_SOCKETS}");
        return HandedOver { complaint: Some(what), ..HandedOver::default() };
    };
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut handed_over = ListenFd::from_env();
    let (mut sockets, mut others) = (Vec::new(), Vec::new());
    for place in 0..count {
        let name = names.next().unwrap_or_default().to_owned();
        let udp = handed_over.take_udp_socket(place).ok().flatten().map(OwnedFd::from);
        let tcp = || handed_over.take_tcp_listener(place).ok().flatten().map(OwnedFd::from);
        match udp.or_else(tcp) {
            Some(socket) => sockets.push((name, socket)),
            None if name.is_empty() => others.push((FIRST + place).to_string()),
            None => others.push(format!("{} ({name:?})", FIRST + place)),
        }
    }
    HandedOver { sockets, others, complaint: None }
}

fn connect(socket: &UnixDatagram, path: &std::ffi::OsStr) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::net::SocketAddr;

        if let Some(name) = path.as_bytes().strip_prefix(b"@") {
            return socket.connect_addr(&SocketAddr::from_abstract_name(name)?);
        }
    }
    socket.connect(path)
}
