//! Whether an interface could be served, for people who have not configured it yet.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use super::attachment::Maps;
use super::bpf;
use super::filter::Action;
use super::interface::{MAX_QUEUES, System};
use super::memory::{Frames, POOL_SIZE};
use super::reasons;
use super::set_up::open;
use super::status::XdpMode;

/// Tells what serving an interface by AF_XDP would mean, in lines for people. It changes nothing:
/// no program is attached. `listen` are the addresses of the server.
///
/// # Errors
/// Why the interface cannot be served and what to do, in a line.
pub fn examine(
    interface: &str,
    mode: XdpMode,
    listen: &[SocketAddr],
) -> Result<Vec<String>, String> {
    let interface = System::ask()?.interface(interface, listen)?;
    let is_served = interface.program != 0;
    if is_served {
        match bpf::is_own(interface.program) {
            Ok(true) => {}
            Ok(false) => return Err(reasons::foreign(&interface)),
            Err(error) => return Err(reasons::unknown(&error, &interface)),
        }
    }
    let queues = interface.queues.min(MAX_QUEUES);
    let addresses: Vec<_> = interface.endpoints.iter().map(ToString::to_string).collect();
    let memory = u64::from(queues) * (POOL_SIZE >> 20) as u64;
    let mut facts = vec![
        format!("answers for {}", addresses.join(", ")),
        format!("{queues} of {} receive queues, a thread for each", interface.queues),
        format!("{memory} MiB of locked memory, as much again during `cvdns serve --replace`"),
        format!("MTU {} octets", interface.mtu),
    ];
    facts.extend(interface.more_endpoints());
    try_memory(queues)?;
    let load = || Maps::new(queues)?.program(interface.mac, &interface.endpoints, Action::Pass);
    load().map_err(|error| reasons::attaching(&error, &interface, mode))?;
    facts.push("tested: the kernel takes the program and the memory".to_owned());
    if is_served {
        facts.push(format!("a running cvdns has its program ({}) there now", interface.program));
    } else if mode == XdpMode::Native {
        let driver = match interface.kind.as_str() {
            "" => "its driver".to_owned(),
            kind => format!("the driver {kind}"),
        };
        facts.push(format!("not tested: whether {driver} takes it, which only a start shows"));
    }
    Ok(facts)
}

/// Takes the memory of all queues at once, as the server does.
fn try_memory(queues: u32) -> Result<(), String> {
    let take = || -> io::Result<(OwnedFd, Frames)> {
        let socket = open()?;
        let frames = Frames::register(socket.as_fd())?;
        Ok((socket, frames))
    };
    let mut taken = Vec::new();
    for number in 0..queues {
        taken.push(take().map_err(|error| reasons::queue(&error, number))?);
    }
    Ok(())
}
