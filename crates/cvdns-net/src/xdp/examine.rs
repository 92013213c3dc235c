//! Whether an interface could be served, for people who have not configured it yet.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use super::attachment::Maps;
use super::filter::Action;
use super::interface::{MAX_QUEUES, System};
use super::memory::{FRAME_SIZE, FRAMES, Frames};
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
    if interface.program != 0 {
        return Err(reasons::foreign(&interface));
    }
    let queues = interface.queues.min(MAX_QUEUES);
    let addresses: Vec<_> = interface.endpoints.iter().map(ToString::to_string).collect();
    let memory = u64::from(queues) * u64::from(FRAMES) * FRAME_SIZE as u64 / (1 << 20);
    let mut facts = vec![
        format!("answers for {}", addresses.join(", ")),
        format!(
            "{queues} of {} receive queues, a thread for each; {memory} MiB of locked memory",
            interface.queues
        ),
        format!("MTU {} octets", interface.mtu),
    ];
    let try_socket = || {
        let socket = open()?;
        Frames::register(socket.as_fd()).map(drop)
    };
    try_socket().map_err(|error: io::Error| reasons::queue(&error, 0))?;
    let load = || Maps::new(queues)?.program(interface.mac, &interface.endpoints, Action::Pass);
    load().map_err(|error| reasons::attaching(&error, &interface, mode))?;
    facts.push("the kernel takes the program and the memory".to_owned());
    if mode == XdpMode::Native {
        let driver = match interface.kind.as_str() {
            "" => "its driver",
            kind => kind,
        };
        facts.push(format!(
            "only attaching shows whether {driver} takes programs (`mode = \"native\"`)"
        ));
    }
    Ok(facts)
}
