//! A server of hickory with the handler, over TCP.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use cvdns_core::snapshot::Snapshot;
use cvdns_hickory::AuthoritativeHandler;
use hickory_server::Server;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use super::judge::Parsed;

const PATIENCE: Duration = Duration::from_secs(60);

/// Asks a server with this snapshot.
pub fn ask(snapshot: Snapshot, query: &[u8]) -> Parsed {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let listener = listener.expect("a socket");
    let address = listener.local_addr().expect("an address");
    let newest = Arc::new(ArcSwap::from_pointee(snapshot));
    let server = runtime.block_on(async {
        let mut server = Server::new(AuthoritativeHandler::new(newest, 0));
        server.register_listener(listener, PATIENCE, 32);
        server
    });
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let length = (query.len() as u16).to_be_bytes();
    stream.write_all(&[&length, query].concat()).expect("a query sent");
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("a length");
    let mut octets = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut octets).expect("an answer");
    drop(server);
    Parsed::of(&octets)
}
