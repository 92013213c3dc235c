//! What can become wrong with an interface while it is served.

use std::net::SocketAddr;

use super::interface::{Interface, MAX_MTU, System};
use super::netlink::Link;

/// Why an interface cannot be served any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What is wrong and what to do, in a line for people.
    pub reason: String,
    /// Whether only a restart helps. Otherwise the interface can be served once nothing is wrong.
    pub lasts: bool,
}

impl Trouble {
    /// What is wrong with an interface now, compared with what it was at the start.
    pub(super) fn find(system: &System, served: &Interface) -> Option<Self> {
        let Some(link) = system.link(served.index) else { return Some(Self::deleted()) };
        if link.program != served.program {
            let reason = match link.program {
                0 => "its program was removed: restart the server".to_owned(),
                other => format!(
                    "another XDP program ({other}) is attached now: end what attached it, then restart the server"
                ),
            };
            return Some(Self { reason, lasts: true });
        }
        let reason = check(system, link, served).err()?;
        Some(Self { reason, lasts: false })
    }

    /// The interface was deleted, or left this network namespace. Its sockets have lost it for
    /// ever.
    pub(super) fn deleted() -> Self {
        let reason = "it was deleted: restart the server once it is back".to_owned();
        Self { reason, lasts: true }
    }
}

/// What stands against serving an interface, and may pass.
fn check(system: &System, link: &Link, served: &Interface) -> Result<(), String> {
    if !link.is_up {
        return Err("it is down".to_owned());
    }
    if system.check_kind(link)? != served.mac {
        return Err("its MAC address has changed: set it back, or restart the server".to_owned());
    }
    let (mtu, before) = (link.mtu, served.mtu);
    if mtu < before {
        return Err(format!(
            "its MTU was lowered from {before} to {mtu} octets: set it back, or restart the server"
        ));
    }
    if mtu > MAX_MTU {
        return Err(format!(
            "its MTU was raised to {mtu} octets, over {MAX_MTU}, the most that AF_XDP can take here: set it back"
        ));
    }
    system.check_vlans(link)?;
    let mut addresses = served.endpoints.iter().map(SocketAddr::ip);
    match addresses.find(|address| !system.has(link, *address)) {
        Some(lost) => {
            Err(format!("it no longer has the address {lost}: add it again, or restart the server"))
        }
        None => Ok(()),
    }
}

/// That an interface uses more receive queues than at the start, for people.
pub(super) fn more_queues(system: &System, served: &Interface) -> Option<String> {
    let link = system.link(served.index)?;
    let (now, before) = (system.queues(link)?, served.queues);
    (now > before).then(|| {
        format!(
            "it uses {now} receive queues now, of which those beyond the first {before} are left to the ordinary \
             sockets: restart the server"
        )
    })
}
