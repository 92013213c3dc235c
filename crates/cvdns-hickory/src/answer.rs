//! From the octets of a query to the parts of its answer.

use std::net::IpAddr;

use cvdns_core::answer::diagnosed_name;
use cvdns_core::decision::{Trail, decide_by_name};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::extended_error::ExtendedError;
use cvdns_core::wire::edns::{Honoured, Keepalive};
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::query::{Query, Reject};
use cvdns_core::wire::{HEADER, class, rcode, rtype};
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::Edns;
use hickory_server::proto::rr::Record;
use hickory_server::proto::rr::rdata::TSIG;

use crate::record::{RecordFields, name};
use crate::sections::{Rendered, Sections};
use crate::turn::Turn;
use crate::verdict::{DIAGNOSTIC, SIGNED, Verdict};
use crate::{opt, signature};

/// A message, and how it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'q> {
    /// The octets of the message.
    pub message: &'q [u8],
    /// Whoever sent it, if the address is not forged.
    pub source: IpAddr,
    /// By which transport.
    pub protocol: Protocol,
}

/// The parts of an answer.
#[derive(Debug)]
pub(crate) struct Answer<'s> {
    /// What its header says.
    pub verdict: Verdict<'s>,
    /// Whether it repeats the question.
    pub has_question: bool,
    /// Its records.
    pub sections: Sections,
    /// Whether the records are left out, and TC is set.
    pub truncated: bool,
    /// Its OPT record, without extended error.
    pub opt: Option<Edns>,
    /// Its TSIG record.
    pub signature: Option<Box<Record<TSIG>>>,
    /// Most octets that it may have.
    pub limit: u16,
}

/// Most octets of an answer over UDP to a client without EDNS (RFC 1035 section 4.2.1).
const PLAIN_UDP: u16 = 512;

/// Most octets of an answer over UDP: the client's address may be forged, and whoever has it should
/// not get more than what passes every network without fragmentation (DNS flag day 2020).
const LONGEST_UDP: u16 = 1232;

/// How many aliases may lead to an answer over UDP. Two are usual. Many long ones are what somebody
/// needs who sends little to have much sent to somebody else.
const UDP_ALIASES: usize = 2;

impl<'s> Answer<'s> {
    /// The answer to a message; `None` if it gets none. `turn` advances with questions in class IN.
    pub(crate) fn to(asked: &Asked<'_>, snapshot: &'s Snapshot, turn: &Turn) -> Option<Self> {
        let settings = &snapshot.static_data.settings;
        let (mut query, mut name) = (Query::default(), LowerName::new());
        let honoured = Honoured { ecs: settings.ecs, cookies: settings.cookies };
        let bare = |edns: bool| edns.then(|| opt::bare(settings));
        Some(match query.read(asked.message, &mut name, honoured) {
            Ok(()) => Self::to_query(asked, &query, &name, snapshot, turn),
            Err(Reject::Drop) => return None,
            Err(Reject::Code { rcode, question_end, edns, subnet }) => {
                let error = subnet.then_some(ExtendedError::BAD_SUBNET);
                let verdict = Verdict { error, ..Verdict::code(rcode) };
                Self { has_question: question_end.is_some(), ..Self::new(verdict, bare(edns)) }
            }
            Err(Reject::Notify { edns }) => {
                let verdict = Verdict::code(rcode::NOTIMP);
                Self { has_question: false, ..Self::new(verdict, bare(edns)) }
            }
            Err(Reject::UnknownKey { edns, tsig, .. }) => {
                let edns = query.edns.as_ref().filter(|_| edns);
                let opt = edns.map(|edns| opt::answering(edns, settings, 0));
                let signature = signature::unknown_key(tsig, asked.message);
                let answer = Self::new(Verdict::code(rcode::NOTAUTH), opt);
                Self { signature, limit: asked.limit(&query, settings.udp_size), ..answer }
            }
        })
    }

    /// An answer without records.
    fn new(verdict: Verdict<'s>, opt: Option<Edns>) -> Self {
        let (sections, limit) = (Sections::default(), u16::MAX);
        let (has_question, truncated, signature) = (true, false, None);
        Self { verdict, has_question, sections, truncated, opt, signature, limit }
    }

    /// The answer to a well-formed query.
    fn to_query(
        asked: &Asked<'_>,
        query: &Query,
        name: &LowerName,
        snapshot: &'s Snapshot,
        turn: &Turn,
    ) -> Self {
        let settings = &snapshot.static_data.settings;
        let Body { verdict, sections, scope, truncated } = match without_name(asked, query) {
            Some(verdict) => verdict.into(),
            None if query.qclass == class::IN => decided(asked, query, name, snapshot, turn.take()),
            None => chaos(asked, query, name, snapshot),
        };
        let opt = query.edns.as_ref().map(|edns| opt::answering(edns, settings, scope));
        let limit = asked.limit(query, settings.udp_size);
        Self { sections, truncated, limit, ..Self::new(verdict, opt) }
    }
}

