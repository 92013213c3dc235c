//! The lower bound: a server that only returns the packets that it receives.

use std::net::{Ipv4Addr, UdpSocket};

use clap::Parser;

use crate::server::{BUFFER, Sandbox, Server, myself};
use crate::system::Batch;

/// The arguments of the reflector's process.
#[derive(Parser)]
pub struct Reflector {
    #[arg(long)]
    address: Ipv4Addr,
    #[arg(long)]
    port: u16,
    /// Octets by which an answer is longer than its query.
    #[arg(long)]
    add: usize,
}

impl Reflector {
    /// Sets QR in every datagram and sends it back, until the process is ended.
    pub fn run(&self) -> ! {
        let socket = UdpSocket::bind((self.address, self.port)).expect("the port");
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

    /// Starts a reflector whose answers are longer than their queries by `add` octets.
    pub fn start(add: usize) -> Server {
        Self::start_in(Sandbox::new(), add)
    }

    /// The same in a sandbox that is given.
    pub fn start_in(sandbox: Sandbox, add: usize) -> Server {
        let mut command = myself("--reflector");
        command.args(["--address", &sandbox.address().to_string()]);
        command.args(["--port", &sandbox.port.to_string(), "--add", &add.to_string()]);
        Server::start("reflector", command, sandbox)
    }
}
