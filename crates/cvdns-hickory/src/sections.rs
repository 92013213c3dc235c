//! The records of a decision, by section.

use cvdns_core::decision::{Chain, Decision, Outcome};
use cvdns_core::snapshot::static_data::Cut;
use cvdns_core::snapshot::{Snapshot, put_serial};
use cvdns_core::wire::name::{MAX_NAME, lowered};
use cvdns_core::wire::{class, rtype};
use cvdns_core::zone::records::Rrset;
use hickory_server::proto::rr::{Name, Record};

use crate::aliases::{CurrentName, add_aliases};
use crate::record::{RecordFields, add_set, name};

/// The records of an answer.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    /// Answer section.
    pub answer: Vec<Record>,
    /// Authority section.
    pub authority: Vec<Record>,
    /// Additional section, without OPT and TSIG.
    pub additional: Vec<Record>,
}

/// What an answer is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rendered<'r, 's> {
    /// The snapshot that was decided by.
    pub snapshot: &'s Snapshot,
    /// What was decided.
    pub decision: &'r Decision<'s>,
    /// The aliases that lead to the answer.
    pub chain: &'r Chain,
    /// Chooses the window.
    pub turn: u64,
}

impl Rendered<'_, '_> {
    /// The records of the answer to a question for this name, in wire form and in the client's
    /// case. `None` if the snapshot lacks any of them, which is a defect.
    pub(crate) fn sections(self, qname: &[u8]) -> Option<Sections> {
        let mut sections = Sections::default();
        let mut current = CurrentName::new(qname);
        add_aliases(self.chain, &self.snapshot.static_data, &mut current, &mut sections.answer)?;
        self.add_end(&current, &mut sections)?;
        Some(sections)
    }

    /// Adds the records at the name that has the answer.
    fn add_end(self, current: &CurrentName, sections: &mut Sections) -> Option<()> {
        let static_data = &*self.snapshot.static_data;
        let owner = name(current.wire())?;
        match self.decision.outcome {
            Outcome::Static { rrset, .. } | Outcome::DownloadReport { rrset, .. } => {
                self.add_static(&owner, &static_data.rrset(rrset)?, &mut sections.answer)
            }
            Outcome::Pool { answer, ipv6, .. } => {
                let window = answer.windows(ipv6).window(self.turn);
                add_prepared(&owner, window, &mut sections.answer)
            }
            Outcome::Text { template, .. } => {
                add_prepared(&owner, template.octets, &mut sections.answer)
            }
            Outcome::MinimalAny => {
                let template = static_data.templates.get(static_data.minimal_any)?;
                add_prepared(&owner, template.octets, &mut sections.answer)
            }
            Outcome::Nsec => self.add_nsec(&owner, current.wire(), &mut sections.answer),
            Outcome::NoData | Outcome::NxDomain => {
                let ttl = static_data.zone(self.decision.zone?)?.negative_ttl;
                self.add_soa(ttl, &mut sections.authority)
            }
            // Some resolvers keep NODATA for all clients, whatever its scope: not for longer than
            // they would keep addresses.
            Outcome::NoAddresses { rule, .. } | Outcome::NoSuchType { rule } => {
                let negative_ttl = static_data.zone(self.decision.zone?)?.negative_ttl;
                let ttl = static_data.rules.get(rule as usize)?.ttl.min(negative_ttl);
                self.add_soa(ttl, &mut sections.authority)
            }
            Outcome::Referral(cut) => self.add_referral(&cut, sections),
            Outcome::ChainEnds
            | Outcome::TooLong
            | Outcome::SignaturesAlone
            | Outcome::NotReady
            | Outcome::Expired
            | Outcome::Unavailable(_)
            | Outcome::Broken
            | Outcome::NotOurs => Some(()),
        }
    }

    /// Adds an `RRset` of the zone. A SOA record has the serial that secondaries know.
    fn add_static(self, owner: &Name, set: &Rrset<'_>, out: &mut Vec<Record>) -> Option<()> {
        if set.rtype() == rtype::SOA {
            return self.add_soa(set.ttl(), out);
        }
        add_set(owner, set, out)
    }

    /// Adds the SOA record of the zone that answers, with this TTL in seconds (RFC 2308 section 3).
    fn add_soa(self, ttl: u32, out: &mut Vec<Record>) -> Option<()> {
        let (static_data, number) = (&self.snapshot.static_data, self.decision.zone?);
        let zone = static_data.zone(number)?;
        let mut rdata = static_data.rrset(zone.soa)?.first()?.to_vec();
        if let Some(serial) = self.snapshot.serials.get(number) {
            put_serial(&mut rdata, serial);
        }
        let fields = RecordFields { class: class::IN, rtype: rtype::SOA, ttl, rdata: &rdata };
        out.push(fields.owned_by(&name(zone.origin.wire())?)?);
        Some(())
    }

    /// Adds the NSEC record of a name, or that of the wildcard that it is synthesised from.
    fn add_nsec(self, owner: &Name, wire: &[u8], out: &mut Vec<Record>) -> Option<()> {
        let Snapshot { static_data, signatures, .. } = self.snapshot;
        let (number, mut room) = (self.decision.zone?, [0; MAX_NAME]);
        let nsec = signatures.own_nsec(static_data, number, lowered(wire, &mut room))?;
        let ttl = static_data.zone(number)?.negative_ttl;
        let rdata = nsec.rdata();
        out.push(
            RecordFields { class: class::IN, rtype: rtype::NSEC, ttl, rdata }.owned_by(owner)?,
        );
        Some(())
    }

    /// Adds the NS records of a delegation, and the addresses of its name servers (RFC 9471).
    fn add_referral(self, cut: &Cut, sections: &mut Sections) -> Option<()> {
        let static_data = &self.snapshot.static_data;
        let ns = static_data.rrset(cut.ns)?;
        add_set(&name(ns.owner())?, &ns, &mut sections.authority)?;
        for set in static_data.glue(cut) {
            add_set(&name(set.owner())?, &set, &mut sections.additional)?;
        }
        Some(())
    }
}

/// Adds records that a snapshot has prepared. `None` if the last one is cut off.
fn add_prepared(owner: &Name, mut octets: &[u8], out: &mut Vec<Record>) -> Option<()> {
    while !octets.is_empty() {
        let (fields, rest) = RecordFields::split_prepared(octets)?;
        out.push(fields.owned_by(owner)?);
        octets = rest;
    }
    Some(())
}
