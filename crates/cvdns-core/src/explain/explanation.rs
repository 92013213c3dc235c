//! A decision as a value to be shown: the question, the client, the answer, and what led to it.

use std::net::IpAddr;

use domain::base::iana::Rtype;
use jiff::Timestamp;
use serde::Serialize;

use super::format;
use super::path::PathInfo;
use super::record::RecordInfo;
use crate::decision::{Chain, Link, Outcome, Trail, decide_by_name};
use crate::dnssec::{Dnskey, SigningKey};
use crate::geo::country::{Continent, Country};
use crate::snapshot::static_data::Zone;
use crate::snapshot::{Snapshot, SnapshotMeta, Unavailable};
use crate::wire::lower::LowerName;
use crate::wire::name::Name;
use crate::wire::rtype;
use crate::zone::records::target;

/// The question whose answer is to be explained.
#[derive(Debug, Clone, Copy)]
pub struct ExplainQuery<'i> {
    /// QNAME in lower case.
    pub name: &'i LowerName,
    /// QTYPE.
    pub qtype: u16,
    /// The client.
    pub client: ClientAddress,
    /// The turn that chooses the window: a fraction of 2^64.
    pub turn: u64,
    /// Current time, from which ages are computed.
    pub time: Timestamp,
}

/// The address of a client, as far as answers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClientAddress {
    /// The address that is located.
    pub address: IpAddr,
    /// Prefix length if only a network is known; `None` for the address of a host.
    pub prefix: Option<u8>,
    /// Source of the address.
    pub from: AddressSource,
}

/// The source of a client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressSource {
    /// The client subnet option of the query (RFC 7871).
    Ecs,
    /// The source address of the query.
    Source,
    /// The command line: the query is hypothetical.
    Given,
}

/// An answer, and why it is what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// QNAME in lower case.
    pub name: String,
    /// QTYPE.
    pub r#type: String,
    /// The client.
    pub client: ClientAddress,
    /// Origin of the zone that answers; `None` if no zone of the server does.
    pub zone: Option<String>,
    /// The keys by which the zone is signed; empty if it is not.
    pub keys: Vec<KeyInfo>,
    /// The CNAME and DNAME records that were followed.
    pub aliases: Vec<AliasInfo>,
    /// Location of the client, if the answer depends on it.
    pub location: Option<LocationInfo>,
    /// SCOPE PREFIX-LENGTH of the answer (RFC 7871), if the answer depends on the client.
    pub scope: Option<u8>,
    /// Kind of answer.
    pub outcome: OutcomeKind,
    /// The path of an answer with mirrors.
    pub pools: Option<PathInfo>,
    /// The record of the release, at a name that announces it.
    pub record: Option<RecordInfo>,
    /// The feed in force, and a feed that is held back.
    pub feed: FeedInfo,
}

/// A key that signs a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// Key tag (RFC 4034 appendix B).
    pub tag: u16,
    /// Mnemonic of the algorithm.
    pub algorithm: &'static str,
}

/// A CNAME or DNAME record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AliasInfo {
    /// Owner name.
    pub owner: String,
    /// `CNAME` or `DNAME`.
    pub r#type: &'static str,
    /// Target name.
    pub target: String,
}

/// The location of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocationInfo {
    /// ISO 3166 code of its country; `None` if unknown.
    pub country: Option<&'static str>,
    /// Code of its continent; `None` if unknown.
    pub continent: Option<&'static str>,
    /// Largest network around the client that lies in one place.
    pub network: String,
    /// Description of the country database.
    pub database: String,
    /// The network of the override that determines the location, if one does.
    pub r#override: Option<String>,
}

