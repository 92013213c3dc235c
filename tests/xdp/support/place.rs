//! Where a server and its clients are: in namespaces of their own, or on loopback addresses where
//! there can be none.

use super::lab::{self, CARD, CLIENT, Lab, SECOND, SERVER};
use super::left_out::leave_out;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;
use std::sync::Once;

/// How the server of this process has its card: queues and mode, as in `2 native`.
pub const KIND: &str = "CVDNS_TEST_XDP";

/// The place of one server.
pub struct Place {
    _lab: Option<Lab>,
}

impl Place {
    /// The place of the server with this port.
    pub fn of(port: u16) -> Self {
        let lab = is_lab().then(|| Lab::new(port, kind().0));
        if let Some(commands) = PREPARED_BY.with_borrow(Clone::clone) {
            lab::at_server(port, &commands);
        }
        Self { _lab: lab }
    }
}

thread_local! {
    static OWN_KIND: RefCell<Option<String>> = const { RefCell::new(None) };
    static PREPARED_BY: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has these commands of a shell run in the namespaces of this thread's servers, before these are
/// started.
pub fn prepare(commands: &str) {
    PREPARED_BY.set(Some(commands.to_owned()));
}

/// Has the servers of this thread their cards in this way, as in `1 native`.
pub fn set_kind(kind: &str) {
    OWN_KIND.set(Some(kind.to_owned()));
}

/// Queues and mode of the cards.
pub fn kind() -> (u32, String) {
    let own = OWN_KIND.with_borrow(Clone::clone);
    let kind = own.or_else(|| std::env::var(KIND).ok()).unwrap_or_else(|| "2 native".to_owned());
    let (queues, mode) = kind.split_once(' ').expect("queues and mode");
    (queues.parse().expect("a number"), mode.to_owned())
}

/// Whether there are namespaces. If not, this is said once.
pub fn is_lab() -> bool {
    static SAID: Once = Once::new();
    let obstacle = lab::obstacle();
    if let Some(why) = obstacle {
        SAID.call_once(|| leave_out("answers over AF_XDP", why, false));
    }
    obstacle.is_none()
}

/// The server's address of this family.
pub fn server(is_v4: bool) -> IpAddr {
    let [v4, v6] = SERVER;
    match (is_lab(), is_v4) {
        (true, true) => address(v4),
        (true, false) => address(v6),
        (false, true) => Ipv4Addr::LOCALHOST.into(),
        (false, false) => Ipv6Addr::LOCALHOST.into(),
    }
}

/// The address of clients of a server's address.
pub fn client(server: IpAddr) -> IpAddr {
    let [v4, v6] = CLIENT;
    match (is_lab(), server.is_ipv4()) {
        (true, true) => address(v4),
        (true, false) => address(v6),
        (false, _) => server,
    }
}

/// Addresses of a client and of a server on wildcards.
pub fn pairs() -> [[&'static str; 2]; 3] {
    let ([s4, s6], [t4, _], [c4, c6]) = (SERVER, SECOND, CLIENT);
    if is_lab() {
        [[c4, s4], [c4, t4], [c6, s6]]
    } else {
        [["127.0.0.1", "127.0.0.2"], ["127.0.0.3", "127.0.0.4"], ["::1", "::1"]]
    }
}

/// The networks of the clients, of IPv4 and IPv6.
pub fn networks() -> [&'static str; 2] {
    if is_lab() { ["198.18.0.0/24", "fd77::/64"] } else { ["127.0.0.0/8", "::1/128"] }
}

/// The configuration of a server in this place, given that on loopback addresses.
pub fn config(config: String) -> String {
    if !is_lab() {
        return config;
    }
    let ([s4, s6], [n4, n6]) = (SERVER, networks());
    let config = config.replace("127.0.0.0/8", n4).replace("::1/128", n6);
    let config = config.replace("127.0.0.1:", &format!("{s4}:"));
    let config = config.replace("[::1]:", &format!("[{s6}]:"));
    if config.contains("[xdp]") || config.contains("udp = \"portable\"") {
        return config;
    }
    format!("{config}\n[xdp]\ninterfaces = [\"{CARD}\"]\nmode = \"{}\"\n", kind().1)
}

/// Brings this thread to where the clients of the server with this port are.
pub fn enter(port: u16) {
    if is_lab() {
        lab::enter_clients(port);
    }
}

/// Whether UDP carries answers that are longer than a packet. AF_XDP does not: they are truncated.
pub fn fragments() -> bool {
    !is_lab()
}

/// The server as a command.
pub fn cvdns(port: u16) -> Command {
    let program = env!("CARGO_BIN_EXE_cvdns");
    if is_lab() { lab::in_servers(port, program) } else { Command::new(program) }
}

/// What the log of a server says when it serves.
pub fn serves() -> &'static [&'static str] {
    if is_lab() { &["af_xdp (", "answering on ["] } else { &["answering on [::"] }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
