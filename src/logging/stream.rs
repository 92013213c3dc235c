//! The log's stream: standard error, or a file.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, write};

/// Most octets of a sample, and of lines that are written together. A pipe takes this many in one
/// piece or not at all (`PIPE_BUF`, pipe(7)), and one page of it is enough.
pub const MAX_PIECE: usize = 4096;

/// A stream, written without the lock of the standard library. Each piece is one write, which the
/// system does not mix with others.
#[derive(Debug)]
pub(super) struct LogStream {
    descriptor: Descriptor,
    /// Octets that may wait in a pipe before samples are dropped; `None` if this is no pipe.
    room: Option<u64>,
}

#[derive(Debug)]
enum Descriptor {
    /// Stays open as long as the process runs.
    Standard(BorrowedFd<'static>),
    /// Is closed with the stream.
    File(OwnedFd),
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Standard(descriptor) => *descriptor,
            Self::File(descriptor) => descriptor.as_fd(),
        }
    }
}

/// The error of a piece that was not written, or not as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartialWrite {
    /// Octets that were written.
    pub(super) written: usize,
}

/// How long to wait at a time for a stream that returns at once (`O_NONBLOCK`, which any process
/// that shares the stream may set).
const POLL_INTERVAL: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

impl LogStream {
    /// Standard error.
    pub(super) fn stderr() -> Self {
        Self::new(rustix::stdio::stderr())
    }

    pub(super) fn new(descriptor: BorrowedFd<'static>) -> Self {
        Self { descriptor: Descriptor::Standard(descriptor), room: room(descriptor) }
    }

    /// A file, opened for lines at its end.
    pub(super) fn file(file: File) -> Self {
        let descriptor = OwnedFd::from(file);
        let room = room(descriptor.as_fd());
        Self { descriptor: Descriptor::File(descriptor), room }
    }

    /// Writes the whole piece, however long the stream takes.
    ///
    /// # Errors
    /// When the system refuses to write.
    pub(super) fn write(&self, piece: &[u8]) -> Result<(), PartialWrite> {
        let mut written = 0;
        while let Some(rest) = piece.get(written..).filter(|rest| !rest.is_empty()) {
            match write(&self.descriptor, rest) {
                Ok(0) => return Err(PartialWrite { written }),
                Ok(more) => written += more,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let mut asked = [PollFd::new(&self.descriptor, PollFlags::OUT)];
                    // The next write shows whether there is room.
                    let _ = poll(&mut asked, Some(&POLL_INTERVAL));
                }
                Err(_) => return Err(PartialWrite { written }),
            }
        }
        Ok(())
    }

    /// Whether there is room for a sample, and for lines of the log after it.
    pub(super) fn has_room(&self) -> bool {
        if self.room.is_some_and(|room| {
            ioctl_fionread(&self.descriptor).is_ok_and(|waiting| waiting > room)
        }) {
            return false;
        }
        let mut asked = [PollFd::new(&self.descriptor, PollFlags::OUT)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut asked, Some(&at_once)) == Ok(1)
            && asked.iter().all(|fd| fd.revents() == PollFlags::OUT)
    }
}

/// A quarter of a pipe's octets. Each write takes whole pages of the pipe, and two neighbours are
/// more than half full together, so that a quarter of the octets takes at most half of the pages.
#[cfg(target_os = "linux")]
fn room(descriptor: BorrowedFd<'_>) -> Option<u64> {
    rustix::pipe::fcntl_getpipe_size(descriptor).ok().map(|octets| octets as u64 / 4)
}

#[cfg(not(target_os = "linux"))]
fn room(_: BorrowedFd<'_>) -> Option<u64> {
    None
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};
    use std::os::fd::OwnedFd;

    /// The ends of a pipe. The writing end lives as long as the process.
    fn pipe() -> (OwnedFd, &'static OwnedFd) {
        let (reader, writer) = pipe_with(PipeFlags::NONBLOCK).unwrap();
        (reader, Box::leak(Box::new(writer)))
    }

    #[test]
    fn half_of_a_pipe_is_left() {
        for length in [2, 100, 2_049, MAX_PIECE] {
            let (reader, writer) = pipe();
            let stream = LogStream::new(writer.as_fd());
            let line = "x".repeat(length);
            let lines = (0..1 << 20)
                .take_while(|_| stream.has_room() && stream.write(line.as_bytes()).is_ok())
                .count();
            assert!(lines > 0 && !stream.has_room());
            let other = vec![b'y'; MAX_PIECE];
            let others =
                std::iter::repeat_with(|| write(writer, &other)).take_while(Result::is_ok).count();
            assert!(others >= 7, "{others} pages after {lines} lines of {length}");
            let mut all = vec![0; lines * length];
            rustix::io::read(&reader, &mut all).unwrap();
            assert!(all.iter().all(|octet| *octet == b'x'));
            // There is room again.
            while rustix::io::read(&reader, &mut [0; 8_192]).is_ok() {}
            assert!(stream.has_room());
        }
    }

    #[test]
    fn a_pipe_without_a_reader_is_not_written_to() {
        let (reader, writer) = pipe();
        let stream = LogStream::new(writer.as_fd());
        drop(reader);
        assert!(!stream.has_room());
        assert_eq!(stream.write(b"x"), Err(PartialWrite { written: 0 }));
    }

    #[test]
    fn a_nonblocking_stream_is_waited_for() {
        let (reader, writer) = pipe();
        let stream = LogStream::new(writer.as_fd());
        let writing = std::thread::spawn(move || stream.write(&vec![b'x'; 300_000]));
        let mut found = 0;
        while found < 300_000 {
            found += rustix::io::read(&reader, &mut [0; 8_192]).unwrap_or(0);
        }
        assert_eq!(writing.join().unwrap(), Ok(()));
    }
}
