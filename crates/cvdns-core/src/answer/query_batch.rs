//! Queries that are read ahead of their answers.

use std::net::IpAddr;

use super::parsed_query::ParsedQuery;
use crate::geo::client_table::Sought;
use crate::snapshot::Snapshot;

/// The queries of a batch. Each step is taken for all of them before the next: when the processor waits for the memory that
/// one query needs, it has already asked for what the next ones do.
#[derive(Debug, Clone, Default)]
pub(super) struct QueryBatch {
    /// Some are of an earlier, larger batch.
    queries: Vec<ParsedQuery>,
    /// How many are of this batch.
    count: usize,
    sought: Sought,
}

impl QueryBatch {
    /// Reads the queries of a batch; none stands for what is no query. Room is taken once, for the largest batch.
    pub(super) fn read<'q>(
        &mut self,
        snapshot: &Snapshot,
        queries: impl Iterator<Item = Option<(&'q [u8], IpAddr)>>,
    ) {
        self.count = 0;
        for query in queries {
            if self.queries.len() == self.count {
                self.queries.push(ParsedQuery::nothing());
            }
            match (self.queries.get_mut(self.count), query) {
                (Some(parsed), Some((message, source))) => parsed.read(snapshot, message, source),
                (Some(parsed), None) => parsed.forget(),
                (None, _) => {}
            }
            self.count += 1;
        }
        let parsed = self.queries.get_mut(..self.count).unwrap_or_default();
        for parsed in &mut *parsed {
            parsed.probe(snapshot);
        }
        for parsed in parsed {
            parsed.find(snapshot);
        }
        self.place_clients(snapshot);
    }

    /// The query of this number.
    pub(super) fn get(&self, number: usize) -> Option<&ParsedQuery> {
        self.queries.get(..self.count)?.get(number)
    }

    /// Looks up the clients on whom answers depend, all in one plan. Those of another are looked up when their answer is decided.
    fn place_clients(&mut self, snapshot: &Snapshot) {
        self.sought.clear();
        let mut plan = None;
        for (number, parsed) in self.queries.iter().take(self.count).enumerate() {
            let asks = parsed.look_ahead(snapshot);
            if asks.is_some_and(|asks| asks == *plan.get_or_insert(asks)) {
                self.sought.push(number, parsed.client.address);
            }
        }
        let Some((plan, clients)) =
            plan.and_then(|plan| Some((plan, snapshot.static_data.clients(plan)?)))
        else {
            return;
        };
        clients.get_all(&mut self.sought);
        for (number, place) in self.sought.found() {
            if let Some(parsed) = self.queries.get_mut(number) {
                parsed.client.placed = Some((plan, place));
            }
        }
    }
}
