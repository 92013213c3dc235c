//! Gives freed memory back to the system (`malloc_trim(3)`).
//!
//! Reading and compiling all inputs takes some ten megabytes for a moment. The C library keeps what
//! is freed in the middle of its heap, so that after a few reloads a server would hold half as much
//! again as it needs. The memory is given back after a start, when static data was freed, and after
//! many connections ended: only then is there enough of it to be worth the search.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use cvdns_io::essential;
use cvdns_net::memory::give_back;
use cvdns_net::{Tallies, TcpCounters};

/// How often connections are counted.
const INTERVAL: Duration = Duration::from_secs(5);

/// Connections that may have left a megabyte behind.
const MANY: u64 = 200;

/// Starts a thread that gives back what connections left behind, each time that many were accepted.
/// It exists from the start: when memory is short, which is when it is needed, the system may give
/// no threads.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start(tallies: Tallies) -> io::Result<()> {
    essential::spawn("cvdns-memory", move || {
        let mut before = 0;
        loop {
            sleep(INTERVAL);
            let TcpCounters { accepted, refused, .. } = tallies.read().tcp;
            let now = accepted.wrapping_add(refused);
            if now.wrapping_sub(before) >= MANY {
                before = now;
                give_back();
            }
        }
    })?;
    Ok(())
}
