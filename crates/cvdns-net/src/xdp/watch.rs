//! Watches the interfaces that are served: nothing tells a socket that its interface is gone or is
//! another one now.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire};
use std::thread::JoinHandle;
use std::time::Duration;

use cvdns_io::essential;
use tracing::{info, warn};

use super::interface::Interface;
use super::netlink::{Link, Netlink};
use super::tally::InterfaceTally;

/// An interface and what was seen of it last.
struct Watched {
    interface: Interface,
    tally: Arc<InterfaceTally>,
    /// What is wrong with it.
    trouble: Option<String>,
    /// What it was not served in full for at the start.
    before: Option<String>,
}

/// How long the thread waits before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(200);

/// Looks without a notice after which the interfaces are asked for anyway, as notices get lost.
const QUIET_LOOKS: u32 = 25;

/// Starts the thread, which ends after the stop.
///
/// # Errors
/// When the system gives no thread, or does not tell of changes.
pub(super) fn start(
    interfaces: Vec<(Interface, Arc<InterfaceTally>)>,
    stop: Arc<AtomicBool>,
) -> io::Result<JoinHandle<()>> {
    let (notices, netlink) = (Netlink::of_changes()?, Netlink::open()?);
    let watched = |(interface, tally): (Interface, Arc<InterfaceTally>)| {
        let before = tally.read().fallback;
        Watched { interface, tally, trouble: None, before }
    };
    let mut watched: Vec<_> = interfaces.into_iter().map(watched).collect();
    essential::spawn("cvdns-xdp-watch", move || {
        let mut quiet = 0;
        while !stop.load(Acquire) {
            quiet = if notices.wait_for_change(LOOK) { QUIET_LOOKS } else { quiet + 1 };
            if quiet >= QUIET_LOOKS {
                quiet = 0;
                for watched in &mut watched {
                    watched.look(&netlink);
                }
            }
        }
    })
}

impl Watched {
    fn look(&mut self, netlink: &Netlink) {
        // Without an answer nothing is known; the next look may tell.
        let Ok(link) = netlink.link(self.interface.index) else { return };
        let trouble = trouble(&self.interface, link.as_ref());
        if trouble == self.trouble {
            return;
        }
        let name = &self.interface.name;
        if let Some(trouble) = &trouble {
            warn!("{name}, which AF_XDP serves: {trouble}");
        } else {
            info!("{name} is served by AF_XDP again");
        }
        self.tally.set_fallback(trouble.clone().or_else(|| self.before.clone()));
        self.trouble = trouble;
    }
}

/// What is wrong with an interface that is served.
fn trouble(interface: &Interface, link: Option<&Link>) -> Option<String> {
    let Some(link) = link else {
        return Some("it was deleted: restart the server once it is back".to_owned());
    };
    if link.mac != interface.mac {
        return Some("its MAC address has changed: restart the server".to_owned());
    }
    if link.mtu < interface.mtu {
        return Some(format!(
            "its MTU was lowered from {} to {} octets: restart the server",
            interface.mtu, link.mtu
        ));
    }
    if link.program == 0 {
        return Some("its program was removed: restart the server".to_owned());
    }
    (!link.is_up).then(|| "it is down".to_owned())
}
