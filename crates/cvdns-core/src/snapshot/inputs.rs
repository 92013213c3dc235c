//! What a snapshot is compiled from.

use std::sync::Arc;
use std::time::Duration;

use super::unavailable::Unavailable;
use crate::abuse::RateLimit;
use crate::config::{
    Explain,
    keys::{cookies, record, server},
};
use crate::dnssec::ZoneSigning;
use crate::fleet::Fleet;
use crate::geo::country::Country;
use crate::geo::country_map::CountryMap;
use crate::problem::{Location, Problems};
use crate::release::Share;
use crate::wire::name::Name;
use crate::wire::rtype;
use crate::zone::include::NoFiles;
use crate::zone::records::ResourceRecord;
use crate::zone::{Records, ZoneFile, master};

/// All validated input of the compiler. Feed and clock come in later ([`Now`](super::Now)).
#[derive(Debug)]
pub struct Inputs {
    /// The zones.
    pub zones: Vec<ZoneInput>,
    /// The country of every address; an empty map when no name depends on clients.
    pub countries: Arc<CountryMap>,
    /// Settings that apply to every answer.
    pub settings: Settings,
    /// TTL of the version record in seconds.
    pub record_ttl: u32,
}

/// One zone file and the files that it refers to.
#[derive(Debug)]
pub struct ZoneInput {
    /// The zone file.
    pub file: ZoneFile,
    /// Its zone; with `{cc}` in the origin, one zone for each country code.
    pub zones: Vec<ExpandedZone>,
    /// Its mirrors; empty for a static zone.
    pub fleet: Arc<Fleet>,
    /// Whether all mirrors could be read. Otherwise a pool without mirrors is not a problem of its
    /// own.
    pub fleet_complete: bool,
}

impl ZoneInput {
    /// The names of its zones.
    pub fn origins(&self) -> impl Iterator<Item = &Name> {
        self.zones.iter().map(|zone| &zone.records.origin)
    }
}

/// A zone whose `{cc}` is expanded.
#[derive(Debug, Clone)]
pub struct ExpandedZone {
    /// The country that `{cc}` stands for; `None` when the origin does not contain it.
    pub country: Option<Country>,
    /// Its static records, shared with all `StaticData` compiled from them.
    pub records: Arc<Records>,
    /// Why nothing is answered from these records; `None` if they are served.
    pub unavailable: Option<Unavailable>,
    /// How the zone is signed; `None` if it is not.
    pub signing: Option<Arc<ZoneSigning>>,
}

impl ExpandedZone {
    /// A zone that is served from these records, without signatures.
    pub fn new(country: Option<Country>, records: Arc<Records>) -> Self {
        Self { country, records, unavailable: None, signing: None }
    }

    /// The zone with the records of its keys among its static records. Whatever else DNSSEC adds to
    /// a zone must not be in the files of a zone that is signed here.
    pub(super) fn with_keys(&self, problems: &mut Problems) -> Self {
        let Some(signing) = &self.signing else { return self.clone() };
        let records = self.records.with_keys(&signing.key_records, problems);
        Self { records: Arc::new(records), ..self.clone() }
    }

    /// A zone that is to be transferred and has not been yet. Its only record, a SOA record of
    /// zeros, is never answered.
    pub fn not_transferred(origin: &Name, country: Option<Country>) -> Self {
        // MNAME and RNAME are the root; SERIAL to MINIMUM have four octets each.
        let soa = ResourceRecord {
            owner: origin.clone(),
            rtype: rtype::SOA,
            ttl: 0,
            rdata: Box::new([0; 22]),
            location: Location::file(""),
        };
        let unavailable = Some(Unavailable::NotTransferred);
        Self { unavailable, ..Self::new(country, Arc::new(Records::of_one(&soa))) }
    }
}

/// Settings that apply to every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "so are the settings")]
pub struct Settings {
    /// Largest response over UDP, in octets.
    pub udp_size: u16,
    /// Whether the client subnet option is honoured (RFC 7871).
    pub ecs: bool,
    /// Which clients may query the diagnostic names.
    pub explain: Explain,
    /// How answers over UDP are limited.
    pub rate_limit: RateLimit,
    /// Whether cookies are honoured (RFC 7873).
    pub cookies: bool,
    /// Name server identifier (RFC 5001); `None` disables the option.
    pub nsid: Option<Box<[u8]>>,
    /// The TXT string at `version.bind` and `version.server`.
    pub version: String,
    /// The TXT string at `id.server` and `hostname.bind` (RFC 4892).
    pub identity: String,
    /// Whether a record whose stamp is too old is answered with SERVFAIL (`on-stale`).
    pub expire: bool,
    /// Share of the usable mirrors' capacity that must have a version before it is announced.
    pub quorum: Share,
    /// How many versions a mirror may be behind the announced release and still be answered.
    pub lag: u32,
    /// How long a mirror may be further behind without moving before it counts as stuck; zero: none
    /// does.
    pub stuck_after: Duration,
    /// Whether the server has keys: signed queries and requests for transfers are then answered by
    /// others ([`Elsewhere`](crate::answer::Elsewhere)).
    pub has_keys: bool,
}

impl Settings {
    /// The TXT string at a name of class CHAOS, given in lower-case wire form (RFC 4892); `None`
    /// when the server has nothing at that name.
    pub fn chaos(&self, lower: &[u8]) -> Option<&str> {
        match lower {
            b"\x07version\x04bind\0" | b"\x07version\x06server\0" => Some(&self.version),
            b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => Some(&self.identity),
            _ => None,
        }
    }
}

impl Inputs {
    /// Inputs of a single zone from the texts of its zone file, master file and fleet file, with
    /// default settings and no country database. Everything that is wrong becomes a problem. `None`
    /// if the zone file cannot be read.
    ///
    /// The texts name no other files: `$INCLUDE` is an error, and so is `{cc}` in the origin.
    pub fn of_zone(
        zone: &str,
        records: &str,
        fleet: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let file = ZoneFile::parse("zone", zone, problems)?;
        let origin = match Name::parse(&file.origin.value, &Name::root()) {
            Ok(origin) => origin,
            Err(error) => {
                let what = format!("\"{}\": {error}", file.origin.value);
                problems.error(file.origin.location.clone(), what, "write a domain name");
                return None;
            }
        };
        let parsed = master::parse("records", records, &origin, &mut NoFiles, problems);
        let records = Records::build(&origin, parsed, &Location::file("records"), problems);
        let fleet = Fleet::parse("fleet", fleet, problems);
        let zone = ZoneInput {
            file,
            zones: vec![ExpandedZone::new(None, records.into())],
            fleet: fleet.into(),
            fleet_complete: true,
        };
        Some(Self {
            zones: vec![zone],
            countries: CountryMap::empty().into(),
            settings: Settings::default(),
            record_ttl: record::TTL.preset(),
        })
    }
}

impl Default for Settings {
    /// The defaults of the configuration, but with a general identity and version.
    fn default() -> Self {
        Self {
            udp_size: server::EDNS_UDP_SIZE.preset(),
            ecs: server::ECS.preset(),
            explain: server::EXPLAIN.preset(),
            rate_limit: RateLimit::default(),
            cookies: cookies::ENABLED.preset(),
            nsid: None,
            version: "cvdns".to_owned(),
            identity: "cvdns".to_owned(),
            expire: record::ON_STALE.preset(),
            quorum: record::QUORUM.preset(),
            lag: record::LAG.preset(),
            stuck_after: record::STUCK_AFTER.preset(),
            has_keys: false,
        }
    }
}
