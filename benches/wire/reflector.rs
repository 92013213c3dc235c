//! The floor: a server that does nothing but let the kernel carry packets.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::process::parent_id;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;

use crate::mmsg::Batch;
use crate::server::{BUFFER, Place, Server, myself};

/// What the reflector's process is told.
#[derive(Parser)]
pub struct Reflector {
    #[arg(long)]
    port: u16,
    /// Octets that an answer has more than its query.
    #[arg(long)]
    add: usize,
    /// The process that started it; when that is gone, so is the reflector.
    #[arg(long)]
    parent: u32,
}

impl Reflector {
    /// Sets QR in every datagram and sends it back, until its parent ends it.
    pub fn run(&self) -> ExitCode {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, self.port)).expect("the port");
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(BUFFER);
        socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
        let mut batch = Batch::new();
        loop {
            let count = batch.receive(&socket, true);
            if count == 0 && parent_id() != self.parent {
                return ExitCode::SUCCESS;
            }
            for slot in 0..count {
                if let Some(flags) = batch.datagram_mut(slot).get_mut(2) {
                    *flags |= 0x80;
                }
            }
            batch.send_back(&socket, count, self.add);
        }
    }

    /// A running reflector whose answers have `add` octets more than their queries.
    pub fn start(add: usize) -> Server {
        let place = Place::new();
        let mut command: Command = myself("--reflector");
        command.args(["--port", &place.port.to_string(), "--add", &add.to_string()]);
        command.args(["--parent", &std::process::id().to_string()]);
        Server::start("reflector", command, place)
    }
}
