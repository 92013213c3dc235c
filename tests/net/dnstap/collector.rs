//! A collector of the tests' own: it reads or not, as a test wants. What it knows of frames is
//! written here a second time.

use super::support;

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use support::PATIENCE;

/// A listening collector.
pub(super) struct Collector(UnixListener);

/// An accepted server.
pub(super) struct Server(UnixStream);

/// A frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Control(Vec<u8>),
    Data(Vec<u8>),
}

const CONTENT: &[u8] = b"\0\0\0\x01\0\0\0\x16protobuf:dnstap.Dnstap";
const ACCEPT: u8 = 1;
const START: u8 = 2;
const STOP: u8 = 3;
const READY: u8 = 4;
const FINISH: u8 = 5;

/// The frame that says STOP.
fn stop() -> Frame {
    Frame::Control(vec![0, 0, 0, STOP])
}

/// A control frame with its head.
fn control(kind: u8, fields: &[u8]) -> Vec<u8> {
    let length = u32::try_from(4 + fields.len()).expect("short");
    [&[0; 4][..], &length.to_be_bytes(), &[0, 0, 0, kind], fields].concat()
}

/// The frame that says ACCEPT.
fn accept() -> Vec<u8> {
    control(ACCEPT, CONTENT)
}

/// The frame that says FINISH.
pub(super) fn finish() -> Vec<u8> {
    control(FINISH, b"")
}

impl Collector {
    /// Listens at this path, in the place of whoever listened before.
    pub(super) fn listen(path: &Path) -> Self {
        let _ = std::fs::remove_file(path);
        Self(UnixListener::bind(path).expect("a socket"))
    }

    /// Accepts the server and hears READY.
    pub(super) fn accept(&self) -> Server {
        let (stream, _) = self.0.accept().expect("a server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut server = Server(stream);
        assert_eq!(server.frame(), Some(Frame::Control([&[0, 0, 0, READY], CONTENT].concat())));
        server
    }

    /// Accepts the server and agrees on dnstap. A server that waited here for too long has gone,
    /// and comes again.
    pub(super) fn agree(&self) -> Server {
        loop {
            let mut server = self.accept();
            server.say(&accept());
            if let Some(frame) = server.frame() {
                assert_eq!(frame, Frame::Control([&[0, 0, 0, START], CONTENT].concat()));
                return server;
            }
        }
    }
}

impl Server {
    /// Sends octets. The server may have closed the connection.
    pub(super) fn say(&mut self, octets: &[u8]) {
        let _ = self.0.write_all(octets);
    }

    /// The next frame; `None` when the server closes the connection.
    pub(super) fn frame(&mut self) -> Option<Frame> {
        let mut number = [0; 4];
        self.0.read_exact(&mut number).ok()?;
        let is_control = number == [0; 4];
        if is_control {
            self.0.read_exact(&mut number).ok()?;
        }
        let mut octets = vec![0; u32::from_be_bytes(number) as usize];
        self.0.read_exact(&mut octets).ok()?;
        Some(if is_control { Frame::Control(octets) } else { Frame::Data(octets) })
    }

    /// The number of messages until STOP, to which it answers.
    pub(super) fn rest(&mut self) -> u64 {
        let mut messages = 0;
        loop {
            match self.frame() {
                Some(Frame::Data(_)) => messages += 1,
                frame => {
                    assert_eq!(frame, Some(stop()));
                    self.say(&finish());
                    return messages;
                }
            }
        }
    }
}
