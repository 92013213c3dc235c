//! What threads and signals report to whoever runs the coordinator.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use cvdns_core::report::ReportError;
use cvdns_io::signals::{SignalAction, Signals};

use crate::rule::Evidence;
use crate::signed_report::Arrived;

/// What is reported.
pub(super) enum Event {
    /// The number of a pool, the number of a target, and the result of its check.
    Checked(u64, usize, Evidence),
    /// The number of a pool, and the witnesses that do not answer.
    Asked(u64, Vec<SocketAddr>),
    /// The number of a set of readers, that of a member, and what came of reading its report.
    Reported(u64, usize, Box<Result<Option<Arrived>, ReportError>>),
    /// SIGHUP.
    Reload,
    /// SIGTERM or SIGINT.
    Stop,
}

/// The channel on which threads report results, and a thread that reports signals.
pub(super) fn events(signals: Signals) -> (Sender<Event>, Receiver<Event>) {
    let (events, received) = channel();
    let told = events.clone();
    signals.hand_over(move |signal| {
        let event = match signal {
            SignalAction::Reload => Event::Reload,
            SignalAction::Stop => Event::Stop,
        };
        let _ = told.send(event);
    });
    (events, received)
}

/// What is reported within this time, and all that has come by then. Where nobody is left who could
/// report, that is to stop.
pub(super) fn within(
    received: &Receiver<Event>,
    patience: Duration,
) -> impl Iterator<Item = Event> + use<'_> {
    let first = match received.recv_timeout(patience) {
        Ok(event) => Some(event),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Event::Stop),
    };
    first.into_iter().chain(received.try_iter())
}
