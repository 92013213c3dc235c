//! The `[server]` section.

use std::net::SocketAddr;
use std::time::Duration;

use super::explain::Explain;
use super::keys::server as keys;
pub(super) use super::keys::server::check_nsid;
use super::udp_mode::UdpMode;
use crate::problem::Location;
use crate::problem::table::{Placed, Table};

/// How the server listens and answers (`[server]`).
#[derive(Debug, Clone)]
pub struct Server {
    /// Addresses, each for UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// UDP workers for each address; 0 means one for each core.
    pub workers: usize,
    /// Name server identifier (RFC 5001).
    pub nsid: Option<String>,
    /// Account to which a server that root starts drops after binding.
    pub user: Option<String>,
    /// Location of `user` in the file.
    pub user_location: Option<Location>,
    /// Largest UDP answer in octets, which OPT records announce too (RFC 6891 section 6.2.5).
    pub edns_udp_size: u16,
    /// Whether the client subnet option is honoured (RFC 7871).
    pub ecs: bool,
    /// Who may ask the diagnostic names.
    pub explain: Explain,
    /// How UDP is served.
    pub udp: UdpMode,
    /// Whether each UDP worker keeps to one core and gets the queries that this core handles.
    pub affinity: bool,
    /// Most TCP connections of one IPv4 address or IPv6 /64.
    pub tcp_max_per_client: usize,
    /// Most TCP connections at once.
    pub tcp_max_connections: usize,
    /// Time after which an idle TCP connection is closed.
    pub tcp_idle: Duration,
    /// Path of the socket by which another process takes over. `None`: none can.
    pub takeover: Option<Placed<String>>,
    /// Whether the server gives up files, TCP connections and system calls that it does not need.
    pub sandbox: bool,
}

impl Server {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let (listen, wildcards) = listen(&mut table);
        let workers = table.value(&keys::WORKERS);
        let nsid = table.get(&keys::NSID).map(|nsid| nsid.value);
        let user = table.get(&keys::USER);
        let (user, user_location) = user.map(|user| (user.value, user.location)).unzip();
        let edns_udp_size = table.value(&keys::EDNS_UDP_SIZE);
        let ecs = table.value(&keys::ECS);
        let explain = table.value(&keys::EXPLAIN);
        let udp = table.value(&keys::UDP);
        let affinity = affinity(&mut table, udp);
        warn_of_wildcards(&table, wildcards, udp);
        let server = Self {
            listen,
            workers,
            nsid,
            user,
            user_location,
            edns_udp_size,
            ecs,
            explain,
            udp,
            affinity,
            tcp_max_per_client: table.value(&keys::TCP_MAX_PER_CLIENT),
            tcp_max_connections: table.value(&keys::TCP_MAX_CONNECTIONS),
            tcp_idle: table.value(&keys::TCP_IDLE),
            takeover: table.get(&keys::TAKEOVER),
            sandbox: table.value(&keys::SANDBOX),
        };
        table.finish();
        server
    }
}

/// Reads the addresses; also returns the locations of wildcards.
fn listen(table: &mut Table<'_>) -> (Vec<SocketAddr>, Vec<Location>) {
    let (mut addresses, mut wildcards) = (Vec::new(), Vec::new());
    let location = table.key_location(&keys::LISTEN);
    let errors_before = table.error_count();
    let Some(listen) = table.list(&keys::LISTEN) else {
        return (keys::LISTEN.preset(), wildcards);
    };
    for placed in listen {
        if let Some((what, help)) = conflict(&addresses, placed.value) {
            table.error(placed.location, what, help);
            continue;
        }
        if placed.value.ip().is_unspecified() {
            wildcards.push(placed.location);
        }
        addresses.push(placed.value);
    }
    if addresses.is_empty() && table.error_count() == errors_before {
        let help = format!("write {}", keys::LISTEN.expected());
        table.error(location, "`listen` names no address", help);
    }
    (addresses, wildcards)
}

/// Why an address cannot be listened on beside those that are `known`, and what to do; `None` if it
/// can.
pub(super) fn conflict(
    known: &[SocketAddr],
    address: SocketAddr,
) -> Option<(String, &'static str)> {
    if known.contains(&address) {
        return Some((format!("{address} is named twice"), "keep one"));
    }
    let other = *known.iter().find(|other| covers(**other, address))?;
    let (all, one) = if other.ip().is_unspecified() { (other, address) } else { (address, other) };
    let what = format!("{one} is one of the addresses of {all}");
    Some((what, "keep the wildcard, or list addresses one by one"))
}

/// Whether two sockets of one protocol cannot be bound to these addresses.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one == other || covers(one, other)
}

/// Whether one of two addresses is the wildcard of the other's family, at the same port.
fn covers(one: SocketAddr, other: SocketAddr) -> bool {
    one.is_ipv4() == other.is_ipv4()
        && one.port() == other.port()
        && one.ip().is_unspecified() != other.ip().is_unspecified()
}

/// The warning of portable UDP on a wildcard, and its help.
pub(super) fn wildcard_warning() -> (&'static str, &'static str) {
    (
        "portable UDP on a wildcard answers from the address that routing chooses, not from the \
         one asked",
        "resolvers drop such answers where a machine has several addresses: list them one by one",
    )
}

/// RFC 2181 section 4.1: answers come from the address that was asked. On a wildcard, this needs
/// packet information, which portable mode does not have.
fn warn_of_wildcards(table: &Table<'_>, wildcards: Vec<Location>, udp: UdpMode) {
    for location in wildcards.into_iter().filter(|_| udp.is_portable()) {
        let (what, help) = wildcard_warning();
        table.warning(location, what, help);
    }
}

/// Off by default: if all queries come by one core (a card with one queue, loopback), one worker
/// would get them all.
fn affinity(table: &mut Table<'_>, udp: UdpMode) -> bool {
    let Some(affinity) = table.get(&keys::AFFINITY) else { return keys::AFFINITY.preset() };
    if affinity.value && udp.is_portable() {
        table.warning(
            affinity.location,
            "`affinity` has no effect on portable UDP, which has no threads of its own",
            "take it out, or serve with `udp = \"mmsg\"` on Linux",
        );
    }
    affinity.value
}