/// Kinds of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeKind {
    /// Records of the zone file.
    Static,
    /// Addresses of mirrors.
    Pool,
    /// The announced release.
    Record,
    /// The answer to a download report.
    Ping,
    /// A minimal answer to ANY (RFC 8482).
    MinimalAny,
    /// The name exists, but has no records of the type.
    Nodata,
    /// The name does not exist.
    Nxdomain,
    /// The name lies in a delegated zone.
    Referral,
    /// Aliases lead out of the zone or form a loop.
    AliasesEnd,
    /// An alias makes the name too long.
    TooLong,
    /// SERVFAIL: no release is known yet.
    NotReady,
    /// SERVFAIL: clients would no longer trust the record.
    Expired,
    /// SERVFAIL: the zone was never transferred from its primary.
    NotTransferred,
    /// SERVFAIL: no primary confirms the zone, for longer than its SOA record allows.
    ZoneExpired,
    /// SERVFAIL: a defect of cvdns.
    Broken,
    /// REFUSED: no zone of the server has the name.
    NotOurs,
    /// REFUSED: signatures without what they cover.
    SignaturesAlone,
    /// REFUSED: zone transfers are not supported.
    Transfer,
    /// FORMERR: a meta-type that is not a QTYPE (RFC 6895 section 3.1).
    MetaType,
    /// NOTIMP: MAILA or MAILB (RFC 1035 section 3.2.3).
    Obsolete,
}

/// The feed in force, and a feed that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedInfo {
    /// Serial of the feed in force; `None` if there is no feed.
    pub serial: Option<u64>,
    /// Time at which the feed in force was generated.
    pub generated: Option<Timestamp>,
    /// Seconds since `generated`.
    pub age: Option<i64>,
    /// Whether the feed in force is younger than `max-age`.
    pub fresh: Option<bool>,
    /// Why the coordinator does not trust what it sees, if it has frozen all states.
    pub frozen: Option<String>,
    /// Serial of the feed that is held back, if there is one.
    pub held_back: Option<u64>,
    /// What the held feed would take away, for people.
    pub takes_away: Option<String>,
}

impl Explanation {
    /// Decides the answer to `query`, and explains it.
    pub fn of(snapshot: &Snapshot, query: &ExplainQuery<'_>) -> Self {
        let ExplainQuery { name, qtype, client, turn, time } = *query;
        let static_data = &*snapshot.static_data;
        let mut trail = Trail::default();
        let decision = decide_by_name(snapshot, name, qtype, client.address, &mut trail);
        let zone = decision.zone.and_then(|zone| static_data.zone(zone));
        Self {
            name: format::name(name.wire()),
            r#type: rtype_text(qtype),
            client,
            zone: zone.map(|zone| zone.origin.to_string()),
            keys: zone.map(keys).unwrap_or_default(),
            aliases: aliases(snapshot, &trail.chain),
            location: decision.client.map(|_| LocationInfo::of(snapshot, client.address)),
            scope: decision.client.map(|place| place.scope),
            outcome: OutcomeKind::of(&decision.outcome, qtype),
            pools: PathInfo::of(snapshot, &decision, qtype, turn),
            record: RecordInfo::of(snapshot, &decision, time),
            feed: FeedInfo::of(&snapshot.meta, time),
        }
    }
}

fn keys(zone: &Zone) -> Vec<KeyInfo> {
    let keys = zone.signing.iter().flat_map(|signing| &signing.zone_keys);
    let info = |key: &SigningKey| {
        let Dnskey { algorithm, .. } = &key.dnskey;
        KeyInfo { tag: key.dnskey.tag(), algorithm: algorithm.mnemonic() }
    };
    keys.map(info).collect()
}

fn aliases(snapshot: &Snapshot, chain: &Chain) -> Vec<AliasInfo> {
    let alias = |link: Link| {
        let set = snapshot.static_data.rrset(link.rrset())?;
        let target = set.first().and_then(target)?;
        Some(AliasInfo {
            owner: set.owner_name().to_string(),
            r#type: if matches!(link, Link::Cname(_)) { "CNAME" } else { "DNAME" },
            target: Name::from_wire(target).ok()?.to_string(),
        })
    };
    chain.links().filter_map(alias).collect()
}

impl LocationInfo {
    /// Locates an address.
    pub fn of(snapshot: &Snapshot, address: IpAddr) -> Self {
        let countries = &snapshot.static_data.countries;
        let located = countries.locate(address);
        Self {
            country: located.area.country().map(Country::code),
            continent: located.area.continent().map(Continent::code),
            network: located.network.to_string(),
            database: countries.source().to_owned(),
            r#override: located.overridden.map(|net| net.to_string()),
        }
    }
}

