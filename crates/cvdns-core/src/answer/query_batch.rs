//! Queries that are read together, before they are answered.

use std::net::IpAddr;

use super::guard::Guard;
use super::parsed_query::ParsedQuery;
use super::request::Transport;
use crate::geo::client_table::LookupBatch;
use crate::snapshot::Snapshot;

/// The queries of a batch. Each step is taken for all queries before the next step, so that the
/// processor fetches the memory of many queries at once instead of waiting for one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct QueryBatch {
    /// Those beyond `count` are left over from an earlier, larger batch.
    queries: Vec<ParsedQuery>,
    /// Number of queries in this batch.
    count: usize,
    lookups: LookupBatch,
}

impl QueryBatch {
    /// Reads the queries of a batch, which came over UDP; `None` is a message that is not a query.
    /// Memory is allocated only when a batch is larger than all before it.
    pub(super) fn read<'q>(
        &mut self,
        snapshot: &Snapshot,
        guard: &mut Guard,
        queries: impl Iterator<Item = Option<(&'q [u8], IpAddr)>>,
    ) {
        let settings = &snapshot.static_data.settings;
        self.count = 0;
        for query in queries {
            if self.queries.len() == self.count {
                self.queries.push(ParsedQuery::empty());
            }
            match (self.queries.get_mut(self.count), query) {
                (Some(parsed), Some((message, source))) => {
                    parsed.read(snapshot, message, source);
                    guard.look(parsed, settings, source, Transport::Udp);
                }
                (Some(parsed), None) => parsed.clear(),
                (None, _) => {}
            }
            self.count += 1;
        }
        let parsed = self.queries.get_mut(..self.count).unwrap_or_default();
        for parsed in &*parsed {
            guard.fetch(parsed);
        }
        for parsed in &mut *parsed {
            guard.judge(parsed, settings);
            parsed.probe(snapshot);
        }
        for parsed in parsed {
            parsed.find(snapshot);
        }
        self.locate_clients(snapshot);
    }

    /// The query with this number in the batch, from 0.
    pub(super) fn get(&self, number: usize) -> Option<&ParsedQuery> {
        self.queries.get(..self.count)?.get(number)
    }

    /// Locates the clients on which answers depend, together, in the first table that one needs.
    /// Clients that need another table are located when their answer is decided.
    fn locate_clients(&mut self, snapshot: &Snapshot) {
        self.lookups.clear();
        let mut table = None;
        for (number, parsed) in self.queries.iter().take(self.count).enumerate() {
            let asks = parsed.look_ahead(snapshot);
            if asks.is_some_and(|asks| asks == *table.get_or_insert(asks)) {
                self.lookups.push(number, parsed.client.address);
            }
        }
        let Some((table, clients)) =
            table.and_then(|table| Some((table, snapshot.static_data.clients(table)?)))
        else {
            return;
        };
        clients.get_all(&mut self.lookups);
        for (number, place) in self.lookups.results() {
            if let Some(parsed) = self.queries.get_mut(number) {
                parsed.client.placed = Some((table, place));
            }
        }
    }
}
