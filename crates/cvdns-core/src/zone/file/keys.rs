//! The keys of zone files.

use std::time::Duration;

use super::key_name::KeyName;
use super::name_kind::{Families, TxtKind};
use super::pool_ref::PoolRef;
use super::primary_address::PrimaryAddress;
use super::validity::VALIDITY;
use crate::geo::country::Country;
use crate::schema::kind::RATE;
use crate::schema::{
    Custom, FileFormat, Flag, Integer, Key, List, OneOf, OneOrList, Optional, Parsed, PathOrTable,
    Preset, Required, Section, SubTable, Tables, Text,
};

/// Regular expression of pools.
const POOL_PATTERN: &str =
    "^(client|world|\\{cc\\}|continent:[A-Za-z]{2}|pool:[\\s\\S]+|[A-Za-z]{2})$";

/// Regular expression of countries.
const COUNTRY_PATTERN: &str = "^[A-Za-z]{2}$";

/// Regular expression of primaries: it allows more than addresses.
const PRIMARY_PATTERN: &str = "^[0-9A-Fa-f.:%\\[\\]]+$";

/// RFC 2181 section 8: a TTL has 31 bits.
const MAX_TTL: u64 = 0x7fff_ffff;

/// Most addresses that `max` and `min` allow.
const MAX_ADDRESSES: u64 = 4000;

/// A zone file.
pub static FILE: FileFormat = FileFormat { title: "zone file", name: "zone", root: &ROOT };

/// The top of the file.
pub static ROOT: Section = Section {
    doc: "",
    keys: &[&FORMAT, &ORIGIN, &RECORDS, &MIRRORS, &ANSWER, &NAME, &DNSSEC, &DEMAND, &NEIGHBOURS],
};

static RECORDS_SECTION: Section = Section {
    doc: "In place of a path, `records` may be a table with a primary, from which the static \
        records are transferred (docs/secondary.md).",
    keys: &[&PRIMARY, &PRIMARY_KEY],
};

static ANSWER_SECTION: Section =
    Section { doc: "", keys: &[&ANSWER_TTL, &ANSWER_MAX, &ANSWER_MIN, &UNKNOWN] };

static NAME_SECTION: Section =
    Section { doc: "", keys: &[&OWNER, &POOL, &TYPES, &TXT, &PING, &TTL, &MAX, &MIN] };

static DNSSEC_SECTION: Section =
    Section { doc: "", keys: &[&DNSSEC_KEYS, &DNSSEC_VALIDITY, &DNSSEC_KEY_SET] };

static DEMAND_SECTION: Section = Section { doc: "", keys: &[&DEMAND_COUNTRY, &DEMAND_RATE] };

static NEIGHBOURS_SECTION: Section = Section { doc: "", keys: &[&COUNTRY, &NEXT] };

/// `format`.
pub static FORMAT: Key<Integer<u64>, Required> = Key {
    name: "format",
    kind: Integer::new(0, u64::MAX),
    default: Required,
    expected: "1, the version of this file's form",
    example: "1",
    doc: "Version of the file's format: 1.",
};

/// `origin`.
pub static ORIGIN: Key<Text, Required> = Key {
    name: "origin",
    kind: Text,
    default: Required,
    expected: "the zone's name, such as \"clamav.net\"",
    example: "\"clamav.net\"",
    doc: "Name of the zone. `{cc}` in it makes one zone for each country code.",
};

/// `records`.
pub static RECORDS: Key<PathOrTable, Required> = Key {
    name: "records",
    kind: PathOrTable(&RECORDS_SECTION),
    default: Required,
    expected: "the master file, such as \"clamav.net.zone\", or { primary = \"192.0.2.7\" }",
    example: "\"clamav.net.zone\"",
    doc: "The master file with all static records: SOA, NS, glue, MX … Or a table, if they are \
        transferred from a primary.",
};

/// `primary` in `records`.
pub static PRIMARY: Key<OneOrList<Parsed<PrimaryAddress>>, Required> = Key {
    name: "primary",
    kind: OneOrList(Parsed::new(PRIMARY_PATTERN)),
    default: Required,
    expected: "the address of the primary: \"192.0.2.7\", \"[2001:db8::7]:5353\", or a list",
    example: "[\"192.0.2.7\", \"[2001:db8::7]:5353\"]",
    doc: "The address of the primary, with a port if that is not 53; or several, which are asked in \
        this order until one answers.",
};

/// `key` in `records`.
pub static PRIMARY_KEY: Key<Parsed<KeyName>, Optional> = Key {
    name: "key",
    kind: Parsed::new(".+"),
    default: Optional("none"),
    expected: "the name of a key in the files of `keys` in [transfer]",
    example: "\"transfer\"",
    doc: "Name of the key with which requests are signed, and answers and NOTIFY must be (TSIG). A \
        file of `keys` in `[transfer]` has it.",
};

