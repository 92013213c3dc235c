//! Gives memory back to the system.
//!
//! Reading and compiling everything takes some ten megabytes for a moment. The C library keeps what
//! is freed in the middle of its heap, so that after a few reloads a server would hold half as much
//! again as it needs. It is asked to give it back after a start, when a frame was freed, and after
//! many connections ended: then there is much to find, and at no other time is it worth the search.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use cvdns_net::Tallies;
use cvdns_net::memory::give_back;

/// How often the number of connections is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// So many connections may leave a megabyte behind.
const MANY: u64 = 200;

/// Gives back what connections have left, whenever many have come since it last did. Never ends.
pub(super) async fn give_back_after_connections(tallies: Tallies) {
    let mut before = 0;
    loop {
        sleep(LOOK).await;
        let accepted = tallies.read().tcp.accepted;
        if accepted.saturating_sub(before) >= MANY {
            before = accepted;
            // It takes a few milliseconds, in which no connection is to wait.
            let _ = spawn_blocking(give_back).await;
        }
    }
}
