//! Metrics of queries and answers.

use std::fmt::Error;
use std::sync::atomic::Ordering::Relaxed;

use super::encoder::MetricsEncoder;
use crate::dnstap::DnstapState;
use crate::logging::LogCounts;
use cvdns_core::answer::{AnswerStats, QueryCounterSet, QueryTotals};
use cvdns_core::snapshot::download_reports::{DownloadCounts, ReportCounts};
use cvdns_net::{SocketCounters, Tallies, TcpCounters, UdpCounters};

/// A counter: its name, its help text and its value.
type Figure = (&'static str, &'static str, fn(&QueryTotals) -> u64);

impl MetricsEncoder<'_, '_> {
    /// Counters of the sockets; `totals` are those of queries over UDP.
    pub(super) fn sockets(&mut self, tallies: &Tallies, totals: &QueryTotals) -> Result<(), Error> {
        let counters = tallies.read();
        let (udp, tcp) = (counters.udp, counters.tcp);
        let by_transport =
            |udp, tcp| [([("transport", "udp")], udp), ([("transport", "tcp")], tcp)];
        let received = by_transport(udp.received, tcp.received);
        self.counters("queries_received", "Datagrams, and queries over TCP", received)?;
        let answered = by_transport(udp.answered, tcp.answered);
        self.counters("answers_sent", "Answers sent", answered)?;
        self.dropped(&udp, &tcp, totals)?;
        let help = "Datagrams that could not be received";
        self.counter("udp_receive_errors", help, udp.receive_errors)?;
        self.connections(&tcp)?;
        let sockets: Vec<(SocketCounters, [String; 2])> = tallies
            .sockets()
            .map(|socket| (socket, [socket.address.to_string(), socket.number.to_string()]))
            .collect();
        let each = |figure: fn(&UdpCounters) -> u64| {
            sockets.iter().map(move |(socket, [address, worker])| {
                ([("address", address.as_str()), ("worker", worker.as_str())], figure(&socket.udp))
            })
        };
        self.counters("udp_worker_received", "Datagrams, by worker", each(|udp| udp.received))?;
        let help = "Batches of at least one datagram received, by worker";
        self.counters("udp_worker_batches", help, each(|udp| udp.batches))
    }

    fn dropped(
        &mut self,
        udp: &UdpCounters,
        tcp: &TcpCounters,
        totals: &QueryTotals,
    ) -> Result<(), Error> {
        let reasons = [
            ("udp", "no_query", totals.ignored),
            ("udp", "rate_limit", totals.limited_dropped),
            ("udp", "no_return_address", udp.unanswerable),
            ("udp", "loop", udp.looping),
            ("udp", "not_unicast", udp.not_unicast),
            ("udp", "send_error", udp.send_errors),
            ("udp", "panic", udp.panics),
            ("tcp", "no_query", tcp.dropped),
        ];
        let labelled = reasons.map(|(transport, reason, count)| {
            ([("transport", transport), ("reason", reason)], count)
        });
        self.counters("queries_dropped", "Received messages without an answer, by reason", labelled)
    }

    fn connections(&mut self, tcp: &TcpCounters) -> Result<(), Error> {
        self.gauge("tcp_connections", "Open TCP connections", tcp.open())?;
        self.counter("tcp_connections_accepted", "TCP connections served", tcp.accepted)?;
        let help = "TCP connections closed at once because their client had too many";
        self.counter("tcp_connections_refused", help, tcp.refused)?;
        self.counter(
            "tcp_accept_errors",
            "TCP connections that could not be accepted",
            tcp.accept_errors,
        )?;
        let ends = [
            ("closed", tcp.closed),
            ("evicted", tcp.evicted),
            ("idle", tcp.idle_timeouts),
            ("malformed", tcp.malformed),
            ("no_memory", tcp.out_of_memory),
            ("no_query", tcp.first_query_timeouts),
            ("panic", tcp.panics),
            ("slow_query", tcp.message_timeouts),
            ("slow_reader", tcp.write_timeouts),
            ("stopped", tcp.stopped),
        ];
        let labelled = ends.map(|(how, count)| ([("how", how)], count));
        self.counters(
            "tcp_connections_ended",
            "TCP connections that ended, by how they ended",
            labelled,
        )
    }

    /// Counters of query samples and of the log.
    pub(super) fn log(&mut self, counts: &LogCounts) -> Result<(), Error> {
        let outcomes = [("logged", &counts.samples_logged), ("dropped", &counts.samples_dropped)];
        let labelled =
            outcomes.map(|(outcome, count)| ([("outcome", outcome)], count.load(Relaxed)));
        self.counters("query_samples", "Queries chosen for the log (`query-sample`)", labelled)?;
        let help = "Log lines dropped because too many were waiting to be written";
        self.counter("log_lines_dropped", help, counts.lines_dropped.load(Relaxed))?;
        let help = "Failed writes of the log; they are tried again";
        self.counter("log_write_errors", help, counts.write_errors.load(Relaxed))?;
        let help = "Failed attempts to open the file of the log; it is tried again every second";
        self.counter("log_open_errors", help, counts.open_errors.load(Relaxed))
    }

