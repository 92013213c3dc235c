//! Workloads: queries as clients of a mirror network send them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use maxminddb::{Reader, WithinOptions};

use crate::cvdns;
use crate::fleet::Fleet;
use crate::queries::{A, AAAA, Edns, Numbers, TXT, query};
use crate::query_set::{ExpectedQuery, QuerySet};

/// Number of different queries of a workload.
const QUERIES: usize = 100_000;

const NXDOMAIN: u8 = 3;

/// A kind of load. All queries have EDNS with a payload size of 1232 octets.
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
    /// Names of the master file, of which there are so many.
    Static(usize),
}

/// The workloads by which servers are compared.
pub const ALL: [Workload; 4] =
    [Workload::Record, Workload::Country, Workload::Client, Workload::Mixed];

impl Workload {
    /// Whether answers depend on where clients are.
    pub fn needs_geography(self) -> bool {
        matches!(self, Self::Client | Self::Mixed)
    }

    /// Whether all queries have the same length.
    pub fn has_one_length(self) -> bool {
        matches!(self, Self::Record | Self::Country | Self::Client)
    }

    /// The queries, the same in every run.
    pub fn queries(self, fleet: &Fleet, networks: &Networks) -> QuerySet {
        let mut asking = Asking { fleet, networks, numbers: Numbers(11) };
        let query = (0..QUERIES).map(|_| match self {
            Self::Record => asking.record(0),
            Self::Country => asking.country(A),
            Self::Client => asking.client(A, 100),
            Self::Mixed => asking.mixed(),
            Self::Static(names) => asking.static_name(names),
        });
        QuerySet::new(query)
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
    fn mixed(&mut self) -> ExpectedQuery {
        // Two of three clients ask for IPv4.
        let qtype = *self.numbers.one_of(&[A, A, AAAA]);
        match self.numbers.below(100) {
            0..40 => self.record(30),
            40..75 => self.client(qtype, 50),
            75..95 => self.country(qtype),
            _ => self.missing(),
        }
    }

    fn record(&mut self, with_subnet: usize) -> ExpectedQuery {
        self.ask("current.cvd.clamav.net", TXT, with_subnet)
    }

    fn client(&mut self, qtype: u16, with_subnet: usize) -> ExpectedQuery {
        self.ask("db.local.clamav.net", qtype, with_subnet)
    }

    fn country(&mut self, qtype: u16) -> ExpectedQuery {
        let country = self.numbers.one_of(&self.fleet.countries);
        self.ask(&format!("db.{country}.clamav.net"), qtype, 0)
    }

    fn static_name(&mut self, names: usize) -> ExpectedQuery {
        let name = format!("h{}.clamav.net", self.numbers.below(names));
        self.ask(&name, A, 0)
    }

    fn missing(&mut self) -> ExpectedQuery {
        let label: String =
            (0..8).map(|_| *self.numbers.one_of(&['a', 'b', 'c', 'd', 'e', 'f', 'g'])).collect();
        let query = self.ask(&format!("{label}.clamav.net"), A, 0);
        ExpectedQuery { rcode: NXDOMAIN, least: 0, ..query }
    }

    fn ask(&mut self, name: &str, qtype: u16, with_subnet: usize) -> ExpectedQuery {
        let subnet = self.numbers.chance(with_subnet);
        let edns = if subnet {
            Edns::Subnet(self.networks.address(&mut self.numbers))
        } else {
            Edns::Plain
        };
        // Not every country has IPv6.
        ExpectedQuery { packet: query(name, qtype, edns), rcode: 0, least: u8::from(qtype != AAAA) }
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

    /// A random address in one of the networks.
    fn address(&self, numbers: &mut Numbers) -> IpAddr {
        let (first, prefix) = *numbers.one_of(&self.0);
        let host = numbers.v4().checked_shr(prefix.into()).unwrap_or(0);
        IpAddr::V4(Ipv4Addr::from(u32::from(first) | host))
    }
}
