//! What a live server answers, beside what it is expected to.

use serde::Serialize;

use super::asking::Server;
use super::packet::Answer;
use cvdns_core::decision::{Outcome, Trail, decide_apart};
use cvdns_core::explain::{ExplainQuery, line};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::dynamic_data::{A_SIZE, AAAA_SIZE, WindowSet};

/// A server's answer, and what is different about it.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    /// The server, as it was named.
    name: String,
    /// What it answers; none: nothing.
    answer: Option<Answer>,
    /// In what it differs; empty: it does not.
    differences: Vec<String>,
}

impl Comparison {
    /// Compares. Windows take turns: that another one comes is no difference.
    pub(super) fn of(
        snapshot: &Snapshot,
        inquiry: &ExplainQuery<'_>,
        ours: &Answer,
        theirs: Answer,
        server: &Server,
    ) -> Self {
        let mut differences = Vec::new();
        let mut differ = |what: &str, expected: &str, found: &str| {
            differences.push(format!("{what}: {found}, expected {expected}"));
        };
        if ours.rcode != theirs.rcode {
            differ("RCODE", &ours.rcode, &theirs.rcode);
        }
        if ours.scope != theirs.scope {
            let words =
                |scope: Option<u8>| scope.map_or("none".to_owned(), |scope| format!("/{scope}"));
            differ("scope", &words(ours.scope), &words(theirs.scope));
        }
        if ours.ttls.iter().max() != theirs.ttls.iter().max() {
            let words = |ttls: &[u32]| {
                ttls.iter().max().map_or("none".to_owned(), |ttl| format!("{ttl} s"))
            };
            differ("TTL", &words(&ours.ttls), &words(&theirs.ttls));
        }
        let drawn = windows(snapshot, inquiry).filter(|_| !theirs.records.is_empty());
        let expected = match drawn {
            Some((set, size)) if is_window(set, size, &theirs.addresses) => None,
            Some(_) => Some("one of the windows of this yield".to_owned()),
            None if sorted(&ours.records) == sorted(&theirs.records) => None,
            None => Some(words(&ours.records)),
        };
        if let Some(expected) = expected {
            differ("records", &expected, &words(&theirs.records));
        }
        // What is behind an answer is some servers' habit; of a negative one or a referral it is the point.
        if ours.records.is_empty() && sorted(&ours.authority) != sorted(&theirs.authority) {
            differ("authority", &words(&ours.authority), &words(&theirs.authority));
        }
        Self { name: server.name.clone(), answer: Some(theirs), differences }
    }

    /// A server that gives no answer.
    pub(super) fn failed(server: &Server, why: String) -> Self {
        Self { name: server.name.clone(), answer: None, differences: vec![why] }
    }

    /// Whether the server answers otherwise.
    pub(super) fn differs(&self) -> bool {
        !self.differences.is_empty()
    }

    /// `same` or `differs`.
    pub(super) fn word(&self) -> &'static str {
        match (&self.answer, self.differs()) {
            (None, _) => "no answer",
            (_, true) => "differs",
            (_, false) => "same",
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        if !self.differs() {
            return line("server", &format!("{} answers the same", self.name));
        }
        let lines = self.differences.iter().map(|difference| line("", difference));
        line("server", &format!("{} answers otherwise", self.name)) + &lines.collect::<String>()
    }
}

/// The windows of the answer, and octets of a record; none: it has none.
fn windows<'s>(
    snapshot: &'s Snapshot,
    inquiry: &ExplainQuery<'_>,
) -> Option<(&'s WindowSet, usize)> {
    let ExplainQuery { name, qtype, client: asker, .. } = *inquiry;
    match decide_apart(snapshot, name, qtype, asker.address, &mut Trail::default()).outcome {
        Outcome::Pool { answer, ipv6, .. } => {
            Some((answer.windows(ipv6), if ipv6 { AAAA_SIZE } else { A_SIZE }))
        }
        _ => None,
    }
}

/// Whether these addresses, in this order, are one of the windows.
fn is_window(set: &WindowSet, size: usize, addresses: &[Vec<u8>]) -> bool {
    (0..set.count as usize).any(|number| {
        let records = set.numbered(number).chunks_exact(size);
        records.filter_map(|record| record.get(12..)).eq(addresses.iter().map(Vec::as_slice))
    })
}

fn words(records: &[String]) -> String {
    if records.is_empty() { "none".to_owned() } else { records.join(", ") }
}

fn sorted(records: &[String]) -> Vec<&String> {
    let mut sorted: Vec<&String> = records.iter().collect();
    sorted.sort_unstable();
    sorted
}