/// `mirrors`.
pub static MIRRORS: Key<Text, Optional> = Key {
    name: "mirrors",
    kind: Text,
    default: Optional("none"),
    expected: "the fleet file, such as \"mirrors.toml\"",
    example: "\"mirrors.toml\"",
    doc: "The fleet file: the mirrors from which names with `pool` are answered. A purely static \
        zone needs none.",
};

/// `answer`.
pub static ANSWER: Key<SubTable, Optional> = Key {
    name: "answer",
    kind: SubTable(&ANSWER_SECTION),
    default: Optional("the defaults"),
    expected: "",
    example: "",
    doc: "Defaults for names with `pool`.",
};

/// `name`.
pub static NAME: Key<Tables, Optional> = Key {
    name: "name",
    kind: Tables(&NAME_SECTION),
    default: Optional("none"),
    expected: "",
    example: "",
    doc: "A name that is answered from pools or from the release. It has exactly one of `pool`, \
        `txt` and `ping`.",
};

/// `dnssec`.
pub static DNSSEC: Key<SubTable, Optional> = Key {
    name: "dnssec",
    kind: SubTable(&DNSSEC_SECTION),
    default: Optional("not signed"),
    expected: "",
    example: "",
    doc: "With this table, the zone is signed (docs/dnssec.md).",
};

/// `keys` in `dnssec`.
pub static DNSSEC_KEYS: Key<Text, Required> = Key {
    name: "keys",
    kind: Text,
    default: Required,
    expected: "the directory with the zone's key files, such as \"keys\"",
    example: "\"keys\"",
    doc: "The directory of the zone's keys, in files as `cvdns keys generate`, `dnssec-keygen` and \
        `ldns-keygen` write them: `KZONE+ALGORITHM+TAG.key` and `.private`. Keys of other zones may \
        be in it.",
};

/// `validity` in `dnssec`.
pub static DNSSEC_VALIDITY: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "validity",
    kind: VALIDITY,
    default: Preset(Duration::from_secs(14 * 86_400)),
    expected: "a duration from \"1d\" to \"365d\"",
    example: "",
    doc: "How long signatures are valid: from \"1d\" to \"365d\".",
};

/// `key-set` in `dnssec`.
pub static DNSSEC_KEY_SET: Key<Text, Optional> = Key {
    name: "key-set",
    kind: Text,
    default: Optional("signed here"),
    expected: "a master file with the zone's DNSKEY and RRSIG records",
    example: "\"clamav.net.keyset\"",
    doc: "A master file with the DNSKEY, CDS and CDNSKEY records of the zone and their RRSIG \
        records, which were made where the key-signing key is. All other records in it are left \
        out. Here only the private keys of zone-signing keys are needed then.",
};

/// `demand`.
pub static DEMAND: Key<Tables, Optional> = Key {
    name: "demand",
    kind: Tables(&DEMAND_SECTION),
    default: Optional("none"),
    expected: "",
    example: "",
    doc: "What the clients of a country need. It is shared out along the country's path: the first \
        pool takes as much as its usable capacity, the next of what remains, and so on; the last \
        pool that is reached takes the rest. Answers begin with mirrors of a pool as often as it \
        takes a part.",
};

/// `neighbours`.
pub static NEIGHBOURS: Key<Tables, Optional> = Key {
    name: "neighbours",
    kind: Tables(&NEIGHBOURS_SECTION),
    default: Optional("none"),
    expected: "",
    example: "",
    doc: "Neighbours that replace the two nearest countries with mirrors.",
};

/// `ttl`.
pub static ANSWER_TTL: Key<Integer<u32>, Preset<u32>> = Key {
    name: "ttl",
    kind: Integer::new(0, MAX_TTL),
    default: Preset(60),
    expected: "seconds",
    example: "",
    doc: "TTL in seconds.",
};

/// `max`.
pub static ANSWER_MAX: Key<Integer<u16>, Preset<u16>> = Key {
    name: "max",
    kind: Integer::new(0, MAX_ADDRESSES),
    default: Preset(8),
    expected: "a number of addresses; 0 for all",
    example: "",
    doc: "Most addresses in an answer; 0 means all. Eight are enough for a client to try, and fit \
        into 512 octets.",
};

/// `min`.
pub static ANSWER_MIN: Key<Integer<u16>, Preset<u16>> = Key {
    name: "min",
    kind: Integer::new(1, MAX_ADDRESSES),
    default: Preset(2),
    expected: "a number of addresses",
    example: "",
    doc: "The path is followed until there are this many addresses.",
};

