//! The `[server]` section.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::problem::table::{Table, read};
use crate::problem::{Location, Problems};

/// How the server listens and answers.
#[derive(Debug, Clone)]
pub struct Server {
    /// UDP and TCP on each.
    pub listen: Vec<SocketAddr>,
    /// UDP workers for each address; 0: one for each core.
    pub workers: usize,
    /// Name server identifier (RFC 5001).
    pub nsid: Option<String>,
    /// The account to drop to after binding when started as root.
    pub user: Option<String>,
    /// Where `user` stands, for those who find fault with it.
    pub user_spot: Option<Location>,
    /// Largest UDP answer in octets, also what OPT records announce (RFC 6891 section 6.2.5).
    pub edns_udp_size: u16,
    /// Whether the client subnet option is honoured (RFC 7871).
    pub ecs: bool,
    /// Who may ask the diagnostic names.
    pub explain: Explain,
    /// How UDP is served.
    pub udp: UdpMode,
    /// Whether each UDP worker keeps to a core and is given what that core handles.
    pub affinity: bool,
    /// Most TCP connections at once.
    pub tcp_max_connections: usize,
    /// An idle TCP connection is closed after this long.
    pub tcp_idle: Duration,
}

/// Who may ask the diagnostic names (`explain` in the configuration).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Explain {
    /// Everybody.
    Public,
    /// Loopback and private addresses: RFC 1918, RFC 3927, RFC 4193, link-local ones of IPv6.
    #[default]
    Local,
    /// Nobody: there are no such names.
    Off,
}

/// How UDP is served (`udp` in the configuration).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UdpMode {
    /// The best that the system has.
    #[default]
    Auto,
    /// Batches by recvmmsg(2) and sendmmsg(2): Linux.
    Mmsg,
    /// One datagram after the other, by calls that every system has.
    ///
    /// Bound to a wildcard, answers leave from the address that routing chooses, which need not be the one
    /// that was asked (RFC 2181 section 4.1): list the addresses one by one instead. The configuration's
    /// reader warns of it.
    Portable,
}

impl Explain {
    /// Whether a query from this address may ask.
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Public => true,
            Self::Local => is_local(address.to_canonical()),
            Self::Off => false,
        }
    }
}

fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: vec![
                SocketAddr::from(([127, 0, 0, 1], 5300)),
                SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 5300)),
            ],
            workers: 0,
            nsid: None,
            user: None,
            user_spot: None,
            edns_udp_size: 1232,
            ecs: true,
            explain: Explain::Local,
            udp: UdpMode::Auto,
            affinity: false,
            tcp_max_connections: 1024,
            tcp_idle: Duration::from_secs(10),
        }
    }
}

/// Whether one of two addresses is the wildcard of the other's family, at the same port.
fn covers(one: SocketAddr, other: SocketAddr) -> bool {
    one.is_ipv4() == other.is_ipv4()
        && one.port() == other.port()
        && one.ip().is_unspecified() != other.ip().is_unspecified()
}

impl Server {
    pub(super) fn read(table: Option<Table<'_>>, problems: &mut Problems) -> Self {
        let mut server = Self::default();
        let Some(mut table) = table else { return server };
        let wildcards = server.listen(&mut table, problems);
        let workers =
            table.get("workers", "a number; 0 for one per core", problems, read::integer(0..=1024));
        server.workers = workers.map_or(0, |workers| workers.value as usize);
        // RFC 5001 section 2.3: opaque octets; kept well below what an answer has room for.
        let nsid =
            table.get("nsid", "1 to 128 characters", problems, |value| match value.as_str() {
                Some(text) if (1..=128).contains(&text.len()) => Ok(text.to_owned()),
                Some("") => Err("it is empty".to_owned()),
                Some(text) => Err(format!("{} octets are too many", text.len())),
                None => Err(String::new()),
            });
        server.nsid = nsid.map(|nsid| nsid.value);
        let user = table.get("user", "an account's name", problems, read::string);
        (server.user, server.user_spot) = user.map(|user| (user.value, user.location)).unzip();
        let size =
            table.get("edns-udp-size", "octets, 512 to 4096", problems, read::integer(512..=4096));
        server.edns_udp_size = size.map_or(server.edns_udp_size, |size| size.value as u16);
        server.ecs =
            table.get("ecs", "true or false", problems, read::boolean).is_none_or(|ecs| ecs.value);
        server.explain(&mut table, problems);
        server.udp_mode(&mut table, problems);
        server.affinity(&mut table, problems);
        server.check_wildcards(wildcards, problems);
        let connections = table.get(
            "tcp-max-connections",
            "a number, at least 1",
            problems,
            read::integer(1..=1_000_000),
        );
        server.tcp_max_connections =
            connections.map_or(server.tcp_max_connections, |n| n.value as usize);
        let idle = table.get("tcp-idle", "a duration such as \"10s\"", problems, super::of_seconds);
        server.tcp_idle = idle.map_or(server.tcp_idle, |idle| idle.value);
        table.finish(problems);
        server
    }

