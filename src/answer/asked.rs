//! A query as far as it can be read before anything is decided.

use std::net::{IpAddr, Ipv4Addr};

use super::decide::{self, Client, Found, find};
use crate::snapshot::Snapshot;
use crate::wire::class;
use crate::wire::lower::LowerName;
use crate::wire::query::{Query, Reject};

/// A query that was read, and where its name and its client stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub query: Query,
    /// Why it is not answered as a query.
    pub reject: Option<Reject>,
    /// Where the name stands, in class IN.
    pub found: Found,
    pub client: Client,
}

impl Asked {
    /// No query.
    pub(super) fn nothing() -> Self {
        let client = Client { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), placed: None };
        Self { query: Query::default(), reject: Some(Reject::Drop), found: Found::Nothing, client }
    }

    /// Reads a message that came from `source`; `name` is scratch room.
    pub(super) fn read(&mut self, snapshot: &Snapshot, message: &[u8], source: IpAddr, name: &mut LowerName) {
        self.reject = self.query.read(message, name, snapshot.frame.settings.ecs).err();
        self.client = Client { address: source, placed: None };
        self.found = Found::Nothing;
        if self.reject.is_none() && self.query.qclass == class::IN {
            self.found = find(&snapshot.frame, name);
            self.client.address = self.query.subnet().unwrap_or(source);
        }
    }

    /// The plan in whose table the client must be looked up, when the question's own name needs that.
    pub(super) fn asks_for_client(&self, snapshot: &Snapshot) -> Option<u32> {
        decide::asks_for_client(&snapshot.frame, self.found, self.query.qtype)
    }
}
