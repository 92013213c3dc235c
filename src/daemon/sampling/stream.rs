//! The log's stream, for lines that must not hold anything else up.

use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, write};

/// Octets of the longest line, or of lines that are written together. A pipe takes so many in one piece or not at all (`PIPE_BUF`,
/// pipe(7)), and one page of it is enough.
pub(super) const LONGEST: usize = 4096;

/// Standard error. It is written without the lock that the log's own lines take: each is one write, which the system does not mix with
/// others, and who waits here keeps nobody from theirs.
#[derive(Debug)]
pub(super) struct Stream {
    descriptor: BorrowedFd<'static>,
    /// Octets that may wait in it, where it is a pipe.
    room: Option<u64>,
}

/// Why a line was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Stream {
    /// Standard error as it is now.
    pub(super) fn of_log() -> Self {
        Self::new(rustix::stdio::stderr())
    }

    fn new(descriptor: BorrowedFd<'static>) -> Self {
        Self { descriptor, room: room(descriptor) }
    }

    /// Writes a line, or several, if there is room for it and for lines of the log after it.
    ///
    /// # Errors
    /// When there is not, or it cannot be written.
    pub(super) fn write(&self, line: &str) -> Result<(), Full> {
        if line.len() > LONGEST || !self.has_room() {
            return Err(Full);
        }
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match write(self.descriptor, rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                // Nobody is left to be told why.
                Err(_) => return Err(Full),
            }
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        if self.room.is_some_and(|room| ioctl_fionread(self.descriptor).is_ok_and(|waiting| waiting > room)) {
            return false;
        }
        let mut asked = [PollFd::new(&self.descriptor, PollFlags::OUT)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut asked, Some(&at_once)) == Ok(1) && asked.iter().all(|fd| fd.revents() == PollFlags::OUT)
    }
}

/// A quarter of a pipe's octets: lines take whole pages of it, of which two neighbours are more than half full together, so that a
/// quarter of the octets takes at most half of the pages.
#[cfg(target_os = "linux")]
fn room(descriptor: BorrowedFd<'_>) -> Option<u64> {
    rustix::pipe::fcntl_getpipe_size(descriptor).ok().map(|octets| octets as u64 / 4)
}

#[cfg(not(target_os = "linux"))]
fn room(_: BorrowedFd<'_>) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};
    use std::os::fd::{AsFd as _, OwnedFd};

    /// A pipe's ends, whose writing one lives as long as the process.
    fn pipe() -> (OwnedFd, &'static OwnedFd) {
        let (reader, writer) = pipe_with(PipeFlags::NONBLOCK).unwrap();
        (reader, Box::leak(Box::new(writer)))
    }

    #[test]
    fn half_of_a_pipe_is_left() {
        for length in [2, 100, 2_049, LONGEST] {
            let (reader, writer) = pipe();
            let stream = Stream::new(writer.as_fd());
            let line = "x".repeat(length);
            let lines = std::iter::repeat_with(|| stream.write(&line)).take_while(Result::is_ok).count();
            assert!(lines > 0 && stream.write(&line) == Err(Full));
            let other = vec![b'y'; LONGEST];
            let others = std::iter::repeat_with(|| write(writer, &other)).take_while(Result::is_ok).count();
            assert!(others >= 7, "{others} pages after {lines} lines of {length}");
            let mut all = vec![0; lines * length];
            rustix::io::read(&reader, &mut all).unwrap();
            assert!(all.iter().all(|octet| *octet == b'x'));
            // There is room again.
            while rustix::io::read(&reader, &mut [0; 8_192]).is_ok() {}
            assert_eq!(stream.write(&line), Ok(()));
        }
    }

    #[test]
    fn what_is_too_long_or_read_by_nobody_is_not_written() {
        let (reader, writer) = pipe();
        let stream = Stream::new(writer.as_fd());
        assert_eq!(stream.write(&"x".repeat(LONGEST + 1)), Err(Full));
        drop(reader);
        assert_eq!(stream.write("x"), Err(Full));
    }
}