impl OutcomeKind {
    fn of(outcome: &Outcome<'_>, qtype: u16) -> Self {
        match qtype {
            rtype::AXFR | rtype::IXFR => return Self::Transfer,
            rtype::OPT | rtype::TKEY | rtype::TSIG => return Self::MetaType,
            rtype::MAILA | rtype::MAILB => return Self::Obsolete,
            _ => {}
        }
        match outcome {
            Outcome::Static { .. } | Outcome::Nsec => Self::Static,
            Outcome::Pool { .. } => Self::Pool,
            Outcome::Text { .. } => Self::Record,
            Outcome::DownloadReport { .. } => Self::Ping,
            Outcome::MinimalAny => Self::MinimalAny,
            Outcome::SignaturesAlone => Self::SignaturesAlone,
            Outcome::NoData | Outcome::NoAddresses { .. } | Outcome::NoSuchType { .. } => {
                Self::Nodata
            }
            Outcome::NxDomain => Self::Nxdomain,
            Outcome::Referral(_) => Self::Referral,
            Outcome::ChainEnds => Self::AliasesEnd,
            Outcome::TooLong => Self::TooLong,
            Outcome::NotReady => Self::NotReady,
            Outcome::Expired => Self::Expired,
            Outcome::Unavailable(Unavailable::NotTransferred) => Self::NotTransferred,
            Outcome::Unavailable(Unavailable::Expired) => Self::ZoneExpired,
            Outcome::Broken => Self::Broken,
            Outcome::NotOurs => Self::NotOurs,
        }
    }

    /// The kind of answer as a text for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Static => "records of the zone file",
            Self::Pool => "addresses of mirrors",
            Self::Record => "what is announced of the release",
            Self::Ping => "the answer to a download report, which is counted",
            Self::MinimalAny => "ANY, answered minimally (RFC 8482)",
            Self::Nodata => "NODATA: the name exists, but has no records of this type",
            Self::Nxdomain => "NXDOMAIN: the name does not exist",
            Self::Referral => "a referral: the name lies in a delegated zone",
            Self::AliasesEnd => "aliases that lead out of the zone or in a circle",
            Self::TooLong => "YXDOMAIN: an alias makes the name too long",
            Self::NotReady => "SERVFAIL: no release is known yet",
            Self::Expired => "SERVFAIL: the record is too old",
            Self::NotTransferred => "SERVFAIL: the zone has not been transferred yet",
            Self::ZoneExpired => "SERVFAIL: the zone is expired, as no primary confirms it",
            Self::Broken => "SERVFAIL: a defect of cvdns, please report it",
            Self::NotOurs => "REFUSED: not below any zone of this server",
            Self::SignaturesAlone => "REFUSED: signatures are answered with what they cover",
            Self::Transfer => "REFUSED: zones are not transferred",
            Self::MetaType => "FORMERR: the type is no question",
            Self::Obsolete => "NOTIMP: the type is obsolete",
        }
    }
}

impl FeedInfo {
    /// The feeds of a snapshot, with ages at `time`.
    pub fn of(meta: &SnapshotMeta, time: Timestamp) -> Self {
        let (feed, held) = (meta.feed.as_ref(), meta.held.as_ref());
        Self {
            serial: feed.map(|feed| feed.serial),
            generated: feed.map(|feed| feed.generated),
            age: feed.map(|feed| time.duration_since(feed.generated).as_secs()),
            fresh: feed.map(|feed| feed.fresh),
            frozen: feed.and_then(|feed| feed.frozen.clone()),
            held_back: held.map(|held| held.serial),
            takes_away: held.map(|held| held.takes_away.clone()),
        }
    }
}

/// A type in presentation format: `AAAA`, `TYPE65280` (RFC 3597 section 5).
pub fn rtype_text(rtype: u16) -> String {
    Rtype::from_int(rtype).to_string()
}
