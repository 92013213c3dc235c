//! Messages between two processes over a Unix socket, with open descriptors and a deadline.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// A connection whose messages may carry descriptors (`SCM_RIGHTS`, unix(7)).
///
/// A message is a head of 8 octets (its length and the number of descriptors, as 32-bit integers in
/// network order) and its octets. The descriptors come with the head.
#[derive(Debug)]
pub struct DescriptorChannel {
    stream: UnixStream,
    deadline: Instant,
}

/// Most descriptors of one message. Linux allows 253 (`SCM_MAX_FD`).
pub const MAX_DESCRIPTORS: usize = 128;

/// Most octets of a message. The counters of ten thousand mirrors take a few megabytes.
const MAX_MESSAGE: usize = 256 << 20;

/// Octets of a head.
const HEAD: usize = 8;

impl DescriptorChannel {
    /// A channel over a connected socket. Its messages must come within `time`.
    pub fn new(stream: UnixStream, time: Duration) -> Self {
        let mut channel = Self { stream, deadline: Instant::now() };
        channel.allow(time);
        channel
    }

    /// Allows so much time from now on for all further messages together.
    pub fn allow(&mut self, time: Duration) {
        let now = Instant::now();
        self.deadline = now.checked_add(time).unwrap_or(now);
    }

    /// Sends a message with at most [`MAX_DESCRIPTORS`] descriptors.
    ///
    /// # Errors
    /// Those of the system; `TimedOut` after the deadline; `InvalidInput` if the message is too
    /// long or has too many descriptors.
    pub fn send(&mut self, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        if message.len() > MAX_MESSAGE || descriptors.len() > MAX_DESCRIPTORS {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let head = [message.len() as u32, descriptors.len() as u32].map(u32::to_be_bytes).concat();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.stream.set_write_timeout(Some(self.remaining()?))?;
        let sent =
            again(|| sendmsg(&self.stream, &[IoSlice::new(&head)], &mut control, SEND_FLAGS))?;
        self.write(head.get(sent..).unwrap_or_default())?;
        self.write(message)
    }

    /// Receives the next message and its descriptors.
    ///
    /// # Errors
    /// Those of the system; `TimedOut` after the deadline; `UnexpectedEof` if the peer has closed
    /// the connection; `InvalidData` if what came is no message.
    pub fn receive(&mut self) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
        let mut head = [0; HEAD];
        let mut descriptors = Vec::new();
        let mut filled = 0;
        while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            self.stream.set_read_timeout(Some(self.remaining()?))?;
            match receive_with_descriptors(&self.stream, rest, &mut descriptors)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled = filled.saturating_add(count),
            }
        }
        let [l0, l1, l2, l3, c0, c1, c2, c3] = head;
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let count = u32::from_be_bytes([c0, c1, c2, c3]) as usize;
        if length > MAX_MESSAGE || count != descriptors.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut message = Vec::new();
        // Memory is taken as the octets come, not for what the head claims.
        while message.len() < length {
            self.stream.set_read_timeout(Some(self.remaining()?))?;
            let left = length.saturating_sub(message.len()).min(1 << 16);
            let before = message.len();
            (&self.stream).take(left as u64).read_to_end(&mut message).map_err(timed_out)?;
            if message.len() == before {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok((message, descriptors))
    }

    fn write(&self, mut octets: &[u8]) -> io::Result<()> {
        while !octets.is_empty() {
            self.stream.set_write_timeout(Some(self.remaining()?))?;
            match (&self.stream).write(octets) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => octets = octets.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(timed_out(error)),
            }
        }
        Ok(())
    }

    fn remaining(&self) -> io::Result<Duration> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        // A timeout of zero would be none.
        if remaining.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(remaining) }
    }
}

#[cfg(target_os = "linux")]
const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const SEND_FLAGS: SendFlags = SendFlags::empty();

/// No program that this one may start is to have the descriptors.
#[cfg(target_os = "linux")]
const RECEIVE_FLAGS: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(not(target_os = "linux"))]
const RECEIVE_FLAGS: RecvFlags = RecvFlags::empty();

fn receive_with_descriptors(
    stream: &UnixStream,
    octets: &mut [u8],
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        again(|| recvmsg(stream, &mut [IoSliceMut::new(octets)], &mut control, RECEIVE_FLAGS))?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other(
            "not all descriptors could be received: the limit of open files is too low",
        ));
    }
    Ok(received.bytes)
}

/// Repeats a call that a signal has interrupted.
fn again<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return done.map_err(|error| timed_out(error.into())),
        }
    }
}

/// A socket's timeout shows as `WouldBlock`.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    const TIME: Duration = Duration::from_secs(60);

    fn pair() -> [DescriptorChannel; 2] {
        let (one, other) = UnixStream::pair().unwrap();
        [one, other].map(|stream| DescriptorChannel::new(stream, TIME))
    }

    #[test]
    fn messages_come_whole_and_with_their_descriptors() {
        let [mut one, mut other] = pair();
        let sockets: Vec<UdpSocket> =
            (0..MAX_DESCRIPTORS).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let long: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
        let expected = long.clone();
        let addresses: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let sending = std::thread::spawn(move || {
            one.send(b"", &[]).unwrap();
            let all: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
            one.send(&long, &all).unwrap();
            one.send(b"last", &[]).unwrap();
        });
        assert!(other.receive().unwrap().0.is_empty());
        let (message, descriptors) = other.receive().unwrap();
        assert!(message == expected);
        let received = descriptors.into_iter().map(|fd| UdpSocket::from(fd).local_addr().unwrap());
        assert!(received.eq(addresses));
        assert_eq!(other.receive().unwrap().0, b"last");
        sending.join().unwrap();
        assert_eq!(other.receive().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_silent_peer_and_one_that_talks_nonsense_are_given_up() {
        let [_silent, mut other] = pair();
        other.allow(Duration::from_millis(20));
        assert_eq!(other.receive().unwrap_err().kind(), io::ErrorKind::TimedOut);
        let [one, mut other] = pair();
        (&one.stream).write_all(&[255; 8]).unwrap();
        assert_eq!(other.receive().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
