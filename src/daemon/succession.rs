//! What happens between the first answer of a new server and the last one of the server before.

use std::io;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::server_state::ServerState;
use super::supervision::Supervision;
use super::takeover::{HandoverError, Predecessor, Successor};
use crate::admin::{AdminServing, Counted, ServerView, count};
use cvdns_net::{Counters, Serving};

/// How long a new server waits for its first feed while another one still answers.
pub(super) const FEED_PATIENCE: Duration = Duration::from_secs(20);

/// Checks that a new server answers no worse than the one that it is to replace, which may have a
/// feed that the new one cannot get. Goes on from the versions of zones for secondaries that the
/// running one has kept by now.
///
/// # Errors
/// When it would. The running server is told.
pub(super) fn check(
    predecessor: Option<Predecessor>,
    state: &mut ServerState,
) -> io::Result<Option<Predecessor>> {
    let Some(predecessor) = predecessor else { return Ok(None) };
    let lacks_feed = !state.loaded().feeds.is_empty() && !state.has_feed();
    if !(lacks_feed && predecessor.has_feed()) {
        state.follow_predecessor(Timestamp::now());
        return Ok(Some(predecessor));
    }
    let reason = "it has no feed yet, and the running server has one";
    predecessor.fail(reason);
    Err(io::Error::other(format!("{reason}: that goes on (`source` in [feed])")))
}

/// Has the server before stop, now that this one answers from the same sockets, and goes on with
/// its counters. Then this one takes its queues of AF_XDP.
///
/// # Errors
/// When that server goes on: this one then stops.
pub(super) async fn relieve(
    predecessor: Option<Predecessor>,
    keeps_file: bool,
    serving: Serving,
    view: &ServerView,
    supervision: &mut Supervision,
) -> io::Result<Serving> {
    let Some(predecessor) = predecessor else {
        serving.begin_xdp();
        return Ok(serving);
    };
    let name = predecessor.name();
    match spawn_blocking(move || predecessor.relieve(keeps_file)).await {
        Ok(Ok((counted, predecessor))) => {
            view.counted_before.store(Arc::new(counted));
            info!("replaces {name}, which finishes its connections and ends");
            take_last_words(predecessor, name, view);
        }
        Ok(Err(HandoverError::Refused(reason))) => {
            serving.stop().await;
            return Err(io::Error::other(format!("{name} goes on: {reason}")));
        }
        Ok(Err(HandoverError::Silent(reason))) => warn!(
            "nothing was handed over by {reason}; this server goes on, and counters begin at 0; if that process \
             still runs, end it"
        ),
        Err(error) => error!("the takeover panicked: a defect in cvdns, please report it: {error}"),
    }
    serving.begin_xdp();
    supervision.is_main();
    Ok(serving)
}

/// Adds what the server before still counts, and what it still transfers, until it ends. A thread
/// of its own waits for that, so that this server can stop meanwhile.
fn take_last_words(predecessor: Predecessor, name: String, view: &ServerView) {
    let (before, transfers) = (view.counted_before.clone(), view.transfers.clone());
    let wait = move || {
        if let Some((shown, counted)) = predecessor.last_words() {
            transfers.progress().resume(shown);
            before.store(Arc::new(counted));
        } else {
            warn!("{name} ended without its last counts, those of its last connections");
        }
    };
    if let Err(error) = Builder::new().name("cvdns-counts".to_owned()).spawn(wait) {
        warn!("no thread for the last counts of the server before: {error}");
    }
}

/// Leaves the sockets to the new server: stops receiving, hands over the counters, and finishes the
/// connections.
pub(super) async fn leave(
    successor: Successor,
    serving: Serving,
    admin: AdminServing,
    view: &ServerView,
    supervision: &mut Supervision,
) -> Counters {
    let name = successor.name();
    info!("replaced by {name}: answers what was received, and ends");
    // Nobody may see a counter here that is higher than what is handed over.
    admin.stop().await;
    let finishing = serving.hand_over().await;
    supervision.replaced(successor.process());
    let counted = counted(view);
    let handed = spawn_blocking(move || successor.hand(counted)).await;
    let counters = finishing.finish().await;
    let told = match handed.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(successor) => {
            let counted = self::counted(view);
            let shown = view.transfers.progress().all();
            let told = spawn_blocking(move || successor.finish(shown, counted)).await;
            told.unwrap_or_else(|error| Err(io::Error::other(error)))
        }
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        warn!("the counters could not be handed over: {error}");
    }
    counters
}

fn counted(view: &ServerView) -> Counted {
    count(view).unwrap_or_default()
}
