//! The resolver that finds the parent's name servers.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use hickory_net::proto::op::{DnsResponse, ResponseCode};
use hickory_net::proto::rr::{RData, Record};

use crate::cli::live::client::ask_whole;
use crate::cli::live::server::PORT;
use crate::cli::output::Failure;
use crate::explaining::query::{from_hickory, plain, with_edns};
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;

/// Where the system's resolvers are configured.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The resolvers, and what they have answered.
pub(super) struct Resolver {
    /// They are asked in this order until one answers.
    servers: Vec<SocketAddr>,
    /// The servers of parent zones, by zone.
    parents: HashMap<Name, Vec<ParentServer>>,
    addresses: HashMap<Name, Vec<IpAddr>>,
}

/// A name server of a parent zone.
#[derive(Debug, Clone)]
pub(super) struct ParentServer {
    pub name: Name,
    pub address: SocketAddr,
}

impl Resolver {
    /// The resolver of the command line, or else those of the system.
    pub(super) fn of(argument: Option<SocketAddr>) -> Result<Self, Failure> {
        let servers = match argument {
            Some(server) => vec![server],
            None => configured()?,
        };
        Ok(Self { servers, parents: HashMap::new(), addresses: HashMap::new() })
    }

    /// The name servers of the zone that contains `above`, with each of their addresses. They are
    /// asked at this port.
    pub(super) async fn parent(
        &mut self,
        above: &Name,
        port: u16,
    ) -> Result<Vec<ParentServer>, Failure> {
        let zone = self.zone_of(above).await?;
        if let Some(known) = self.parents.get(&zone) {
            return Ok(known.clone());
        }
        let answer = self.ask(&zone, rtype::NS).await?;
        let names: Vec<Name> = answer.answers.iter().filter_map(target).collect();
        let mut servers = Vec::new();
        for name in names {
            for address in self.addresses(&name).await? {
                let address = SocketAddr::new(address, port);
                servers.push(ParentServer { name: name.clone(), address });
            }
        }
        if servers.is_empty() {
            let resolver = self.described();
            return Err(Failure::new(format!(
                "{resolver} knows no name server with an address for the parent zone {zone}: is it \
                 a resolver? Name another with --resolver"
            )));
        }
        self.parents.insert(zone, servers.clone());
        Ok(servers)
    }

    /// The zone that contains a name: the owner of the SOA record, which stands in the answer or,
    /// for names that are no zone, in the authority section (RFC 2308 section 3).
    async fn zone_of(&self, name: &Name) -> Result<Name, Failure> {
        let answer = self.ask(name, rtype::SOA).await?;
        let records = answer.answers.iter().chain(&answer.authorities);
        let soa = records.filter(|record| matches!(record.data, RData::SOA(_))).map(owner);
        let mut zones = soa.filter(|zone| name.is_within(zone));
        zones.next().ok_or_else(|| {
            let (code, resolver) = (answer.metadata.response_code, self.described());
            Failure::new(format!(
                "{resolver} does not say in which zone {name} is ({code}): is it a resolver? Name \
                 another with --resolver"
            ))
        })
    }

    /// The addresses of a name; empty if it has none or cannot be resolved.
    pub(super) async fn addresses(&mut self, name: &Name) -> Result<Vec<IpAddr>, Failure> {
        if let Some(known) = self.addresses.get(name) {
            return Ok(known.clone());
        }
        let mut addresses = Vec::new();
        for qtype in [rtype::A, rtype::AAAA] {
            let answer = self.ask(name, qtype).await?;
            if answer.metadata.response_code == ResponseCode::NoError {
                addresses.extend(answer.answers.iter().filter_map(|record| address(&record.data)));
            }
        }
        self.addresses.insert(name.clone(), addresses.clone());
        Ok(addresses)
    }

    async fn ask(&self, name: &Name, qtype: u16) -> Result<DnsResponse, Failure> {
        let mut query = with_edns(plain(name, qtype), 0);
        query.metadata.recursion_desired = true;
        let mut failure = Failure::new(format!("{RESOLV_CONF} names no resolver: use --resolver"));
        for server in &self.servers {
            match ask_whole(*server, &query).await {
                Ok(answer) => return Ok(answer),
                Err(reason) => {
                    failure = Failure::new(format!(
                        "the resolver {server} does not answer: {reason}; name another with --resolver"
                    ));
                }
            }
        }
        Err(failure)
    }

    fn described(&self) -> String {
        let servers: Vec<String> = self.servers.iter().map(ToString::to_string).collect();
        format!("the resolver {}", servers.join(" or "))
    }
}

/// The system's resolvers.
fn configured() -> Result<Vec<SocketAddr>, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!("{RESOLV_CONF}: {error}; name a resolver with --resolver"))
    };
    let text = std::fs::read(RESOLV_CONF).map_err(|error| failed(&error))?;
    let config = resolv_conf::Config::parse(text).map_err(|error| failed(&error))?;
    let servers = config.nameservers.iter();
    Ok(servers.map(|server| SocketAddr::new(server.into(), PORT)).collect())
}

/// The owner of a record.
pub(super) fn owner(record: &Record) -> Name {
    from_hickory(&record.name)
}

/// The name server that an NS record names.
pub(super) fn target(record: &Record) -> Option<Name> {
    if let RData::NS(target) = &record.data { Some(from_hickory(&target.0)) } else { None }
}

/// The address of an A or AAAA record.
pub(super) fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(a.0.into()),
        RData::AAAA(aaaa) => Some(aaaa.0.into()),
        _ => None,
    }
}