    /// Counters of dnstap; all are 0 without a collector's socket.
    pub(super) fn dnstap(&mut self, state: &DnstapState) -> Result<(), Error> {
        let help = "Whether a dnstap collector is connected";
        self.gauge("dnstap_connected", help, u64::from(state.is_connected.load(Relaxed)))?;
        let help = "dnstap messages that were handed to the collector";
        self.counter("dnstap_messages_sent", help, state.sent.load(Relaxed))?;
        let reasons = [
            ("queue_full", &state.dropped_queue_full),
            ("no_collector", &state.dropped_no_collector),
            ("no_memory", &state.dropped_no_memory),
            ("panic", &state.dropped_panic),
        ];
        let labelled = reasons.map(|(reason, count)| ([("reason", reason)], count.load(Relaxed)));
        let help = "dnstap messages that were dropped, by reason";
        self.counters("dnstap_messages_dropped", help, labelled)?;
        let help = "Connections that a dnstap collector accepted";
        self.counter("dnstap_connections", help, state.connections.load(Relaxed))?;
        let help = "Connections to a dnstap collector that failed or were lost";
        self.counter("dnstap_connection_failures", help, state.failures.load(Relaxed))
    }

    /// Counters of queries and of how they were answered.
    pub(super) fn queries(&mut self, tallies: &QueryCounterSet) -> Result<(), Error> {
        let both = [("udp", tallies.udp()), ("tcp", tallies.tcp())];
        let queries = both.iter().flat_map(|(transport, counted)| {
            counted.queries.iter().map(move |(kind, count)| {
                let labels = [
                    ("transport", *transport),
                    ("class", kind.class.label()),
                    ("type", kind.qtype),
                    ("rcode", kind.rcode),
                ];
                (labels, *count)
            })
        });
        let help = "Answered queries, by class of the name, type and rcode";
        self.counters("queries", help, queries)?;
        let figures: [Figure; 5] = [
            ("queries_ecs", "Queries whose client subnet was used", |c| c.ecs),
            ("answers_truncated", "Answers too long for UDP: empty, with TC set", |c| c.truncated),
            (
                "answers_widened",
                "Answers with mirrors from further along the path than its first pool",
                |c| c.widened,
            ),
            (
                "answers_lagging",
                "Answers with mirrors too far behind the record, as the path has no others",
                |c| c.lagging,
            ),
            (
                "answers_fail_open",
                "Answers with mirrors not known to work, as the path has no others",
                |c| c.fail_open,
            ),
        ];
        self.protection(&both)?;
        figures.into_iter().try_for_each(|(name, help, figure)| {
            let labelled = both
                .iter()
                .map(|(transport, counted)| ([("transport", *transport)], figure(counted)));
            self.counters(name, help, labelled)
        })
    }

    /// Counters of the rate limit and of cookies.
    fn protection(&mut self, both: &[(&str, QueryTotals); 2]) -> Result<(), Error> {
        let [(_, udp), _] = both;
        let actions = [
            ("truncated", udp.limited),
            ("dropped", udp.limited_dropped),
            ("dry_run", udp.would_limit),
        ];
        let labelled = actions.map(|(action, count)| ([("action", action)], count));
        self.counters("rate_limited", "Answers over the rate limit, by what was done", labelled)?;
        let cookies = both.iter().flat_map(|(transport, counted)| {
            let outcomes = [
                ("valid", counted.cookies_valid),
                ("invalid", counted.cookies_invalid),
                ("new", counted.cookies_new),
            ];
            outcomes
                .map(|(outcome, count)| ([("transport", *transport), ("outcome", outcome)], count))
        });
        self.counters("cookies", "Queries with a DNS cookie, by what it is worth", cookies)
    }

    /// Counters of answers by path and mirror. Labels are pools and hosts of the fleets, so queries
    /// cannot add new ones.
    pub(super) fn answered(&mut self, answered: &AnswerStats) -> Result<(), Error> {
        let paths = answered.paths.iter().map(|(label, count)| {
            let labels =
                [("zone", &*label.zone), ("path", label.path.as_str()), ("country", label.country)];
            (labels, *count)
        });
        self.counters("path_answers", "Answers with mirrors, by the path of the client", paths)?;
        let mirrors = answered
            .mirrors
            .iter()
            .map(|(host, portion)| ([("mirror", host.as_str())], portion.answers()));
        let help =
            "Answers with mirrors, those of a path divided among its mirrors by first places";
        self.counters("mirror_answers", help, mirrors)
    }

    /// Download reports of old clients. Labels are hosts of the fleet, so queries cannot add new
    /// ones.
    pub(super) fn reports(&mut self, reports: &ReportCounts) -> Result<(), Error> {
        let mut mirrors = reports.mirrors.clone();
        let DownloadCounts { succeeded, failed } = reports.other;
        // A mirror could have the host name `other`.
        let other = mirrors.entry("other".to_owned()).or_default();
        (other.succeeded, other.failed) = (other.succeeded + succeeded, other.failed + failed);
        let all = mirrors.iter().flat_map(|(host, outcome)| {
            let labels = |outcome| [("mirror", host.as_str()), ("outcome", outcome)];
            [(labels("success"), outcome.succeeded), (labels("failure"), outcome.failed)]
        });
        self.counters("ping_reports", "Download reports, by mirror and outcome", all)?;
        let help = "Queries for ping names that are no valid report";
        self.counter("ping_reports_malformed", help, reports.malformed)
    }
}
