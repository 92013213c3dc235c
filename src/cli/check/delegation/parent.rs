//! What the parent's name servers say about a zone.

use std::fmt;
use std::net::IpAddr;

use hickory_net::proto::op::{DnsResponse, ResponseCode};
use hickory_net::proto::rr::Record;
use hickory_net::proto::serialize::binary::BinEncodable;

use super::resolver::{ParentServer, address, owner, target};
use crate::cli::live::client::{NoAnswer, ask_whole};
use crate::explaining::query::{plain, with_edns};
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;

/// The answers of all name servers of the parent zone.
#[derive(Debug, Clone, Default)]
pub(super) struct Parent {
    pub answers: Vec<(ParentServer, ParentAnswer)>,
}

/// What one of them answers when it is asked for the NS records of the zone.
#[derive(Debug, Clone)]
pub(super) enum ParentAnswer {
    /// A referral (RFC 1034 section 4.3.2).
    Delegation(Delegation),
    /// It serves the zone itself, so its answer does not show the delegation.
    ServesZone,
    /// There is no delegation; how it says so.
    NotDelegated(String),
    /// It does not serve the parent zone; what it answers.
    Lame(String),
    /// It does not answer.
    Silent(NoAnswer),
}

/// The delegation of a zone.
#[derive(Debug, Clone)]
pub(super) struct Delegation {
    pub ns: Vec<Name>,
    pub glue: Vec<(Name, IpAddr)>,
    /// The data of its DS records (RFC 4034 section 5).
    pub ds: Vec<Vec<u8>>,
}

impl Parent {
    /// Asks these name servers.
    pub(super) async fn ask(origin: &Name, servers: Vec<ParentServer>) -> Self {
        let mut answers = Vec::new();
        for server in servers {
            let answer = ask(origin, &server).await;
            answers.push((server, answer));
        }
        Self { answers }
    }

    /// The delegations, each with the server that has it.
    pub(super) fn delegations(&self) -> impl Iterator<Item = (&ParentServer, &Delegation)> {
        self.answers.iter().filter_map(|(server, answer)| match answer {
            ParentAnswer::Delegation(delegation) => Some((server, delegation)),
            _ => None,
        })
    }

    /// The name servers to which the parent delegates; a name may come more than once.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.delegations().flat_map(|(_, delegation)| &delegation.ns)
    }

    /// The glue of a name server; an address may come more than once.
    pub(super) fn glue<'p>(&'p self, name: &'p Name) -> impl Iterator<Item = IpAddr> + 'p {
        let glue = self.delegations().flat_map(|(_, delegation)| &delegation.glue);
        glue.filter(move |(owner, _)| owner == name).map(|(_, address)| *address)
    }
}

async fn ask(origin: &Name, server: &ParentServer) -> ParentAnswer {
    let answer = match ask_whole(server.address, &with_edns(plain(origin, rtype::NS), 0)).await {
        Ok(answer) => answer,
        Err(reason) => return ParentAnswer::Silent(reason),
    };
    match read(origin, &answer) {
        ParentAnswer::Delegation(delegation) => {
            let ds = ask_whole(server.address, &with_edns(plain(origin, rtype::DS), 0)).await;
            let ds = ds.map(|answer| answer.answers.iter().filter_map(ds_data).collect());
            ParentAnswer::Delegation(Delegation { ds: ds.unwrap_or_default(), ..delegation })
        }
        other => other,
    }
}

/// The data of a record if it is a DS record. hickory knows its form only with the feature for
/// DNSSEC, and is asked for octets in either case.
fn ds_data(record: &Record) -> Option<Vec<u8>> {
    let is_ds = u16::from(record.record_type()) == rtype::DS;
    is_ds.then(|| record.data.to_bytes().ok()).flatten()
}

fn read(origin: &Name, answer: &DnsResponse) -> ParentAnswer {
    let code = answer.metadata.response_code;
    let is_authoritative = answer.metadata.authoritative;
    let of_zone = |records: &[Record]| -> Vec<Name> {
        records.iter().filter(|record| owner(record) == *origin).filter_map(target).collect()
    };
    let (answered, referred) = (of_zone(&answer.answers), of_zone(&answer.authorities));
    match code {
        ResponseCode::NoError if is_authoritative && !answered.is_empty() => {
            ParentAnswer::ServesZone
        }
        ResponseCode::NoError if !is_authoritative && !referred.is_empty() => {
            let glue = answer.additionals.iter();
            let glue = glue.filter_map(|record| Some((owner(record), address(&record.data)?)));
            let glue = glue.collect();
            ParentAnswer::Delegation(Delegation { ns: referred, glue, ds: Vec::new() })
        }
        ResponseCode::NoError if is_authoritative => ParentAnswer::NotDelegated(
            "it answers that the name exists without NS records".to_owned(),
        ),
        ResponseCode::NXDomain if is_authoritative => {
            ParentAnswer::NotDelegated("it answers NXDOMAIN".to_owned())
        }
        ResponseCode::NoError => {
            ParentAnswer::Lame("it answers without authority and without the zone's NS".to_owned())
        }
        other => ParentAnswer::Lame(format!("it answers {other}")),
    }
}

impl fmt::Display for ParentServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.address.ip())
    }
}
