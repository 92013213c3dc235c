//! Metrics of `[xdp]`.

use std::fmt::Error;

use super::encoder::MetricsEncoder;
use cvdns_net::xdp::{XdpQueueCounters, XdpStatus};

impl MetricsEncoder<'_, '_> {
    /// Whether interfaces are served by `AF_XDP`, and the counters of their queues. Datagrams are
    /// also among those of the server.
    pub(super) fn xdp(&mut self, interfaces: &[XdpStatus]) -> Result<(), Error> {
        let up = interfaces.iter().map(|status| {
            let labels = [("interface", &*status.interface), ("mode", status.mode.name())];
            (labels, i64::from(status.fallback.is_none()))
        });
        let help = "Whether an interface of [xdp] is served in full by AF_XDP; 0 if sockets serve it, or a part";
        self.gauges("xdp_up", help, up)?;
        let queues: Vec<(&str, String, &XdpQueueCounters)> = interfaces
            .iter()
            .flat_map(|status| status.queues.iter().map(|queue| (&*status.interface, queue)))
            .map(|(interface, queue)| (interface, queue.queue.to_string(), queue))
            .collect();
        let each = |figure: fn(&XdpQueueCounters) -> u64| {
            queues.iter().map(move |(interface, number, queue)| {
                ([("interface", *interface), ("queue", number.as_str())], figure(queue))
            })
        };
        let help = "Datagrams received by AF_XDP, by interface and queue";
        self.counters("xdp_received", help, each(|queue| queue.udp.received))?;
        let help = "Batches of at least one datagram received by AF_XDP";
        self.counters("xdp_batches", help, each(|queue| queue.udp.batches))?;
        let help = "Answers that AF_XDP sent";
        self.counters("xdp_answers_sent", help, each(|queue| queue.udp.answered))?;
        let help = "Answers that AF_XDP could not send";
        self.counters("xdp_send_errors", help, each(|queue| queue.udp.send_errors))?;
        let refused = queues.iter().flat_map(|(interface, number, queue)| {
            queue.refused.iter().map(move |(reason, count)| {
                let labels =
                    [("interface", *interface), ("queue", number.as_str()), ("reason", *reason)];
                (labels, *count)
            })
        });
        let help = "Frames dropped as they hold no datagram that a socket would get, by reason";
        self.counters("xdp_frames_refused", help, refused)?;
        let lost = queues.iter().flat_map(|(interface, number, queue)| {
            queue.kernel.losses().map(move |(reason, count)| {
                let labels =
                    [("interface", *interface), ("queue", number.as_str()), ("reason", reason)];
                (labels, count)
            })
        });
        let help = "Frames and answers that the kernel dropped (XDP_STATISTICS), by reason";
        self.counters("xdp_frames_lost", help, lost)
    }
}
