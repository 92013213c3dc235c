//! What a snapshot is compiled from.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::{Explain, keys::server};
use crate::fleet::Fleet;
use crate::geo::country::Country;
use crate::geo::country_map::CountryMap;
use crate::problem::{Location, Problems};
use crate::release::Share;
use crate::wire::name::Name;
use crate::zone::include::NoFiles;
use crate::zone::{Records, ZoneFile, master};

/// Everything that was read and validated, but for feed and clock.
#[derive(Debug)]
pub struct Inputs {
    /// The zones.
    pub zones: Vec<ZoneInput>,
    /// The country of every address; nowhere any when no name asks for it.
    pub countries: Arc<CountryMap>,
    /// What holds for every answer.
    pub settings: Settings,
    /// TTL of the version record in seconds.
    pub record_ttl: u32,
}

/// One zone file with what it names.
#[derive(Debug)]
pub struct ZoneInput {
    /// The zone's own file.
    pub file: ZoneFile,
    /// Its records; with `{cc}` in the origin one set for each country code.
    pub zones: Vec<ExpandedZone>,
    /// Its mirrors; empty for a static zone.
    pub fleet: Arc<Fleet>,
    /// Whether all its mirrors could be read: where not, a pool without any means nothing.
    pub fleet_complete: bool,
}

/// A zone after `{cc}` was filled in.
#[derive(Debug)]
pub struct ExpandedZone {
    /// The country of its origin, where that has `{cc}`.
    pub country: Option<Country>,
    /// Its static records, which frames share.
    pub records: Arc<Records>,
}

/// What holds for every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Largest UDP answer in octets.
    pub udp_size: u16,
    /// Whether the client subnet option is honoured.
    pub ecs: bool,
    /// Who may ask the diagnostic names.
    pub explain: Explain,
    /// Name server identifier (RFC 5001).
    pub nsid: Option<Box<[u8]>>,
    /// What `version.bind` says.
    pub version: String,
    /// What `id.server` and `hostname.bind` say (RFC 4892).
    pub identity: String,
    /// Whether a record whose stamp is too old is no longer answered.
    pub expire: bool,
    /// The share of the usable mirrors' capacity that must hold a version before it is announced.
    pub quorum: Share,
    /// How many versions a mirror may be behind the record and still be answered.
    pub lag: u32,
}

/// Names of the databases that have a name of their own each.
pub type Databases = BTreeSet<String>;

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
            zones: vec![ExpandedZone { country: None, records: records.into() }],
            fleet: fleet.into(),
            fleet_complete: true,
        };
        Some(Self {
            zones: vec![zone],
            countries: CountryMap::empty().into(),
            settings: Settings::default(),
            record_ttl: 1800,
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
            nsid: None,
            version: "cvdns".to_owned(),
            identity: "cvdns".to_owned(),
            expire: true,
            quorum: Share::MOST,
            lag: 1,
        }
    }
}
