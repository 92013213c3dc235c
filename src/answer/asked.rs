//! A query as far as it can be read before anything is decided.

use std::net::{IpAddr, Ipv4Addr};

use super::decide::{self, Client, Found, find};
use crate::geo::client_table::Seek;
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
    /// Where the look-up of the client goes on, and in which plan's table.
    seek: Option<(u32, Seek)>,
}

impl Asked {
    /// No query.
    pub(super) fn nothing() -> Self {
        let client = Client { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), placed: None };
        Self {
            query: Query::default(),
            reject: Some(Reject::Drop),
            found: Found::Nothing,
            client,
            seek: None,
        }
    }

    /// Reads a message that came from `source`; `name` is scratch room.
    pub(super) fn read(&mut self, snapshot: &Snapshot, message: &[u8], source: IpAddr, name: &mut LowerName) {
        self.reject = self.query.read(message, name, snapshot.frame.settings.ecs).err();
        self.client = Client { address: source, placed: None };
        (self.found, self.seek) = (Found::Nothing, None);
        if self.reject.is_none() && self.query.qclass == class::IN {
            self.found = find(&snapshot.frame, name);
            self.client.address = self.query.subnet().unwrap_or(source);
        }
    }

    /// Begins to look the client up, if the answer is going to depend on it.
    pub(super) fn seek_client(&mut self, snapshot: &Snapshot) {
        let frame = &*snapshot.frame;
        self.seek = decide::asks_for_client(frame, self.found, self.query.qtype)
            .and_then(|plan| Some((plan, frame.clients(plan)?.seek(self.client.address))));
    }

    /// Ends it.
    pub(super) fn place_client(&mut self, snapshot: &Snapshot) {
        let frame = &*snapshot.frame;
        self.client.placed = self
            .seek
            .and_then(|(plan, at)| Some((plan, frame.clients(plan)?.found(self.client.address, at))));
    }
}
