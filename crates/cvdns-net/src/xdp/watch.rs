//! Watches the interfaces that are served: nothing tells a socket that its interface is gone or is
//! another one now. While something is wrong, the program passes all frames to the kernel.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire};
use std::thread::JoinHandle;
use std::time::Duration;

use cvdns_io::essential;
use tracing::{info, warn};

use super::attachment::Attachment;
use super::interface::{Interface, System};
use super::netlink::Netlink;
use super::tally::InterfaceTally;
use super::trouble::{Trouble, more_queues};

/// An interface that is served, and what was seen of it last.
pub(super) struct Watched {
    interface: Interface,
    attachment: Arc<Attachment>,
    tally: Arc<InterfaceTally>,
    trouble: Option<Trouble>,
    more_queues: Option<String>,
}

/// How long the thread waits before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(200);

/// Looks without a notice after which the interfaces are asked for anyway: notices get lost, and
/// there are none of queues and of programs.
const QUIET_LOOKS: u32 = 25;

/// Starts the thread, which ends after the stop.
///
/// # Errors
/// When the system gives no thread, or does not tell of changes.
pub(super) fn start(watched: Vec<Watched>, stop: Arc<AtomicBool>) -> io::Result<JoinHandle<()>> {
    let notices = Netlink::of_changes()?;
    let (mut system, mut watched) = (System::ask().map_err(io::Error::other)?, watched);
    essential::spawn("cvdns-xdp-watch", move || {
        // What has changed since the set-up is seen at once.
        let mut quiet = QUIET_LOOKS;
        while !stop.load(Acquire) {
            let deleted = notices.wait_for_change(LOOK);
            quiet = if deleted.is_some() { QUIET_LOOKS } else { quiet.saturating_add(1) };
            if quiet >= QUIET_LOOKS {
                quiet = 0;
                let deleted = deleted.unwrap_or_default();
                for watched in &mut watched {
                    watched.note_deleted(&deleted);
                }
                look_at(&mut watched, &mut system);
            }
        }
    })
}

/// Looks at all interfaces. What is new is asked for twice: a list may lack what is there if it
/// changes while the kernel writes it.
fn look_at(watched: &mut [Watched], system: &mut System) {
    // Without an answer nothing is known; the next look may tell.
    if system.refresh().is_err() {
        return;
    }
    if watched.iter().any(|watched| watched.differs(system)) && system.refresh().is_err() {
        return;
    }
    for watched in watched {
        watched.look(system);
    }
}

impl Watched {
    pub(super) fn new(
        interface: &Interface,
        attachment: &Arc<Attachment>,
        tally: &Arc<InterfaceTally>,
    ) -> Self {
        let (interface, attachment, tally) = (interface.clone(), attachment.clone(), tally.clone());
        Self { interface, attachment, tally, trouble: None, more_queues: None }
    }

    /// An interface that is back by the time of the look has lost its sockets all the same.
    fn note_deleted(&mut self, deleted: &[u32]) {
        if deleted.contains(&self.interface.index) && !self.is_lost() {
            self.become_troubled(Some(Trouble::deleted()));
        }
    }

    /// Whether only a restart helps.
    fn is_lost(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.lasts)
    }

    fn differs(&self, system: &System) -> bool {
        !self.is_lost() && Trouble::find(system, &self.interface) != self.trouble
    }

    fn look(&mut self, system: &System) {
        if self.is_lost() {
            return;
        }
        let trouble = Trouble::find(system, &self.interface);
        if trouble != self.trouble {
            self.become_troubled(trouble);
        }
        let more = more_queues(system, &self.interface);
        if more != self.more_queues {
            if let Some(more) = &more {
                warn!("AF_XDP does not serve {} in full: {more}", self.interface.name);
            }
            self.tally.set_more_queues(more.clone());
            self.more_queues = more;
        }
    }

    fn become_troubled(&mut self, trouble: Option<Trouble>) {
        let name = &self.interface.name;
        let reason = trouble.as_ref().map(|trouble| trouble.reason.clone());
        self.attachment.hold(reason.is_some());
        if let Some(reason) = &reason {
            warn!(
                "AF_XDP serves {name} no longer: {reason}; the ordinary sockets answer its queries"
            );
        } else {
            info!("AF_XDP serves {name} again");
        }
        self.tally.set_trouble(reason);
        self.trouble = trouble;
    }
}
