//! Serves the shipped zone with hickory-server, over UDP and TCP:
//!
//! ```text
//! cargo run -p cvdns-hickory --example serve -- 127.0.0.1:5353 [::1]:5353
//! dig @127.0.0.1 -p 5353 database.clamav.net +subnet=203.0.113.0/24
//! ```
#![allow(clippy::print_stdout, reason = "it tells where it serves")]

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use cvdns::load::{FeedSource, load};
use cvdns_core::health::Feed;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::{Now, Snapshot, compile};
use cvdns_hickory::AuthoritativeHandler;
use hickory_server::Server;
use jiff::Timestamp;
use tokio::net::{TcpListener, UdpSocket};

/// For how long a connection may be idle.
const IDLE: Duration = Duration::from_secs(10);

/// How many answers wait for a client that does not read them.
const WAITING: usize = 32;

/// The shipped zone with its feed. A server follows both, and stores a new snapshot whenever one of
/// them changes.
fn snapshot() -> Result<Snapshot, Box<dyn Error>> {
    let config = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../cvdns.toml"));
    let mut problems = Problems::default();
    let loaded = load(config, &mut problems).ok_or("no configuration")?;
    let source = loaded.feeds.first().and_then(FeedSource::file).ok_or("no feed")?;
    let feed = Feed::parse(&cvdns_io::read_feed(source)?).map_err(|error| error.to_string())?;
    let static_data = compile(&loaded.inputs, &feed.requirements(), &mut problems);
    let static_data = static_data.ok_or_else(|| format!("{problems:?}"))?;
    let max_age = loaded.config.feed.max_age;
    Ok(Snapshot::new(Arc::new(static_data), &Now::new(Some(&feed), Timestamp::now(), max_age)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let newest = Arc::new(ArcSwap::from_pointee(snapshot()?));
    let mut server = Server::new(AuthoritativeHandler::new(newest, 0));
    for address in std::env::args().skip(1) {
        let address: SocketAddr = address.parse()?;
        server.register_socket(UdpSocket::bind(address).await?);
        server.register_listener(TcpListener::bind(address).await?, IDLE, WAITING);
        println!("serving on {address}");
    }
    Ok(server.block_until_done().await?)
}
