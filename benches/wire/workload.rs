//! What is asked: kinds of queries as clients of a mirror network send them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use maxminddb::{Reader, WithinOptions};

use crate::cvdns;
use crate::deck::{Asked, Deck};
use crate::fleet::Fleet;
use crate::queries::{A, AAAA, Edns, Numbers, TXT, query};

/// How many queries a workload goes through.
const QUERIES: usize = 100_000;

const NXDOMAIN: u8 = 3;

/// A kind of load. All of it with EDNS, payload size 1232.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// The version record.
    Record,
    /// IPv4 addresses of any country of the fleet.
    Country,
    /// IPv4 addresses near the /24 of any network that the database knows.
    Client,
    /// 40 % the record, 35 % near clients, 20 % of countries, 5 % names that do not exist.
    Mixed,
    /// Any of so many names of the master file.
    Static(usize),
}

/// The kinds that servers are compared by.
pub const ALL: [Workload; 4] =
    [Workload::Record, Workload::Country, Workload::Client, Workload::Mixed];

impl Workload {
    /// Whether answers depend on where clients are.
    pub fn needs_geography(self) -> bool {
        matches!(self, Self::Client | Self::Mixed)
    }

    /// The queries, the same in every run.
    pub fn deck(self, fleet: &Fleet, networks: &Networks) -> Deck {
        let mut asking = Asking { fleet, networks, numbers: Numbers(11) };
        let asked = (0..QUERIES).map(|_| match self {
            Self::Record => asking.record(0),
            Self::Country => asking.country(A),
            Self::Client => asking.client(A, 100),
            Self::Mixed => asking.mixed(),
            Self::Static(names) => asking.static_name(names),
        });
        Deck::new(asked)
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => f.pad("record"),
            Self::Country => f.pad("db.XY"),
            Self::Client => f.pad("db.local"),
            Self::Mixed => f.pad("mixed"),
            Self::Static(names) => f.pad(&format!("{names} static names")),
        }
    }
}

struct Asking<'a> {
    fleet: &'a Fleet,
    networks: &'a Networks,
    numbers: Numbers,
}

impl Asking<'_> {
    fn mixed(&mut self) -> Asked {
        // Two of three clients ask for IPv4.
        let qtype = *self.numbers.one_of(&[A, A, AAAA]);
        match self.numbers.below(100) {
            0..40 => self.record(30),
            40..75 => self.client(qtype, 50),
            75..95 => self.country(qtype),
            _ => self.missing(),
        }
    }

    fn record(&mut self, with_subnet: usize) -> Asked {
        self.ask("current.cvd.clamav.net", TXT, with_subnet)
    }

    fn client(&mut self, qtype: u16, with_subnet: usize) -> Asked {
        self.ask("db.local.clamav.net", qtype, with_subnet)
    }

    fn country(&mut self, qtype: u16) -> Asked {
        let country = self.numbers.one_of(&self.fleet.countries);
        self.ask(&format!("db.{country}.clamav.net"), qtype, 0)
    }

    fn static_name(&mut self, names: usize) -> Asked {
        let name = format!("h{}.clamav.net", self.numbers.below(names));
        self.ask(&name, A, 0)
    }

    fn missing(&mut self) -> Asked {
        let label: String =
            (0..8).map(|_| *self.numbers.one_of(&['a', 'b', 'c', 'd', 'e', 'f', 'g'])).collect();
        let asked = self.ask(&format!("{label}.clamav.net"), A, 0);
        Asked { rcode: NXDOMAIN, least: 0, ..asked }
    }

    fn ask(&mut self, name: &str, qtype: u16, with_subnet: usize) -> Asked {
        let subnet = self.numbers.chance(with_subnet);
        let edns = if subnet {
            Edns::Subnet(self.networks.address(&mut self.numbers))
        } else {
            Edns::Plain
        };
        // Not every country has IPv6.
        Asked { packet: query(name, qtype, edns), rcode: 0, least: u8::from(qtype != AAAA) }
    }
}

/// The IPv4 networks that the country database knows: first address and prefix length.
pub struct Networks(Vec<(Ipv4Addr, u8)>);

impl Networks {
    pub fn read() -> Self {
        let reader = Reader::open_readfile(cvdns::database()).expect("the country database");
        let all = "0.0.0.0/0".parse().expect("a network");
        let networks = reader.within(all, WithinOptions::default()).expect("a search tree");
        let known = networks.filter_map(|found| {
            let found = found.expect("a network of the database");
            let network = found.network().expect("a network");
            match network.ip() {
                IpAddr::V4(first) if found.has_data() => Some((first, network.prefix())),
                _ => None,
            }
        });
        Self(known.collect())
    }

    /// Any address of any of them.
    fn address(&self, numbers: &mut Numbers) -> IpAddr {
        let (first, prefix) = *numbers.one_of(&self.0);
        let host = numbers.v4().checked_shr(prefix.into()).unwrap_or(0);
        IpAddr::V4(Ipv4Addr::from(u32::from(first) | host))
    }
}
