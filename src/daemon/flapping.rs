//! Mirrors that flap while the server runs, and what is logged of them.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use super::LOGGED;
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Feed, Settling};

/// What is remembered of mirrors' changes.
#[derive(Debug, Default)]
pub(super) struct Flapping {
    settling: Settling,
    /// Hosts that were logged as flapping.
    logged: BTreeSet<String>,
}

impl Flapping {
    /// Has mirrors settle in this time; 0: nobody is out for flapping.
    pub(super) fn set(&mut self, settle: Duration) {
        self.settling.set(settle);
    }

    /// Takes over the feed that holds from now on. Without one there is nothing to remember.
    pub(super) fn follow<'f>(
        &mut self,
        feed: Option<&Feed>,
        fleets: impl Iterator<Item = &'f Fleet>,
        now: Timestamp,
    ) {
        match feed {
            Some(feed) => self.settling.follow(feed, fleets, now),
            None => self.settling.forget(),
        }
    }

    /// What is remembered.
    pub(super) fn settling(&self) -> &Settling {
        &self.settling
    }

    /// Says who flaps otherwise than when it was logged last.
    pub(super) fn log(&mut self, now: Timestamp) {
        let flapping: BTreeSet<String> = self.settling.flapping(now).map(str::to_owned).collect();
        let more = |count: usize| {
            if count > LOGGED { format!(" and {} more", count - LOGGED) } else { String::new() }
        };
        let some = |hosts: Vec<&str>| {
            let first: Vec<&str> = hosts.iter().take(LOGGED).copied().collect();
            format!("{}{}", first.join(", "), more(hosts.len()))
        };
        let new: Vec<&str> = flapping.difference(&self.logged).map(String::as_str).collect();
        if !new.is_empty() {
            warn!(
                "changed state more than 3 times in 10 minutes, and not answered until up for `settle`: {}",
                some(new)
            );
        }
        let settled: Vec<&str> = self.logged.difference(&flapping).map(String::as_str).collect();
        if !settled.is_empty() {
            info!("no longer out for changing state too often: {}", some(settled));
        }
        self.logged = flapping;
    }
}
