//! The whole of a decision as a value to be shown: what was asked by whom, and what led to which answer.

use std::net::IpAddr;

use domain::base::iana::Rtype;
use jiff::Timestamp;
use serde::Serialize;

use super::format;
use super::pool::PoolsStory;
use super::record::RecordStory;
use crate::decision::{Chain, Link, Outcome, Trail, decide_by_name};
use crate::geo::country::{Continent, Country};
use crate::snapshot::{Snapshot, SnapshotMeta};
use crate::wire::lower::LowerName;
use crate::wire::name::Name;
use crate::wire::rtype;
use crate::zone::records::target;

/// What is to be explained.
#[derive(Debug, Clone, Copy)]
pub struct Inquiry<'i> {
    /// The name that is asked.
    pub name: &'i LowerName,
    /// QTYPE.
    pub qtype: u16,
    /// Who asks.
    pub asker: Asker,
    /// Which window: a fraction of 2^64, as the answer's.
    pub turn: u64,
    /// Now, from which ages are counted.
    pub time: Timestamp,
}

/// Who asks, as far as answers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Asker {
    /// The address that is looked up.
    pub address: IpAddr,
    /// How many bits of it are known; none: it is a host's.
    pub prefix: Option<u8>,
    /// Where it is from.
    pub from: AddressSource,
}

/// Where a client's address is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressSource {
    /// The query's client subnet (RFC 7871).
    Ecs,
    /// The query's source.
    Source,
    /// Somebody names it, to see what would be.
    Given,
}

/// Why an answer is what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Story {
    /// The name that was asked, in lower case.
    pub name: String,
    /// The type that was asked.
    pub r#type: String,
    /// Who asked.
    pub client: Asker,
    /// The zone that answers; none: not ours.
    pub zone: Option<String>,
    /// CNAME and DNAME records that were followed.
    pub aliases: Vec<AliasStory>,
    /// Where the client is, when the answer depends on that.
    pub location: Option<LocationStory>,
    /// ECS scope of the answer, when the answer depends on the client.
    pub scope: Option<u8>,
    /// What stands at the end.
    pub outcome: OutcomeStory,
    /// The mirrors of a name that has some.
    pub pools: Option<PoolsStory>,
    /// What is announced, at a name that says it.
    pub record: Option<RecordStory>,
    /// The feed in force, and one that is held back.
    pub feed: FeedStory,
}

/// A record that leads to another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AliasStory {
    /// Its owner.
    pub owner: String,
    /// CNAME or DNAME.
    pub r#type: &'static str,
    /// Where it leads.
    pub target: String,
}

/// Where a client is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocationStory {
    /// The code of its country. `None`: nobody knows.
    pub country: Option<&'static str>,
    /// The code of its continent. `None`: nobody knows that either.
    pub continent: Option<&'static str>,
    /// The largest network around it that is all there.
    pub network: String,
    /// The country database, for people.
    pub database: String,
    /// The override that says so.
    pub r#override: Option<String>,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeStory {
    /// Records of the zone file.
    Static,
    /// Addresses of mirrors.
    Pool,
    /// What is announced of the release.
    Record,
    /// The answer to a download report.
    Ping,
    /// ANY, answered minimally (RFC 8482).
    MinimalAny,
    /// The name exists, the type does not.
    Nodata,
    /// The name does not exist.
    Nxdomain,
    /// The name lies in a delegated zone.
    Referral,
    /// Aliases lead out of the zone or in a circle.
    AliasesEnd,
    /// An alias makes the name too long.
    TooLong,
    /// No release is known yet: SERVFAIL.
    NotReady,
    /// The record is too old to be trusted: SERVFAIL.
    Expired,
    /// A defect of cvdns: SERVFAIL.
    Broken,
    /// No zone of ours: REFUSED.
    NotOurs,
    /// A zone transfer: REFUSED, whatever the name.
    Transfer,
    /// A type that is no question (RFC 6895 section 3.1): FORMERR.
    MetaType,
    /// MAILA or MAILB (RFC 1035 section 3.2.3): NOTIMP.
    Obsolete,
}

/// The feed in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedStory {
    /// Its serial; none: there is no feed.
    pub serial: Option<u64>,
    /// When it was generated.
    pub generated: Option<Timestamp>,
    /// Seconds since then.
    pub age: Option<i64>,
    /// Whether it is younger than `max-age`.
    pub fresh: Option<bool>,
    /// The serial of a feed that is held back.
    pub held_back: Option<u64>,
    /// What that would take away, for people.
    pub takes_away: Option<String>,
}

