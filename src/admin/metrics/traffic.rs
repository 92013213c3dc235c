//! Metrics of queries and answers.

use std::fmt::Error;
use std::sync::atomic::Ordering::Relaxed;

use super::encoder::MetricsEncoder;
use crate::admin::view::EncryptedView;
use crate::dnstap::DnstapState;
use crate::logging::LogCounts;
use cvdns_core::answer::{AnswerStats, QueryCounterSet, QueryTotals, Transport};
use cvdns_core::snapshot::download_reports::{DownloadCounts, ReportCounts};
use cvdns_net::{SocketCounters, Tallies, TcpCounters, UdpCounters};

/// A counter: its name, its help text and its value.
type Figure = (&'static str, &'static str, fn(&QueryTotals) -> u64);

impl MetricsEncoder<'_, '_> {
    /// Counters of the sockets; `totals` are those of queries over UDP.
    pub(super) fn sockets(&mut self, tallies: &Tallies, totals: &QueryTotals) -> Result<(), Error> {
        let counters = tallies.read();
        let (udp, tcp) = (counters.udp, counters.tcp);
        let encrypted = tallies.encrypted();
        let connections: Vec<(&str, TcpCounters)> = std::iter::once((Transport::Tcp, tcp))
            .chain(encrypted)
            .map(|(transport, counters)| (transport.label(), counters))
            .collect();
        let by_transport = |of_udp: u64, figure: fn(&TcpCounters) -> u64| {
            let others = connections.iter().map(move |(transport, of)| (*transport, figure(of)));
            let all = std::iter::once(("udp", of_udp)).chain(others);
            all.map(|(transport, count)| ([("transport", transport)], count)).collect::<Vec<_>>()
        };
        let help = "Datagrams, and queries over connections";
        self.counters("queries_received", help, by_transport(udp.received, |of| of.received))?;
        self.counters(
            "answers_sent",
            "Answers sent",
            by_transport(udp.answered, |of| of.answered),
        )?;
        self.dropped(&udp, &connections, totals)?;
        let help = "Datagrams that could not be received";
        self.counter("udp_receive_errors", help, udp.receive_errors)?;
        self.connections(&tcp)?;
        self.encrypted(tallies)?;
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
        connections: &[(&str, TcpCounters)],
        totals: &QueryTotals,
    ) -> Result<(), Error> {
        let of_udp = [
            ("udp", "no_query", totals.ignored),
            ("udp", "rate_limit", totals.limited_dropped),
            ("udp", "no_return_address", udp.unanswerable),
            ("udp", "loop", udp.looping),
            ("udp", "not_unicast", udp.not_unicast),
            ("udp", "send_error", udp.send_errors),
            ("udp", "panic", udp.panics),
        ];
        let others = connections.iter().map(|(transport, of)| (*transport, "no_query", of.dropped));
        let labelled = of_udp.into_iter().chain(others).map(|(transport, reason, count)| {
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
        let labelled = ends(tcp).map(|(how, count)| ([("how", how)], count));
        self.counters(
            "tcp_connections_ended",
            "TCP connections that ended, by how they ended",
            labelled,
        )
    }

    /// Counters of encrypted transports; none without `[tls]`.
    fn encrypted(&mut self, tallies: &Tallies) -> Result<(), Error> {
        let all: Vec<(&str, TcpCounters)> = tallies
            .encrypted()
            .map(|(transport, counters)| (transport.label(), counters))
            .collect();
        if all.is_empty() {
            return Ok(());
        }
        let each = |figure: fn(&TcpCounters) -> u64| {
            all.iter().map(move |(transport, of)| ([("transport", *transport)], figure(of)))
        };
        let help = "Open encrypted connections, those whose handshake is under way included";
        self.gauges("encrypted_connections", help, each(TcpCounters::open))?;
        let help = "Encrypted connections that got a seat";
        self.counters("encrypted_connections_accepted", help, each(|of| of.accepted))?;
        let help = "Encrypted connections closed at once because their client had too many";
        self.counters("encrypted_connections_refused", help, each(|of| of.refused))?;
        let help = "Requests over HTTPS that were no query";
        self.counter("https_requests_refused", help, tallies.https_requests_refused())?;
        let ended = all.iter().flat_map(|(transport, of)| {
            let handshake = ("handshake", of.handshake_failures);
            ends(of)
                .into_iter()
                .chain([handshake])
                .map(move |(how, count)| ([("transport", *transport), ("how", how)], count))
        });
        let help = "Encrypted connections that ended, by how they ended";
        self.counters("encrypted_connections_ended", help, ended)
    }

    /// The certificate of encrypted transports, if there is one.
    pub(super) fn certificate(&mut self, encrypted: Option<&EncryptedView>) -> Result<(), Error> {
        let Some(EncryptedView { certificate_expiry, .. }) = encrypted else { return Ok(()) };
        let help = "When the certificate of encrypted transports expires";
        let expiry = certificate_expiry.load(Relaxed);
        self.gauge("tls_certificate_expiry_timestamp_seconds", help, expiry)
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
    pub(super) fn queries(
        &mut self,
        tallies: &Tallies,
        counted: &QueryCounterSet,
    ) -> Result<(), Error> {
        let all: Vec<(&str, QueryTotals)> = served(tallies)
            .map(|transport| (transport.label(), counted.totals(transport)))
            .collect();
        let queries = all.iter().flat_map(|(transport, counted)| {
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
        self.protection(&all)?;
        figures.into_iter().try_for_each(|(name, help, figure)| {
            let labelled = all
                .iter()
                .map(|(transport, counted)| ([("transport", *transport)], figure(counted)));
            self.counters(name, help, labelled)
        })
    }

    /// Counters of the rate limit and of cookies.
    fn protection(&mut self, all: &[(&str, QueryTotals)]) -> Result<(), Error> {
        // Only UDP is limited.
        let Some((_, udp)) = all.first() else { return Ok(()) };
        let actions = [
            ("truncated", udp.limited),
            ("dropped", udp.limited_dropped),
            ("dry_run", udp.would_limit),
        ];
        let labelled = actions.map(|(action, count)| ([("action", action)], count));
        self.counters("rate_limited", "Answers over the rate limit, by what was done", labelled)?;
        let cookies = all.iter().flat_map(|(transport, counted)| {
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

/// How connections ended, and how many did.
fn ends(of: &TcpCounters) -> [(&'static str, u64); 10] {
    [
        ("closed", of.closed),
        ("evicted", of.evicted),
        ("idle", of.idle_timeouts),
        ("malformed", of.malformed),
        ("no_memory", of.out_of_memory),
        ("no_query", of.first_query_timeouts),
        ("panic", of.panics),
        ("slow_query", of.message_timeouts),
        ("slow_reader", of.write_timeouts),
        ("stopped", of.stopped),
    ]
}

/// The transports that this server has.
fn served(tallies: &Tallies) -> impl Iterator<Item = Transport> {
    let encrypted = tallies.encrypted().map(|(transport, _)| transport);
    [Transport::Udp, Transport::Tcp].into_iter().chain(encrypted)
}
