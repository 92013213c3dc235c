//! Compares the answer of a live server with the expected one.

use serde::Serialize;

use crate::explaining::answer::DecodedAnswer;
use cvdns_core::decision::{Outcome, Trail, decide_by_name};
use cvdns_core::explain::{ExplainQuery, line};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::dynamic_data::{A_SIZE, AAAA_SIZE, WindowSet};

/// The answer of a live server and how it differs.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Comparison {
    /// The server as the command line names it.
    name: String,
    /// The answer; `None` if the server gives none.
    answer: Option<DecodedAnswer>,
    /// The differences; empty if the answers agree.
    differences: Vec<String>,
}

impl Comparison {
    /// Compares two answers, of which the second is that of the server with this name.
    pub(in crate::cli) fn of(
        snapshot: &Snapshot,
        inquiry: &ExplainQuery<'_>,
        ours: &DecodedAnswer,
        theirs: DecodedAnswer,
        name: &str,
    ) -> Self {
        let differences = differences(snapshot, inquiry, ours, &theirs);
        Self { name: name.to_owned(), answer: Some(theirs), differences }
    }

    /// The comparison with a server that gives no answer, and the reason.
    pub(in crate::cli) fn failed(name: &str, reason: String) -> Self {
        Self { name: name.to_owned(), answer: None, differences: vec![reason] }
    }

    /// Whether the answers differ.
    pub(in crate::cli) fn differs(&self) -> bool {
        !self.differences.is_empty()
    }

    /// `same`, `differs` or `no answer`.
    pub(in crate::cli) fn word(&self) -> &'static str {
        match (&self.answer, self.differs()) {
            (None, _) => "no answer",
            (_, true) => "differs",
            (_, false) => "same",
        }
    }

    /// The comparison as text for people.
    pub(in crate::cli) fn text(&self) -> String {
        if !self.differs() {
            return line("server", &format!("{} answers the same", self.name));
        }
        let lines = self.differences.iter().map(|difference| line("", difference));
        line("server", &format!("{} answers differently", self.name)) + &lines.collect::<String>()
    }
}

/// How the answer of a server differs from the expected one; empty if they agree. Windows of
/// addresses rotate, so another window of the same answer is no difference.
pub(in crate::cli) fn differences(
    snapshot: &Snapshot,
    inquiry: &ExplainQuery<'_>,
    ours: &DecodedAnswer,
    theirs: &DecodedAnswer,
) -> Vec<String> {
    let mut differences = Vec::new();
    let mut differ = |what: &str, expected: &str, found: &str| {
        differences.push(format!("{what}: {found}, expected {expected}"));
    };
    if ours.rcode != theirs.rcode {
        differ("RCODE", &ours.rcode, &theirs.rcode);
    }
    if ours.scope != theirs.scope {
        let text = |scope: Option<u8>| scope.map_or("none".to_owned(), |scope| format!("/{scope}"));
        differ("scope", &text(ours.scope), &text(theirs.scope));
    }
    if ours.ttls.iter().max() != theirs.ttls.iter().max() {
        let text =
            |ttls: &[u32]| ttls.iter().max().map_or("none".to_owned(), |ttl| format!("{ttl} s"));
        differ("TTL", &text(&ours.ttls), &text(&theirs.ttls));
    }
    let drawn = windows(snapshot, inquiry).filter(|_| !theirs.records.is_empty());
    let expected = match drawn {
        Some((set, size)) if is_window(set, size, &theirs.addresses) => None,
        Some(_) => Some("one of the answers that this path can give".to_owned()),
        None if sorted(&ours.records) == sorted(&theirs.records) => None,
        None => Some(joined(&ours.records)),
    };
    if let Some(expected) = expected {
        differ("records", &expected, &joined(&theirs.records));
    }
    // Some servers add authority records to every answer. They matter in negative answers and
    // referrals alone.
    if ours.records.is_empty() && sorted(&ours.authority) != sorted(&theirs.authority) {
        differ("authority", &joined(&ours.authority), &joined(&theirs.authority));
    }
    differences
}

/// The windows of the expected answer and the size of each record in octets; `None` if the answer
/// has no mirrors.
fn windows<'s>(
    snapshot: &'s Snapshot,
    inquiry: &ExplainQuery<'_>,
) -> Option<(&'s WindowSet, usize)> {
    let ExplainQuery { name, qtype, client: asker, .. } = *inquiry;
    match decide_by_name(snapshot, name, qtype, asker.address, &mut Trail::default()).outcome {
        Outcome::Pool { answer, ipv6, .. } => {
            Some((answer.windows(ipv6), if ipv6 { AAAA_SIZE } else { A_SIZE }))
        }
        _ => None,
    }
}

/// Whether these addresses, in this order, are one of the windows of the set.
fn is_window(set: &WindowSet, size: usize, addresses: &[Vec<u8>]) -> bool {
    (0..set.count as usize).any(|number| {
        let records = set.numbered(number).chunks_exact(size);
        records.filter_map(|record| record.get(12..)).eq(addresses.iter().map(Vec::as_slice))
    })
}

fn joined(records: &[String]) -> String {
    if records.is_empty() { "none".to_owned() } else { records.join(", ") }
}

fn sorted(records: &[String]) -> Vec<&String> {
    let mut sorted: Vec<&String> = records.iter().collect();
    sorted.sort_unstable();
    sorted
}