/// `unknown`.
pub static UNKNOWN: Key<Parsed<PoolRef>, Preset<PoolRef>> = Key {
    name: "unknown",
    kind: Parsed::new(POOL_PATTERN),
    default: Preset(PoolRef::World),
    expected: "a pool or a country: \"world\", \"pool:other\", \"US\"",
    example: "",
    doc: "Path of clients that are not in the country database.",
};

/// `owner`.
pub static OWNER: Key<Text, Required> = Key {
    name: "owner",
    kind: Text,
    default: Required,
    expected: "a name relative to the zone, such as \"db.local\"",
    example: "\"db.{cc}\"",
    doc: "The name, relative to the origin. `{cc}` makes a name for each code that `cvdns geoip \
        countries` prints, `{db}` one for each database.",
};

/// `pool`.
pub static POOL: Key<Parsed<PoolRef>, Optional> = Key {
    name: "pool",
    kind: Parsed::new(POOL_PATTERN),
    default: Optional("none"),
    expected: "\"client\", \"{cc}\", \"world\", \"continent:EU\", \"pool:NAME\" or a country code",
    example: "\"{cc}\"",
    doc: "A/AAAA from the path of a pool: \"client\", the client's country; \"{cc}\", the country \
        in the owner; a country such as \"DE\"; \"continent:EU\"; \"pool:NAME\"; \"world\".",
};

/// `types`.
pub static TYPES: Key<List<OneOf<Families>>, Optional> = Key {
    name: "types",
    kind: List(OneOf(&[("A", Families::V4), ("AAAA", Families::V6)])),
    default: Optional("both"),
    expected: "[\"A\"], [\"AAAA\"] or both",
    example: "[\"AAAA\"]",
    doc: "Types of a name with `pool`: [\"A\"], [\"AAAA\"] or both.",
};

/// `txt`.
pub static TXT: Key<OneOf<TxtKind>, Optional> = Key {
    name: "txt",
    kind: OneOf(&[("record", TxtKind::Record), ("database", TxtKind::Database)]),
    default: Optional("none"),
    expected: "",
    example: "\"record\"",
    doc: "\"record\": TXT with the version record. \"database\": TXT `version:stamp` of each \
        database; the owner has `{db}`.",
};

/// `ping`.
pub static PING: Key<Flag, Preset<bool>> = Key {
    name: "ping",
    kind: Flag,
    default: Preset(false),
    expected: "true",
    example: "true",
    doc: "With true, A 127.0.0.1: download reports of old clients, which are counted.",
};

/// `ttl`.
pub static TTL: Key<Integer<u32>, Optional> = Key {
    name: "ttl",
    kind: Integer::new(0, MAX_TTL),
    default: Optional("`[answer]`; `[record]`, if `txt`; 60, if `ping`"),
    expected: "seconds",
    example: "60",
    doc: "TTL in seconds.",
};

/// `max`.
pub static MAX: Key<Integer<u16>, Optional> = Key {
    name: "max",
    kind: Integer::new(0, MAX_ADDRESSES),
    default: Optional("that of `[answer]`"),
    expected: "a number of addresses; 0 for all",
    example: "0",
    doc: "Most addresses in an answer of a name with `pool`; 0 means all.",
};

/// `min`.
pub static MIN: Key<Integer<u16>, Optional> = Key {
    name: "min",
    kind: Integer::new(1, MAX_ADDRESSES),
    default: Optional("that of `[answer]`"),
    expected: "a number of addresses",
    example: "2",
    doc: "The path of a name with `pool` is followed until there are this many addresses.",
};

/// `country`.
pub static DEMAND_COUNTRY: Key<Parsed<Country>, Required> = Key {
    name: "country",
    kind: Parsed::new(COUNTRY_PATTERN),
    default: Required,
    expected: "an ISO 3166 code such as \"IN\" (`cvdns geoip countries` lists them)",
    example: "\"IN\"",
    doc: "The country whose clients need it.",
};

/// `rate`.
pub static DEMAND_RATE: Key<Custom<u64>, Required> = Key {
    name: "rate",
    kind: RATE,
    default: Required,
    expected: "a rate above 0 such as \"12Gbit/s\"",
    example: "\"12Gbit/s\"",
    doc: "What they need at the busiest time.",
};

/// `country`.
pub static COUNTRY: Key<Parsed<Country>, Required> = Key {
    name: "country",
    kind: Parsed::new(COUNTRY_PATTERN),
    default: Required,
    expected: "an ISO 3166 code such as \"LI\"",
    example: "\"LI\"",
    doc: "The country whose neighbours are given.",
};

/// `next`.
pub static NEXT: Key<List<Parsed<Country>>, Optional> = Key {
    name: "next",
    kind: List(Parsed::new(COUNTRY_PATTERN)),
    default: Optional("none, which is an error"),
    expected: "[\"CH\", \"AT\"]",
    example: "[\"CH\", \"AT\"]",
    doc: "Its neighbours, the nearest first.",
};