impl Story {
    /// Decides, and tells why.
    pub fn of(snapshot: &Snapshot, inquiry: &Inquiry<'_>) -> Self {
        let Inquiry { name, qtype, asker, turn, time } = *inquiry;
        let static_data = &*snapshot.static_data;
        let mut trail = Trail::default();
        let decision = decide_by_name(snapshot, name, qtype, asker.address, &mut trail);
        Self {
            name: format::name(name.wire()),
            r#type: rtype_text(qtype),
            client: asker,
            zone: decision
                .zone
                .and_then(|zone| static_data.zone(zone))
                .map(|zone| zone.origin.to_string()),
            aliases: aliases(snapshot, &trail.chain),
            location: decision.client.map(|_| LocationStory::of(snapshot, asker.address)),
            scope: decision.client.map(|place| place.scope),
            outcome: OutcomeStory::of(&decision.outcome, qtype),
            pools: PoolsStory::of(snapshot, &decision, inquiry.qtype, turn),
            record: RecordStory::of(snapshot, &decision, time),
            feed: FeedStory::of(&snapshot.meta, time),
        }
    }
}

fn aliases(snapshot: &Snapshot, chain: &Chain) -> Vec<AliasStory> {
    let alias = |link: Link| {
        let set = snapshot.static_data.rrset(link.rrset())?;
        let target = set.first().and_then(target)?;
        Some(AliasStory {
            owner: set.owner_name().to_string(),
            r#type: if matches!(link, Link::Cname(_)) { "CNAME" } else { "DNAME" },
            target: Name::from_wire(target).ok()?.to_string(),
        })
    };
    chain.links().filter_map(alias).collect()
}

impl LocationStory {
    /// Where an address is.
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

impl OutcomeStory {
    fn of(outcome: &Outcome<'_>, qtype: u16) -> Self {
        match qtype {
            rtype::AXFR | rtype::IXFR => return Self::Transfer,
            rtype::OPT | rtype::TKEY | rtype::TSIG => return Self::MetaType,
            rtype::MAILA | rtype::MAILB => return Self::Obsolete,
            _ => {}
        }
        match outcome {
            Outcome::Static { .. } => Self::Static,
            Outcome::Pool { .. } => Self::Pool,
            Outcome::Text { .. } => Self::Record,
            Outcome::DownloadReport { .. } => Self::Ping,
            Outcome::MinimalAny => Self::MinimalAny,
            Outcome::NoData | Outcome::NoAddresses { .. } => Self::Nodata,
            Outcome::NxDomain => Self::Nxdomain,
            Outcome::Referral(_) => Self::Referral,
            Outcome::ChainEnds => Self::AliasesEnd,
            Outcome::TooLong => Self::TooLong,
            Outcome::NotReady => Self::NotReady,
            Outcome::Expired => Self::Expired,
            Outcome::Broken => Self::Broken,
            Outcome::NotOurs => Self::NotOurs,
        }
    }

    /// In words.
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
            Self::Expired => "SERVFAIL: the record is too old to be trusted",
            Self::Broken => "SERVFAIL: a defect of cvdns, please report it",
            Self::NotOurs => "REFUSED: not below any zone of this server",
            Self::Transfer => "REFUSED: zones are not transferred",
            Self::MetaType => "FORMERR: the type is no question",
            Self::Obsolete => "NOTIMP: the type is obsolete",
        }
    }
}

impl FeedStory {
    /// What is known of feeds.
    pub fn of(about: &SnapshotMeta, time: Timestamp) -> Self {
        let (feed, held) = (about.feed.as_ref(), about.held.as_ref());
        Self {
            serial: feed.map(|feed| feed.serial),
            generated: feed.map(|feed| feed.generated),
            age: feed.map(|feed| time.duration_since(feed.generated).as_secs()),
            fresh: feed.map(|feed| feed.fresh),
            held_back: held.map(|held| held.serial),
            takes_away: held.map(|held| held.takes_away.clone()),
        }
    }
}

/// A type as people write it: `AAAA`, `TYPE65280`.
pub fn rtype_text(rtype: u16) -> String {
    Rtype::from_int(rtype).to_string()
}
