//! The keys of `cvdns.toml`, a module for each section.

use crate::bundle::{self, is_bundle_name};
use crate::schema::{
    Custom, FileFormat, FilePath, Key, List, Optional, Section, Shape, SubTable, Tables, read,
};

pub mod admin;
pub mod cookies;
pub mod dnstap;
pub mod feed;
pub mod geoip;
pub mod log;
pub mod monitor;
pub mod monitor_member;
pub mod nats;
pub mod rate_limit;
pub mod record;
pub mod server;
mod share;
pub mod tls;
pub mod transfer;
pub mod xdp;

/// The name of a bundle.
const BUNDLE_NAME: Custom<String> = Custom {
    read: |value| {
        let text = read::string(value)?;
        if is_bundle_name(&text) {
            Ok(text)
        } else {
            Err(format!("{text:?} is not {}", bundle::BUNDLE_NAME))
        }
    },
    shape: || Shape::Pattern("^[0-9A-Za-z_-]{1,63}$"),
    literal: |text| format!("{text:?}"),
};

/// `cvdns.toml`.
pub static FILE: FileFormat = FileFormat { title: "cvdns.toml", name: "cvdns", root: &ROOT };

/// The top of the file.
pub static ROOT: Section = Section {
    doc: "",
    keys: &[
        &INCLUDE,
        &SERVER,
        &TLS,
        &ZONE,
        &GEOIP,
        &FEED,
        &NATS,
        &RECORD,
        &ADMIN,
        &RATE_LIMIT,
        &COOKIES,
        &XDP,
        &TRANSFER,
        &MONITOR,
        &LOG,
        &DNSTAP,
    ],
};

/// `include`.
pub static INCLUDE: Key<List<FilePath>, Optional> = Key {
    name: "include",
    kind: List(FilePath),
    default: Optional("none"),
    expected: "paths such as [\"conf.d/*.toml\"]",
    example: "[\"conf.d/*.toml\"]",
    doc: "Files that are read as parts of this one. `*` and `?` stand for any characters of a name, \
        and such a pattern may match nothing. The key stands before the first section.",
};

/// `[server]`.
pub static SERVER: Key<SubTable, Optional> =
    section("server", &server::SECTION, "How the server listens and answers.");

/// `[tls]`.
pub static TLS: Key<SubTable, Optional> = section(
    "tls",
    &tls::SECTION,
    "Encrypted transports: DNS over TLS, QUIC and HTTPS (docs/encrypted.md); none without it.",
);

/// `[[zone]]`.
pub static ZONE: Key<Tables, Optional> = Key {
    name: "zone",
    kind: Tables(&ZONE_SECTION),
    default: Optional("none"),
    expected: "",
    example: "",
    doc: "One [[zone]] section for each zone file, or one for a bundle of them.",
};

static ZONE_SECTION: Section = Section { doc: "", keys: &[&ZONE_FILE, &ZONE_BUNDLE] };

/// `file` in `[[zone]]`.
pub static ZONE_FILE: Key<FilePath, Optional> = Key {
    name: "file",
    kind: FilePath,
    default: Optional("none"),
    expected: "the zone's file, such as \"zones/clamav.net.toml\"",
    example: "\"zones/clamav.net.toml\"",
    doc: "Path of a zone file.",
};

/// `bundle` in `[[zone]]`.
pub static ZONE_BUNDLE: Key<Custom<String>, Optional> = Key {
    name: "bundle",
    kind: BUNDLE_NAME,
    default: Optional("none"),
    expected: "the name of a bundle, such as \"main\"",
    example: "\"main\"",
    doc: "In place of `file`: the name of the bundle whose zone files are served. It comes through \
        [nats] and is followed while the server runs (docs/nats.md). It needs `state` in [feed].",
};

/// `[geoip]`.
pub static GEOIP: Key<SubTable, Optional> =
    section("geoip", &geoip::SECTION, "The country database.");

/// `[feed]`.
pub static FEED: Key<SubTable, Optional> =
    section("feed", &feed::SECTION, "Where the state of the mirrors and the release come from.");

/// `[nats]`.
pub static NATS: Key<SubTable, Optional> =
    section("nats", &nats::SECTION, "Feed and overrides through NATS.");

/// `[record]`.
pub static RECORD: Key<SubTable, Optional> =
    section("record", &record::SECTION, "The version record.");

/// `[admin]`.
pub static ADMIN: Key<SubTable, Optional> =
    section("admin", &admin::SECTION, "Metrics, health and the API over HTTP.");

/// `[rate-limit]`.
pub static RATE_LIMIT: Key<SubTable, Optional> =
    section("rate-limit", &rate_limit::SECTION, "How many answers over UDP a client gets.");

/// `[cookies]`.
pub static COOKIES: Key<SubTable, Optional> =
    section("cookies", &cookies::SECTION, "DNS cookies (RFC 7873, RFC 9018).");

/// `[xdp]`.
pub static XDP: Key<SubTable, Optional> =
    section("xdp", &xdp::SECTION, "UDP past the kernel's sockets (Linux); off without it.");

/// `[transfer]`.
pub static TRANSFER: Key<SubTable, Optional> =
    section("transfer", &transfer::SECTION, "Zone transfers to secondary servers.");

/// `[monitor]`.
pub static MONITOR: Key<SubTable, Optional> =
    section("monitor", &monitor::SECTION, "`cvdns monitor`, the coordinator (docs/monitor.md).");

/// `[log]`.
pub static LOG: Key<SubTable, Optional> = section("log", &log::SECTION, "How much is logged.");

/// `[dnstap]`.
pub static DNSTAP: Key<SubTable, Optional> =
    section("dnstap", &dnstap::SECTION, "Which queries and answers a collector gets.");

const fn section(
    name: &'static str,
    section: &'static Section,
    doc: &'static str,
) -> Key<SubTable, Optional> {
    Key {
        name,
        kind: SubTable(section),
        default: Optional("the defaults"),
        expected: "",
        example: "",
        doc,
    }
}
