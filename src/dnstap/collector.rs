//! The connection to the collector: a stream of frames over a Unix socket.
//!
//! ```text
//! cvdns                    collector
//! READY        ->
//!              <-          ACCEPT
//! START        ->
//! data         ->
//! STOP         ->
//!              <-          FINISH
//! ```
//!
//! The socket never blocks: each wait has an end, and notices that the server stops.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, SockAddr, Socket, Type};

use super::frames::{CONTROL_HEAD, ControlFrame, ControlKind, FrameError};
use super::stop::Stop;

/// A collector that takes dnstap.
#[derive(Debug)]
pub(super) struct Collector {
    stream: UnixStream,
    stop: Stop,
}

/// Why there is no collector, or none any more.
#[derive(Debug)]
pub(super) enum CollectorError {
    /// The system cannot connect, read or write.
    System(io::Error),
    /// The path is that of something else than a socket.
    NoSocket,
    /// Nobody listens at the socket.
    Refused,
    /// The collector closed the connection.
    Closed,
    /// The collector did not answer in time.
    Silent,
    /// What the collector sends is not a control frame.
    Frame(FrameError),
    /// The collector sends this where something else was expected.
    Unexpected(ControlKind),
    /// The collector sends something while it should only read.
    OutOfTurn,
    /// The collector takes other content than dnstap.
    OtherContent,
}

/// A write that failed.
#[derive(Debug)]
pub(super) struct Unwritten {
    /// Octets that the kernel took before.
    pub(super) written: usize,
    pub(super) error: CollectorError,
}

/// How long a collector may take to answer, in all.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The longest wait without a look at whether the server stops.
const LOOK: Duration = Duration::from_millis(100);

