//! The keys of `[[monitor.member]]`.

use std::net::IpAddr;

use crate::fleet::host_key;
use crate::geo::country::Country;
use crate::health;
use crate::report::{self, is_monitor_name};
use crate::schema::{
    Custom, FilePath, Key, List, OneOrList, Optional, Parsed, Required, Section, Shape, read,
};

/// The name of a monitor. It also names files.
pub(super) const MONITOR_NAME: Custom<String> = Custom {
    read: |value| {
        let text = read::string(value)?;
        if is_monitor_name(&text) {
            Ok(text)
        } else {
            Err(format!("{text:?} is not {}", report::MONITOR_NAME))
        }
    },
    shape: || Shape::Pattern("^[0-9A-Za-z][0-9A-Za-z._-]{0,62}$"),
    literal: |text| format!("{text:?}"),
};

/// Who runs a monitor.
const OPERATOR: Custom<String> = Custom {
    read: |value| {
        let text = read::filled(value)?;
        let text = text.trim().to_owned();
        if text.is_empty() { Err("it is blank".to_owned()) } else { Ok(text) }
    },
    shape: || Shape::Pattern("\\S"),
    literal: |text| format!("{text:?}"),
};

/// A host, or a pattern of hosts.
const HOST_PATTERN: Custom<String> = Custom {
    read: |value| {
        let host = host_key(&read::filled(value)?);
        if host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            Err("it has blanks".to_owned())
        } else {
            Ok(host)
        }
    },
    shape: || Shape::Pattern("^\\S+$"),
    literal: |host| format!("{host:?}"),
};

/// The section.
pub static SECTION: Section = Section {
    doc: "",
    keys: &[&NAME, &SOURCE, &PUBLIC_KEY, &OPERATOR_KEY, &COUNTRY, &ADDRESSES, &OWN_MIRRORS],
};

/// `name`.
pub static NAME: Key<Custom<String>, Required> = Key {
    name: "name",
    kind: MONITOR_NAME,
    default: Required,
    expected: "the `name` in [monitor] of that monitor, such as \"fra1\"",
    example: "\"fra1\"",
    doc: "The `name` in [monitor] of that monitor. Its reports must have it.",
};

/// `source`.
pub static SOURCE: Key<FilePath, Required> = Key {
    name: "source",
    kind: FilePath,
    default: Required,
    expected: "the path of the report, its URL, or \"nats://\"",
    example: "\"https://fra1.example.org/report.json\"",
    doc: "The monitor's report: a file, or an https or http URL, whose authorities are those of [feed] \
        `ca-file`; or \"nats://\", if the monitor publishes it through [nats].",
};

/// `public-key`.
pub static PUBLIC_KEY: Key<OneOrList<Parsed<health::Key>>, Required> = Key {
    name: "public-key",
    kind: OneOrList(Parsed::new("^RW[0-9A-Za-z+/]+=*$")),
    default: Required,
    expected: "a minisign public key, \"RW…\" (the last line of its .pub file), or a list of several",
    example: "\"RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5\"",
    doc: "The monitor's minisign key: it must have signed the report (REPORT.minisig). If there \
        are several, [\"RW…\", \"RW…\"], one of them must have.",
};

/// `operator`.
pub static OPERATOR_KEY: Key<Custom<String>, Optional> = Key {
    name: "operator",
    kind: OPERATOR,
    default: Optional("the `name`"),
    expected: "who runs the monitor, such as \"Example University\"",
    example: "\"Example University\"",
    doc: "Who runs the monitor. Monitors of one operator have one vote: that of the first in this \
        file which can vote.",
};

/// `country`.
pub static COUNTRY: Key<Parsed<Country>, Required> = Key {
    name: "country",
    kind: Parsed::new("^[A-Za-z]{2}$"),
    default: Required,
    expected: "an ISO 3166 code such as \"DE\" (`cvdns geoip countries` lists them)",
    example: "\"DE\"",
    doc: "Where the monitor checks from. What two or more monitors of a continent cannot reach, \
        and the others can, is not for that continent.",
};

/// `addresses`.
pub static ADDRESSES: Key<List<Parsed<IpAddr>>, Optional> = Key {
    name: "addresses",
    kind: List(Parsed::new("^[0-9A-Fa-f.:]+$")),
    default: Optional("none"),
    expected: "addresses, such as [\"192.0.2.1\", \"2001:db8::1\"]",
    example: "[\"192.0.2.1\", \"2001:db8::1\"]",
    doc: "The addresses that the monitor checks from. It has no vote on mirrors in the same /24 or \
        /48.",
};

/// `own-mirrors`.
pub static OWN_MIRRORS: Key<List<Custom<String>>, Optional> = Key {
    name: "own-mirrors",
    kind: List(HOST_PATTERN),
    default: Optional("none"),
    expected: "hosts or patterns of hosts, such as [\"*.example.de\"]",
    example: "[\"*.example.de\"]",
    doc: "The mirrors of the same operator, on which the monitor has no vote. `*` stands for any \
        characters.",
};
