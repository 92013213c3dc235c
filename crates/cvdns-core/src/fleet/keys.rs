//! The keys of fleet files.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;

use crate::geo::area::Area;
use crate::geo::country::Country;
use crate::schema::kind::{MOMENT, RATE};
use crate::schema::{
    Custom, FileFormat, Flag, Key, List, Optional, Parsed, Preset, Required, Section, Shape,
    Tables, Text, read,
};

/// A fleet file.
pub static FILE: FileFormat = FileFormat { title: "fleet file", name: "fleet", root: &ROOT };

/// The top of the file.
pub static ROOT: Section = Section { doc: "", keys: &[&MIRROR] };

static MIRROR_SECTION: Section = Section {
    doc: "",
    keys: &[
        &HOST, &COUNTRY, &IPV4, &IPV6, &CAPACITY, &SERVES, &NOT_FOR, &POOLS, &DOWNTIME, &ENABLED,
    ],
};

static DOWNTIME_SECTION: Section = Section { doc: "", keys: &[&FROM, &TO] };

/// Regular expression of countries.
const COUNTRY_PATTERN: &str = "^[A-Za-z]{2}$";

/// Regular expression of countries and continents.
pub const AREA_PATTERN: &str = "^([A-Za-z]{2}|continent:[A-Za-z]{2})$";

/// The name of a pool.
const POOL: Custom<String> = Custom {
    read: |value| match read::string(value)? {
        name if name.is_empty() => Err("a pool's name is empty".to_owned()),
        name => Ok(name),
    },
    shape: || Shape::Pattern("[\\s\\S]"),
    literal: |name| format!("{name:?}"),
};

/// `mirror`.
pub static MIRROR: Key<Tables, Optional> = Key {
    name: "mirror",
    kind: Tables(&MIRROR_SECTION),
    default: Optional("none"),
    expected: "",
    example: "",
    doc: "A mirror of the network.",
};

/// `host`.
pub static HOST: Key<Text, Required> = Key {
    name: "host",
    kind: Text,
    default: Required,
    expected: "a host name such as \"clamav.example.de\"",
    example: "\"clamav.example.de\"",
    doc: "Name of the mirror in feed, logs and explanations; unique.",
};

/// `country`.
pub static COUNTRY: Key<Parsed<Country>, Required> = Key {
    name: "country",
    kind: Parsed::new(COUNTRY_PATTERN),
    default: Required,
    expected: "an ISO 3166 code such as \"DE\" (`cvdns geoip countries` lists them)",
    example: "\"DE\"",
    doc: "Country in which the mirror is.",
};

/// `ipv4`.
pub static IPV4: Key<List<Parsed<Ipv4Addr>>, Optional> = Key {
    name: "ipv4",
    kind: List(Parsed::new("^[0-9.]+$")),
    default: Optional("none"),
    expected: "[\"192.0.2.10\"]",
    example: "[\"192.0.2.10\"]",
    doc: "Its IPv4 addresses. A mirror needs at least one address.",
};

/// `ipv6`.
pub static IPV6: Key<List<Parsed<Ipv6Addr>>, Optional> = Key {
    name: "ipv6",
    kind: List(Parsed::new("^[0-9A-Fa-f.:]+$")),
    default: Optional("none"),
    expected: "[\"2001:db8::10\"]",
    example: "[\"2001:db8::10\"]",
    doc: "Its IPv6 addresses.",
};

/// `capacity`.
pub static CAPACITY: Key<Custom<u64>, Preset<u64>> = Key {
    name: "capacity",
    kind: RATE,
    default: Preset(100_000),
    expected: "a rate such as \"1Gbit/s\"",
    example: "",
    doc: "Its weight among the mirrors.",
};

/// `serves`.
pub static SERVES: Key<List<Parsed<Country>>, Optional> = Key {
    name: "serves",
    kind: List(Parsed::new(COUNTRY_PATTERN)),
    default: Optional("none"),
    expected: "[\"LI\", \"CH\"]",
    example: "[\"LI\", \"CH\"]",
    doc: "Other countries in whose pools the mirror also is.",
};

/// `not-for`.
pub static NOT_FOR: Key<List<Parsed<Area>>, Optional> = Key {
    name: "not-for",
    kind: List(Parsed::new(AREA_PATTERN)),
    default: Optional("none"),
    expected: "[\"CN\", \"continent:AS\"]",
    example: "[\"CN\", \"continent:AS\"]",
    doc: "Countries and continents whose clients are never answered the mirror, whatever they ask.",
};

/// `pools`.
pub static POOLS: Key<List<Custom<String>>, Optional> = Key {
    name: "pools",
    kind: List(POOL),
    default: Optional("none"),
    expected: "[\"other\"]",
    example: "[\"other\"]",
    doc: "Named pools that contain the mirror.",
};

/// `downtime`.
pub static DOWNTIME: Key<Tables, Optional> = Key {
    name: "downtime",
    kind: Tables(&DOWNTIME_SECTION),
    default: Optional("none"),
    expected: "",
    example: "[{ from = 2026-12-01T02:00:00Z, to = 2026-12-01T06:00:00Z }]",
    doc: "Announced downtimes: the mirror is drained one TTL before each of them.",
};

/// `enabled`.
pub static ENABLED: Key<Flag, Preset<bool>> = Key {
    name: "enabled",
    kind: Flag,
    default: Preset(true),
    expected: "",
    example: "",
    doc: "false leaves the mirror out.",
};

/// `from`.
pub static FROM: Key<Custom<Timestamp>, Required> = Key {
    name: "from",
    kind: MOMENT,
    default: Required,
    expected: "a moment such as 2026-12-01T02:00:00Z",
    example: "2026-12-01T02:00:00Z",
    doc: "Start of the downtime.",
};

/// `to`.
pub static TO: Key<Custom<Timestamp>, Required> = Key {
    name: "to",
    kind: MOMENT,
    default: Required,
    expected: "a moment such as 2026-12-01T02:00:00Z",
    example: "2026-12-01T06:00:00Z",
    doc: "End of the downtime.",
};
