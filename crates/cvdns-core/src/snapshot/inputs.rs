//! What a snapshot is compiled from.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Explain;
use crate::fleet::Fleet;
use crate::geo::country::Country;
use crate::geo::country_map::CountryMap;
use crate::release::Share;
use crate::zone::{Records, ZoneFile};

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
