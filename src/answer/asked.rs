//! A query as far as it can be read before anything is decided.

use std::net::IpAddr;

use super::decide::{self, Client, Found, find};
use crate::snapshot::Snapshot;
use crate::wire::class;
use crate::wire::lower::LowerName;
use crate::wire::query::{Query, Reject};

/// A query that was read, and where its name and its client stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub query: Result<Query, Reject>,
    /// Where the name stands, in class IN.
    pub found: Found,
    pub client: Client,
}

impl Asked {
    /// Reads a message that came from `source`; `name` is scratch room.
    pub(super) fn read(snapshot: &Snapshot, message: &[u8], source: IpAddr, name: &mut LowerName) -> Self {
        let query = Query::parse(message, name, snapshot.frame.settings.ecs);
        let found = match &query {
            Ok(query) if query.qclass == class::IN => find(&snapshot.frame, name),
            _ => Found::Nothing,
        };
        let subnet = query.ok().and_then(|query| query.subnet());
        Self { query, found, client: Client { address: subnet.unwrap_or(source), placed: None } }
    }

    /// Looks the client up if the answer is going to depend on it.
    pub(super) fn place(&mut self, snapshot: &Snapshot) {
        let Ok(query) = &self.query else { return };
        let frame = &*snapshot.frame;
        self.client.placed = decide::asks_for_client(frame, self.found, query.qtype)
            .map(|plan| (plan, decide::place_in(frame, plan, self.client.address)));
    }
}