impl Collector {
    /// Connects to the socket at this path, and agrees on dnstap.
    ///
    /// # Errors
    /// Why that failed. A collector has [`HANDSHAKE`] for all of it.
    pub(super) fn connect(path: &Path, stop: Stop) -> Result<Self, CollectorError> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // Otherwise connecting would wait for a collector that accepts nobody.
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?).map_err(|error| Self::unconnected(path, error))?;
        let mut collector = Self { stream: socket.into(), stop };
        let now = Instant::now();
        let deadline = now.checked_add(HANDSHAKE).unwrap_or(now);
        collector.say(&ControlFrame::of_dnstap(ControlKind::Ready), deadline)?;
        let mut room = Vec::new();
        let frame = collector.hear(&mut room, deadline)?;
        match frame.kind {
            ControlKind::Accept if frame.takes_dnstap() => {}
            ControlKind::Accept => return Err(CollectorError::OtherContent),
            kind => return Err(CollectorError::Unexpected(kind)),
        }
        collector.say(&ControlFrame::of_dnstap(ControlKind::Start), deadline)?;
        Ok(collector)
    }

    /// Why connecting failed. The system refuses what is no socket as if nobody listened.
    fn unconnected(path: &Path, error: io::Error) -> CollectorError {
        let is_other = |metadata: std::fs::Metadata| !metadata.file_type().is_socket();
        match error.kind() {
            ErrorKind::ConnectionRefused if path.metadata().is_ok_and(is_other) => {
                CollectorError::NoSocket
            }
            ErrorKind::ConnectionRefused => CollectorError::Refused,
            _ => error.into(),
        }
    }

    /// Writes frames, however long the collector takes, as long as the server goes on. Again and
    /// again while it waits, it calls `meanwhile`.
    ///
    /// # Errors
    /// Why not all were written.
    pub(super) fn write(
        &mut self,
        frames: &[u8],
        mut meanwhile: impl FnMut(),
    ) -> Result<(), Unwritten> {
        self.write_until(frames, None, &mut meanwhile)
    }

    /// Whether the collector is still there.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn check(&mut self) -> Result<(), CollectorError> {
        let mut octet = [0];
        match self.stream.read(&mut octet) {
            Ok(0) => Err(CollectorError::Closed),
            Ok(_) => Err(CollectorError::OutOfTurn),
            Err(error) if is_transient(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the stream, and waits until the collector has all of it or the server's time is up.
    ///
    /// # Errors
    /// Why the collector may not have all.
    pub(super) fn finish(mut self) -> Result<(), CollectorError> {
        let now = Instant::now();
        let deadline = now.checked_add(HANDSHAKE).unwrap_or(now);
        self.say(&ControlFrame::bare(ControlKind::Stop), deadline)?;
        let mut room = Vec::new();
        match self.hear(&mut room, deadline)?.kind {
            ControlKind::Finish => Ok(()),
            kind => Err(CollectorError::Unexpected(kind)),
        }
    }

    fn say(&mut self, frame: &ControlFrame<'_>, deadline: Instant) -> Result<(), CollectorError> {
        let written = self.write_until(&frame.octets(), Some(deadline), &mut || {});
        written.map_err(|unwritten| unwritten.error)
    }

    /// Reads a control frame, and no octet more.
    fn hear<'r>(
        &mut self,
        room: &'r mut Vec<u8>,
        deadline: Instant,
    ) -> Result<ControlFrame<'r>, CollectorError> {
        let mut head = [0; CONTROL_HEAD];
        self.read_until(&mut head, deadline)?;
        room.resize(ControlFrame::length(head)?, 0);
        self.read_until(room, deadline)?;
        Ok(ControlFrame::parse(room)?)
    }

    fn read_until(&mut self, mut room: &mut [u8], deadline: Instant) -> Result<(), CollectorError> {
        while !room.is_empty() {
            match self.stream.read(room) {
                Ok(0) => return Err(CollectorError::Closed),
                Ok(count) => room = room.get_mut(count..).unwrap_or_default(),
                Err(error) if is_transient(&error) => {
                    self.wait(PollFlags::IN, Some(deadline), &mut || {})?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn write_until(
        &mut self,
        octets: &[u8],
        deadline: Option<Instant>,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<(), Unwritten> {
        let mut written = 0;
        while let Some(rest) = octets.get(written..).filter(|rest| !rest.is_empty()) {
            let result = match self.stream.write(rest) {
                Ok(0) => Err(CollectorError::Closed),
                Ok(count) => {
                    written = written.saturating_add(count);
                    Ok(())
                }
                Err(error) if is_transient(&error) => {
                    self.wait(PollFlags::OUT, deadline, meanwhile)
                }
                Err(error) => Err(error.into()),
            };
            result.map_err(|error| Unwritten { written, error })?;
        }
        Ok(())
    }

    /// Waits until the socket may be ready.
    fn wait(
        &self,
        flags: PollFlags,
        deadline: Option<Instant>,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<(), CollectorError> {
        loop {
            meanwhile();
            let now = Instant::now();
            let end = deadline.into_iter().chain(self.stop.deadline()).min();
            let left = end.map_or(LOOK, |end| end.saturating_duration_since(now));
            if left.is_zero() {
                return Err(CollectorError::Silent);
            }
            let time = Timespec::try_from(left.min(LOOK)).ok();
            match poll(&mut [PollFd::new(&self.stream, flags)], time.as_ref()) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(CollectorError::System(error.into())),
            }
        }
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

impl From<io::Error> for CollectorError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::System(error),
        }
    }
}

impl From<FrameError> for CollectorError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl fmt::Display for CollectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A Unix socket accepts at once or not at all.
            Self::System(error) if error.kind() == ErrorKind::WouldBlock => {
                f.write_str("it accepts no connection")
            }
            Self::System(error) => error.fmt(f),
            Self::NoSocket => f.write_str("it is no socket"),
            Self::Refused => f.write_str("nobody listens there"),
            Self::Closed => f.write_str("it closed the connection"),
            Self::Silent => f.write_str("it does not answer"),
            Self::Frame(error) => error.fmt(f),
            Self::Unexpected(kind) => write!(f, "it sends the control frame {kind:?} out of turn"),
            Self::OutOfTurn => f.write_str("it sends something while it should read"),
            Self::OtherContent => f.write_str("it takes other content than protobuf:dnstap.Dnstap"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::dnstap::frames::MAX_CONTROL;
    use std::os::unix::net::UnixListener;

    /// What a server says of a collector that sends these octets, and closes its side.
    fn met_with(octets: &[u8]) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let octets = octets.to_vec();
        let collector = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // The server may have had enough.
            let _ = stream.write_all(&octets);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let said = match Collector::connect(&path, Stop::default()) {
            Ok(collector) => {
                collector.finish().map_or_else(|error| error.to_string(), |()| String::new())
            }
            Err(error) => error.to_string(),
        };
        collector.join().unwrap();
        said
    }

    fn frame(kind: ControlKind) -> Vec<u8> {
        ControlFrame::of_dnstap(kind).octets()
    }

    #[test]
    fn collectors_that_do_not_keep_to_the_protocol_are_left() {
        let accept = frame(ControlKind::Accept);
        let [bare_accept, finish] = [ControlKind::Accept, ControlKind::Finish]
            .map(|kind| ControlFrame::bare(kind).octets());
        let other =
            ControlFrame { kind: ControlKind::Accept, content_types: vec![b"other"] }.octets();
        let long = [&[0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1][..], &[0; MAX_CONTROL]].concat();
        let closed = "it closed the connection";
        for (octets, expected) in [
            (vec![], closed),
            (accept[..20].to_vec(), closed),
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "it sends 1195725856 octets of data where"),
            ([vec![0; 4], vec![255; 4]].concat(), "it sends a control frame of 4294967295 octets"),
            ([vec![0; 4], vec![0; 4]].concat(), "it sends a control frame of 0 octets"),
            (
                [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 9].to_vec(),
                "it sends a control frame of the unknown",
            ),
            (long, "it sends a control frame with malformed fields"),
            (other, "it takes other content than"),
            (finish.clone(), "it sends the control frame Finish out of turn"),
            (frame(ControlKind::Ready), "it sends the control frame Ready out of turn"),
            (accept.clone(), closed),
            (
                [accept.clone(), accept.clone()].concat(),
                "it sends the control frame Accept out of turn",
            ),
            ([accept, finish.clone()].concat(), ""),
            // A collector that takes anything.
            ([bare_accept, finish].concat(), ""),
        ] {
            let said = met_with(&octets);
            assert!(said.starts_with(expected) && said.is_empty() == expected.is_empty(), "{said}");
        }
    }

    #[test]
    fn sockets_without_a_collector_say_why() {
        let directory = tempfile::tempdir().unwrap();
        let of = |name: &str| {
            let failure = Collector::connect(&directory.path().join(name), Stop::default());
            failure.err().unwrap().to_string()
        };
        assert!(of("none").contains("No such file"), "{}", of("none"));
        std::fs::write(directory.path().join("file"), "").unwrap();
        assert_eq!(of("file"), "it is no socket");
        let long = "x".repeat(200);
        assert!(!of(&long).is_empty());
        // Nobody accepts, and the queue of the socket is full.
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let path = directory.path().join("full");
        socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        socket.listen(0).unwrap();
        let _first = UnixStream::connect(&path).unwrap();
        assert_eq!(of("full"), "it accepts no connection");
    }

    #[test]
    fn a_stop_ends_each_wait() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let _listener = UnixListener::bind(&path).unwrap();
        let stop = Stop::default();
        stop.within(Duration::ZERO);
        let silent = Collector::connect(&path, stop.clone()).err().unwrap();
        assert_eq!(silent.to_string(), "it does not answer");
        let (stream, _other) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut collector = Collector { stream, stop };
        let Unwritten { written, error } = collector.write(&vec![0; 1 << 22], || ()).unwrap_err();
        assert!(written > 0 && written < 1 << 22, "{written}");
        assert!(matches!(error, CollectorError::Silent), "{error}");
    }
}
