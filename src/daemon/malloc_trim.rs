//! Gives freed memory back to the system (`malloc_trim(3)`).
//!
//! Reading and compiling all inputs takes some ten megabytes for a moment. The C library keeps what
//! is freed in the middle of its heap, so that after a few reloads a server would hold half as much
//! again as it needs. The memory is given back after a start, when static data was freed, and after
//! many connections ended: only then is there enough of it to be worth the search.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use cvdns_net::Tallies;
use cvdns_net::memory::give_back;

/// How often connections are counted.
const INTERVAL: Duration = Duration::from_secs(5);

/// Connections that may have left a megabyte behind.
const MANY: u64 = 200;

/// Gives back what connections left behind, each time that many were accepted. Never returns.
pub(super) async fn give_back_after_connections(tallies: Tallies) {
    let mut before = 0;
    loop {
        sleep(INTERVAL).await;
        let accepted = tallies.read().tcp.accepted;
        if accepted.saturating_sub(before) >= MANY {
            before = accepted;
            // It takes a few milliseconds, for which no connection should wait.
            let _ = spawn_blocking(give_back).await;
        }
    }
}
