//! The keys of `[geoip]`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::geo::country::Country;
use crate::schema::{
    Custom, FilePath, Integer, Key, Optional, Parsed, Preset, Required, Section, Shape, Tables,
    read,
};

/// A network without bits beyond its prefix: with them, it is unclear which network is meant.
pub(super) const NETWORK: Custom<IpNet> = Custom {
    read: |value| {
        let text = read::string(value)?;
        let net: IpNet = text.parse().map_err(|_| not_a_network(&text))?;
        if net.addr() == net.network() {
            Ok(net)
        } else {
            Err(format!("{net} has bits beyond its prefix; {} has not", net.trunc()))
        }
    },
    shape: || Shape::Pattern("^[0-9A-Fa-f.:]+/[0-9]+$"),
    literal: |net| format!("\"{net}\""),
};

/// What is wrong with a text that is no network.
fn not_a_network(text: &str) -> String {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let Ok(ip) = address.parse::<IpAddr>() else {
        return format!("\"{address}\" is not an IP address");
    };
    let bits = if ip.is_ipv4() { 32 } else { 128 };
    match length {
        None => {
            format!("\"{text}\" has no prefix length: write {ip}/{bits} for this address alone")
        }
        Some(length)
            if !length.is_empty() && length.bytes().all(|octet| octet.is_ascii_digit()) =>
        {
            format!("\"{text}\": the prefix is longer than {bits} bits")
        }
        Some(length) => format!("\"{text}\": \"{length}\" is not a prefix length, 0 to {bits}"),
    }
}

static OVERRIDE_SECTION: Section = Section { doc: "", keys: &[&NET, &COUNTRY] };

/// The section.
pub static SECTION: Section = Section { doc: "", keys: &[&DATABASE, &MIN_NETWORKS, &OVERRIDE] };

/// `database`.
pub static DATABASE: Key<FilePath, Preset<&'static str>> = Key {
    name: "database",
    kind: FilePath,
    default: Preset("geoip/country.mmdb"),
    expected: "the path of a country MMDB",
    example: "",
    doc: "Any MMDB that has countries; `cvdns geoip build` makes one.",
};

/// `min-networks`.
pub static MIN_NETWORKS: Key<Integer<u64>, Optional> = Key {
    name: "min-networks",
    kind: Integer::new(0, u32::MAX as u64),
    default: Optional("half of those in force"),
    expected: "a number of networks; 0 for any",
    example: "100000",
    doc: "Fewest networks that the database may have. Without the key, a reload refuses a database \
        with less than half of the networks in force, and a start takes any database.",
};

/// `[[geoip.override]]`.
pub static OVERRIDE: Key<Tables, Optional> = Key {
    name: "override",
    kind: Tables(&OVERRIDE_SECTION),
    default: Optional("none"),
    expected: "",
    example: "",
    doc: "Overrides take precedence over the database; the longest prefix wins.",
};

/// `net` in `[[geoip.override]]`.
pub static NET: Key<Custom<IpNet>, Required> = Key {
    name: "net",
    kind: NETWORK,
    default: Required,
    expected: "a network such as \"203.0.113.0/24\"",
    example: "\"203.0.113.0/24\"",
    doc: "The network.",
};

/// `country` in `[[geoip.override]]`.
pub static COUNTRY: Key<Parsed<Country>, Required> = Key {
    name: "country",
    kind: Parsed::new("^[A-Za-z]{2}$"),
    default: Required,
    expected: "an ISO 3166 code such as \"DE\"",
    example: "\"DE\"",
    doc: "The country of clients in this network.",
};
