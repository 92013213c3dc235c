//! Mirrors that flap: which ones are out for it, and what is logged of them.

use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use crate::logging::{LOGGED, LogOnce};
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Feed, Settling};

/// The changes of mirrors' states since the server started.
#[derive(Debug, Default)]
pub(super) struct FlapTracker {
    settling: Settling,
    /// Hosts that flap.
    flapping: LogOnce,
}

impl FlapTracker {
    /// Sets how long a mirror that flapped must be up before it is answered again. Zero: no mirror
    /// is out for flapping.
    pub(super) fn set_settle(&mut self, settle: Duration) {
        self.settling.set(settle);
    }

    /// Notes the states of a feed that is in force from now on. Without a feed all is forgotten.
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

    /// The changes, as decisions about mirrors take them.
    pub(super) fn settling(&self) -> &Settling {
        &self.settling
    }

    /// Logs which mirrors began or ceased to flap since this was called last.
    pub(super) fn log(&mut self, now: Timestamp) {
        let changes = self.flapping.update(self.settling.flapping(now).map(str::to_owned));
        if !changes.new.is_empty() {
            let count = changes.new.len();
            warn!(
                count,
                "changed state more than 3 times in 10 minutes, and not answered until up for `settle`: {}",
                first_of(&changes.new)
            );
        }
        if !changes.gone.is_empty() {
            let (count, hosts) = (changes.gone.len(), first_of(&changes.gone));
            info!(count, "no longer out for changing state too often: {hosts}");
        }
    }
}

/// The first hosts, and how many more there are.
fn first_of(hosts: &[String]) -> String {
    let first = hosts.get(..LOGGED).unwrap_or(hosts);
    let more = match hosts.len() - first.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        let hosts: Vec<String> = (0..LOGGED + 2).map(|number| format!("m{number}")).collect();
        assert_eq!(first_of(&hosts[..2]), "m0, m1");
        assert!(!first_of(&hosts[..LOGGED]).contains("more"));
        assert!(first_of(&hosts).ends_with(", m19 and 2 more"));
    }
}
