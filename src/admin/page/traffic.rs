//! Counts of queries, and how they grew since the page was looked at before.

use std::collections::BTreeMap;
use std::time::Instant;

use super::memory::TrafficMemory;
use crate::admin::status::Status;
use crate::admin::view::ServerView;
use cvdns_core::answer::{QueryTotals, Transport};
use cvdns_pages::operator::{CountGroup, CountRow, Traffic};

/// The counts of a status, with their latest growth.
pub(super) fn of(view: &ServerView, status: &Status, memory: &TrafficMemory) -> Traffic {
    let mut groups = groups(status, &view.queries.totals(Transport::Udp));
    let recent = memory.compare(&mut groups, Instant::now());
    Traffic {
        since: status.started,
        whole: status.now.duration_since(status.started),
        recent,
        groups,
        connections: status.queries.connections,
    }
}

fn groups(status: &Status, udp: &QueryTotals) -> Vec<CountGroup> {
    let queries = &status.queries;
    let row = |name: &str, total: u64| CountRow { name: name.to_owned(), total, recent: None };
    let rows = |counts: &BTreeMap<String, u64>| {
        let mut rows: Vec<CountRow> =
            counts.iter().map(|(name, count)| row(name, *count)).collect();
        rows.sort_by(|one, other| {
            other.total.cmp(&one.total).then_with(|| one.name.cmp(&other.name))
        });
        rows
    };
    let group = |name, rows| CountGroup { name, rows };
    let counted = |rows: Vec<CountRow>| rows.into_iter().filter(|row| row.total > 0).collect();
    let all = [
        group(
            "All transports",
            vec![
                row("datagrams received", queries.udp),
                row("queries received over TCP", queries.tcp),
                row("answers", queries.answered),
            ],
        ),
        group("Answers by RCODE", rows(&queries.by_rcode)),
        group("Answers by kind of name", rows(&queries.by_class)),
        group(
            "Of the answers",
            counted(vec![
                row("with the client's subnet (ECS)", queries.ecs),
                row("too long for UDP (TC)", queries.truncated),
                row("with mirrors from further along the path", queries.widened),
                row("with mirrors behind the record", queries.lagging),
                row("with mirrors not known to work", queries.fail_open),
            ]),
        ),
        group(
            "Over the rate limit",
            counted(vec![
                row("answered with TC", udp.limited),
                row("not answered", udp.limited_dropped),
                row("answered, as the limit is on trial", udp.would_limit),
            ]),
        ),
    ];
    all.into_iter().filter(|group| !group.rows.is_empty()).collect()
}
