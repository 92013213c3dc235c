//! What the zone files say about the name servers of each zone.

use std::net::IpAddr;

use crate::export::ServedZones;
use cvdns_core::config::Transfer;
use cvdns_core::dnssec::Dnskey;
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use cvdns_core::zone::{Records, Rrset};
use cvdns_dnssec::trusted_keys;

/// A zone that is served, as its files have it.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub origin: Name,
    /// SERIAL of the SOA record in the file; `None` if the zone is transferred to secondaries: it
    /// has a serial of its own then.
    pub serial: Option<u32>,
    pub servers: Vec<NameServer>,
    /// The keys to which DS records at the parent are to refer; `None` if the zone is not signed
    /// here.
    pub trusted: Option<Vec<Dnskey>>,
    /// Number of its zone file in the configuration.
    pub file: usize,
    /// Whether it is the first zone of its zone file: only that is checked in every detail, as all
    /// zones of a `{cc}` origin have the same name servers and names.
    pub first_of_file: bool,
}

/// A name server of the NS records of a zone.
#[derive(Debug, Clone)]
pub(super) struct NameServer {
    pub name: Name,
    /// Its addresses where its zone is served here too; `None`: a resolver knows them.
    pub addresses: Option<Vec<IpAddr>>,
    /// Whether the parent needs its addresses as glue: it lies within the zone (RFC 9471).
    pub needs_glue: bool,
}

/// All zones of a configuration.
pub(super) fn subjects(inputs: &Inputs, transfer: &Transfer) -> Vec<Subject> {
    let served = ServedZones::of(inputs);
    let mut subjects = Vec::new();
    for (file, input) in inputs.zones.iter().enumerate() {
        for (number, zone) in input.zones.iter().enumerate() {
            let records = &*zone.records;
            subjects.push(Subject {
                origin: records.origin.clone(),
                serial: (!is_transferred(records, transfer)).then(|| serial(records)),
                servers: servers(records, &served),
                trusted: zone.signing.as_ref().map(|signing| trusted_keys(signing)),
                file,
                first_of_file: number == 0,
            });
        }
    }
    subjects
}

/// Whether secondaries may transfer a zone.
fn is_transferred(records: &Records, transfer: &Transfer) -> bool {
    transfer.secondaries.iter().any(|secondary| secondary.takes(&records.origin))
}

/// SERIAL is the first of the five numbers that end the RDATA (RFC 1035 section 3.3.13).
fn serial(records: &Records) -> u32 {
    let soa = records.get(&records.origin, rtype::SOA);
    let rdata = soa.as_ref().and_then(Rrset::first);
    let numbers = rdata.and_then(|rdata| rdata.last_chunk::<20>());
    numbers.and_then(|numbers| numbers.first_chunk().copied()).map_or(0, u32::from_be_bytes)
}

fn servers(records: &Records, served: &ServedZones<'_>) -> Vec<NameServer> {
    let Some(ns) = records.get(&records.origin, rtype::NS) else { return Vec::new() };
    let names = ns.rdatas().filter_map(|rdata| Name::from_wire(rdata).ok());
    let server = |name: Name| {
        let addresses = served.of_name(&name).map(|zone| addresses(zone, &name));
        NameServer { needs_glue: name.is_within(&records.origin), addresses, name }
    };
    names.map(server).collect()
}

fn addresses(zone: &Records, name: &Name) -> Vec<IpAddr> {
    let v4 = zone.get(name, rtype::A);
    let v6 = zone.get(name, rtype::AAAA);
    let v4 = v4
        .iter()
        .flat_map(Rrset::rdatas)
        .filter_map(|rdata| rdata.first_chunk::<4>().map(|octets| IpAddr::from(*octets)));
    let v6 = v6
        .iter()
        .flat_map(Rrset::rdatas)
        .filter_map(|rdata| rdata.first_chunk::<16>().map(|octets| IpAddr::from(*octets)));
    v4.chain(v6).collect()
}