    /// Reads the addresses; returns where wildcards stand.
    fn listen(&mut self, table: &mut Table<'_>, problems: &mut Problems) -> Vec<Location> {
        let mut wildcards = Vec::new();
        let location = table.key_spot("listen");
        let expected =
            "an address and a port: \"192.0.2.1:53\", \"[2001:db8::1]:53\", \"0.0.0.0:53\"";
        let Some(listen) = table.list("listen", expected, problems, read::parsed::<SocketAddr>)
        else {
            return wildcards;
        };
        self.listen.clear();
        for placed in listen {
            if self.listen.contains(&placed.value) {
                problems.error(
                    placed.location,
                    format!("{} is named twice", placed.value),
                    "keep one",
                );
                continue;
            }
            if let Some(other) = self.listen.iter().find(|other| covers(**other, placed.value)) {
                let (all, one) = if other.ip().is_unspecified() {
                    (*other, placed.value)
                } else {
                    (placed.value, *other)
                };
                let what = format!("{one} is one of the addresses of {all}");
                problems.error(
                    placed.location,
                    what,
                    "keep the wildcard, or list addresses one by one",
                );
                continue;
            }
            if placed.value.ip().is_unspecified() {
                wildcards.push(placed.location);
            }
            self.listen.push(placed.value);
        }
        if self.listen.is_empty() && !problems.has_errors() {
            problems.error(location, "`listen` names no address", format!("write {expected}"));
        }
        wildcards
    }

    /// RFC 2181 section 4.1: answers come from the address that was asked. On a wildcard that takes packet info.
    fn check_wildcards(&self, wildcards: Vec<Location>, problems: &mut Problems) {
        for location in wildcards.into_iter().filter(|_| self.is_portable()) {
            problems.warning(
                location,
                "portable UDP on a wildcard answers from the address that routing chooses, not from the one asked",
                "resolvers drop such answers where a machine has several addresses: list them one by one",
            );
        }
    }

    /// Off by default: where all queries come by one core (a card with one queue, loopback), one worker would get them all.
    fn affinity(&mut self, table: &mut Table<'_>, problems: &mut Problems) {
        let Some(affinity) = table.get("affinity", "true or false", problems, read::boolean) else {
            return;
        };
        self.affinity = affinity.value;
        if affinity.value && self.is_portable() {
            problems.warning(
                affinity.location,
                "`affinity` has no effect on portable UDP, which has no threads of its own",
                "take it out, or serve with `udp = \"mmsg\"` on Linux",
            );
        }
    }

    /// Whether this system serves UDP in portable mode.
    fn is_portable(&self) -> bool {
        match self.udp {
            UdpMode::Portable => true,
            UdpMode::Auto => !cfg!(target_os = "linux"),
            UdpMode::Mmsg => false,
        }
    }

    fn explain(&mut self, table: &mut Table<'_>, problems: &mut Problems) {
        let explain =
            table.get("explain", "\"public\", \"local\" or \"off\"", problems, |value| match value
                .as_str()
            {
                Some("public") => Ok(Explain::Public),
                Some("local") => Ok(Explain::Local),
                Some("off") => Ok(Explain::Off),
                _ => Err(String::new()),
            });
        self.explain = explain.map_or(self.explain, |explain| explain.value);
    }

    fn udp_mode(&mut self, table: &mut Table<'_>, problems: &mut Problems) {
        let udp = table.get("udp", "\"auto\", \"mmsg\" or \"portable\"", problems, |value| {
            match value.as_str() {
                Some("auto") => Ok(UdpMode::Auto),
                Some("mmsg") => Ok(UdpMode::Mmsg),
                Some("portable") => Ok(UdpMode::Portable),
                _ => Err(String::new()),
            }
        });
        self.udp = udp.map_or(self.udp, |udp| udp.value);
    }
}
