//! The floor: a server that does nothing but let the kernel carry packets.

use std::net::{Ipv4Addr, UdpSocket};

use clap::Parser;

use crate::server::{BUFFER, Place, Server, myself};
use crate::system::Batch;

/// What the reflector's process is told.
#[derive(Parser)]
pub struct Reflector {
    #[arg(long)]
    port: u16,
    /// Octets that an answer has more than its query.
    #[arg(long)]
    add: usize,
}

impl Reflector {
    /// Sets QR in every datagram and sends it back, for ever.
    pub fn run(&self) -> ! {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, self.port)).expect("the port");
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(BUFFER);
        let mut batch = Batch::new();
        loop {
            let count = batch.receive(&socket, true);
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
        let mut command = myself("--reflector");
        command.args(["--port", &place.port.to_string(), "--add", &add.to_string()]);
        Server::start("reflector", command, place)
    }
}
