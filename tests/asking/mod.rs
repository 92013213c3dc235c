//! What tests share that ask a snapshot without sockets: loading a configuration, writing queries,
//! and reading answers with `hickory-proto`, which knows nothing of how they were written.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "each test binary uses its own part of it, and fails by panicking"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cvdns::load::{Loaded, load};
use cvdns_core::answer::{Answering, Transport};
use cvdns_core::health::Feed;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::{Now, Snapshot, StaticData, compile};
use hickory_proto::op::Message;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};

use crate::support::packet::{Query, RD};

pub use crate::support::numbers::Numbers;
pub use crate::support::rr::{A, AAAA, TXT};

/// Where the project's own files are.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Loads a configuration that must have nothing wrong with it.
pub fn loaded(config: &Path) -> Loaded {
    let mut problems = Problems::default();
    let loaded = load(config, &mut problems);
    assert!(
        problems.is_empty(),
        "{:#?}",
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    loaded.expect("nothing was wrong")
}

/// Compiles what was loaded, for what this feed requires.
pub fn static_data(loaded: &Loaded, feed: Option<&Feed>) -> Arc<StaticData> {
    let required = feed.map(Feed::requirements).unwrap_or_default();
    let mut problems = Problems::default();
    let static_data = compile(&loaded.inputs, &required, &mut problems);
    assert!(
        problems.is_empty(),
        "{:#?}",
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    Arc::new(static_data.expect("nothing was wrong"))
}

/// The snapshot at a moment.
pub fn snapshot(static_data: &Arc<StaticData>, feed: Option<&Feed>, time: &str) -> Snapshot {
    let now = Now::new(feed, time.parse().unwrap(), Duration::from_secs(3600));
    Snapshot::new(Arc::clone(static_data), &now)
}

/// A query in class IN with RD set, and, with a subnet, with OPT and ECS (RFC 7871 section 6).
pub fn query(name: &str, qtype: u16, subnet: Option<(IpAddr, u8)>) -> Vec<u8> {
    let query = Query::new(name, qtype).flags(RD);
    let query = match subnet {
        Some((address, prefix)) => query.subnet(&format!("{address}/{prefix}")),
        None => query,
    };
    query.build()
}

/// Asks a snapshot.
pub struct Asker<'s> {
    snapshot: &'s Snapshot,
    answering: Answering,
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub message: Message,
    pub length: usize,
}

impl<'s> Asker<'s> {
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Self {
            snapshot,
            answering: Answering::new(1, jiff::Timestamp::now),
            buffer: vec![0; 65_535],
        }
    }

    /// Sends a query of the wire over UDP.
    pub fn send(&mut self, query: &[u8]) -> Answer {
        self.send_by(query, Transport::Udp)
    }

    pub fn send_by(&mut self, query: &[u8], transport: Transport) -> Answer {
        self.send_from(query, transport, IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Sends a query from this address.
    pub fn send_from(&mut self, query: &[u8], transport: Transport, client: IpAddr) -> Answer {
        self.buffer[..query.len()].copy_from_slice(query);
        let length = self
            .answering
            .respond(self.snapshot, &mut self.buffer, query.len(), (client, 4711).into(), transport)
            .expect("an answer");
        Answer { message: Message::from_vec(&self.buffer[..length]).expect("a message"), length }
    }

    pub fn ask(&mut self, name: &str, qtype: u16) -> Answer {
        self.send(&query(name, qtype, None))
    }
}

impl Answer {
    /// The addresses in the answer section, in their order.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let address = |data: &RData| match data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        };
        self.message.answers.iter().filter_map(|record| address(&record.data)).collect()
    }

    /// The strings of the TXT records in the answer section.
    pub fn strings(&self) -> Vec<String> {
        let texts = self.message.answers.iter().filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(&txt.txt_data),
            _ => None,
        });
        texts
            .flat_map(|strings| strings.iter())
            .map(|s| String::from_utf8(s.to_vec()).unwrap())
            .collect()
    }

    /// The client subnet that it says it holds for.
    pub fn subnet(&self) -> Option<&ClientSubnet> {
        match self.message.edns.as_ref()?.option(EdnsCode::Subnet)? {
            EdnsOption::Subnet(subnet) => Some(subnet),
            _ => None,
        }
    }
}

/// The address with every bit behind the prefix cleared.
pub fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    spread(address, prefix, 0)
}

/// An address within the prefix, with the bits of `rest` behind it.
pub fn spread(address: IpAddr, prefix: u8, rest: u128) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
            IpAddr::V4(((address.to_bits() & !host) | (rest as u32 & host)).into())
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
            IpAddr::V6(((address.to_bits() & !host) | (rest & host)).into())
        }
    }
}