impl Asked<'_> {
    /// Most octets of the answer. `ours` is the most that the server sends over UDP
    /// (`edns-udp-size`).
    fn limit(&self, query: &Query, ours: u16) -> u16 {
        if !self.protocol.is_datagram() {
            return u16::MAX;
        }
        query.edns.map_or(PLAIN_UDP, |edns| edns.udp_size.min(ours).min(LONGEST_UDP))
    }

    /// Whether the idle timeout of the connection means anything to the client (RFC 7828). QUIC and
    /// HTTP have timeouts of their own (RFC 9250 section 5.5.2). hickory has a value for TLS only
    /// where that is compiled in, so the name decides.
    fn has_keepalive(&self) -> bool {
        matches!(self.protocol.as_str(), "tcp" | "tls")
    }

    /// QNAME in wire form, in the client's case. The question has been read, so there is one.
    fn qname(&self, query: &Query) -> Option<&[u8]> {
        self.message.get(HEADER..query.question_end.checked_sub(4)?)
    }
}

/// What follows from the question and its name.
struct Body<'s> {
    verdict: Verdict<'s>,
    sections: Sections,
    /// SCOPE PREFIX-LENGTH of the client subnet option (RFC 7871).
    scope: u8,
    truncated: bool,
}

impl<'s> From<Verdict<'s>> for Body<'s> {
    fn from(verdict: Verdict<'s>) -> Self {
        Self { verdict, sections: Sections::default(), scope: 0, truncated: false }
    }
}

/// The answer that follows from class, type and EDNS version alone.
fn without_name(asked: &Asked<'_>, query: &Query) -> Option<Verdict<'static>> {
    let malformed = query.edns.is_some_and(|edns| edns.keepalive == Keepalive::Malformed);
    let code = if query.edns.is_some_and(|edns| edns.version > 0) {
        rcode::BADVERS
    } else if asked.has_keepalive() && malformed {
        rcode::FORMERR
    } else {
        match (query.qclass, query.qtype) {
            (_, rtype::OPT | rtype::TKEY | rtype::TSIG) => rcode::FORMERR,
            // Transfers are a matter of keys, which cvdns itself has.
            (class::IN, rtype::AXFR | rtype::IXFR) => rcode::REFUSED,
            (class::IN, rtype::MAILA | rtype::MAILB) => rcode::NOTIMP,
            (class::IN, _) | (class::CH, rtype::TXT | rtype::ANY) => return None,
            _ => rcode::REFUSED,
        }
    };
    Some(Verdict::code(code))
}

/// The answer to a question in class IN.
fn decided<'s>(
    asked: &Asked<'_>,
    query: &Query,
    name: &LowerName,
    snapshot: &'s Snapshot,
    turn: u64,
) -> Body<'s> {
    if name.begins_with_underscore() && diagnosed_name(snapshot, name).is_some() {
        let is_allowed = snapshot.static_data.settings.explain.allows(asked.source);
        let error = if is_allowed { DIAGNOSTIC } else { ExtendedError::PROHIBITED };
        return Verdict::because(rcode::REFUSED, error).into();
    }
    let mut trail = Trail::default();
    let client = query.subnet().unwrap_or(asked.source);
    let decision = decide_by_name(snapshot, name, query.qtype, client, &mut trail);
    let zone = decision.zone.and_then(|zone| snapshot.static_data.zone(zone));
    let is_signed = zone.is_some_and(|zone| zone.signing.is_some());
    if is_signed && query.edns.is_some_and(|edns| edns.dnssec_ok) {
        // Without signatures, whatever is answered is bogus to whoever validates (RFC 4035 section
        // 5.3). Resolvers ask another server.
        return Verdict::because(rcode::SERVFAIL, SIGNED).into();
    }
    let chain = &trail.chain;
    let verdict = if chain.is_empty() {
        Verdict::of(snapshot, &decision.outcome)
    } else {
        Verdict::of_chain(snapshot, &decision.outcome)
    };
    let rendered = Rendered { snapshot, decision: &decision, chain, turn };
    let Some(sections) = asked.qname(query).and_then(|qname| rendered.sections(qname)) else {
        return Verdict::code(rcode::SERVFAIL).into();
    };
    // A scope refers to the subnet in the query; without one there is none.
    let placed = decision.client.filter(|_| query.subnet().is_some());
    let scope = placed.map_or(0, |place| place.scope);
    let truncated = asked.protocol.is_datagram() && chain.links().count() > UDP_ALIASES;
    Body { verdict, sections, scope, truncated }
}

/// The answer to a question in class CH about the server itself (RFC 4892).
fn chaos(
    asked: &Asked<'_>,
    query: &Query,
    lower: &LowerName,
    snapshot: &Snapshot,
) -> Body<'static> {
    let refused = Verdict::code(rcode::REFUSED);
    let Some(text) = snapshot.static_data.settings.chaos(lower.wire()) else {
        return refused.into();
    };
    let rdata = txt(text.as_bytes());
    let fields = RecordFields { class: class::CH, rtype: rtype::TXT, ttl: 0, rdata: &rdata };
    let record = asked.qname(query).and_then(name).and_then(|owner| fields.owned_by(&owner));
    let Some(record) = record else { return Verdict::code(rcode::SERVFAIL).into() };
    let sections = Sections { answer: vec![record], ..Sections::default() };
    let verdict = Verdict { authoritative: true, ..Verdict::code(rcode::NOERROR) };
    Body { sections, ..verdict.into() }
}

/// A character string (RFC 1035 section 3.3), cut off after 255 octets.
fn txt(string: &[u8]) -> Vec<u8> {
    let string = string.get(..255).unwrap_or(string);
    [&[string.len() as u8], string].concat()
}
