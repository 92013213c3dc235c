//! What a snapshot is compiled from.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Explain;
use crate::fleet::Fleet;
use crate::geo::country::Country;
use crate::geo::country_map::CountryMap;
use crate::release::Share;
use crate::zone::{Records, ZoneFile};

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

/// A zone whose `{cc}` is expanded.
#[derive(Debug)]
pub struct ExpandedZone {
    /// The country that `{cc}` stands for; `None` when the origin does not contain it.
    pub country: Option<Country>,
    /// Its static records, shared with all `StaticData` compiled from them.
    pub records: Arc<Records>,
}

/// Settings that apply to every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Largest response over UDP, in octets.
    pub udp_size: u16,
    /// Whether the client subnet option is honoured (RFC 7871).
    pub ecs: bool,
    /// Which clients may query the diagnostic names.
    pub explain: Explain,
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
}

/// Names of the release's extra databases, each of which gets a domain name of its own.
pub type Databases = BTreeSet<String>;

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
