//! The keys of override files.

use std::net::IpAddr;

use jiff::Timestamp;

use super::State;
use crate::fleet::host_key;
use crate::schema::kind::MOMENT;
use crate::schema::{
    Custom, FileFormat, Integer, Key, List, Optional, Parsed, Required, Section, Shape, Tables,
    read,
};

/// A file of overrides.
pub static FILE: FileFormat =
    FileFormat { title: "file of overrides", name: "overrides", root: &ROOT };

/// The top of the file.
pub static ROOT: Section = Section { doc: "", keys: &[&SERIAL, &OVERRIDE] };

static OVERRIDE_SECTION: Section =
    Section { doc: "", keys: &[&HOST, &ADDRESSES, &STATE, &REASON, &UNTIL] };

const HOST_KIND: Custom<String> = Custom {
    read: |value| {
        let host = host_key(&read::string(value)?);
        if host.is_empty() {
            Err("it is empty".to_owned())
        } else if host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            Err("it has blanks".to_owned())
        } else {
            Ok(host)
        }
    },
    shape: || Shape::Pattern("^\\S+$"),
    literal: |host| format!("{host:?}"),
};

const STATE_KIND: Custom<State> = Custom {
    read: read::parsed,
    shape: || Shape::Words(vec!["up", "old", "down", "drained", "removed"]),
    literal: |state| format!("\"{state}\""),
};

/// The reason is shown in lines of the log and in TXT records.
const REASON_KIND: Custom<String> = Custom {
    read: |value| {
        let reason = read::string(value)?.trim().to_owned();
        if reason.is_empty() {
            Err("it is empty: nobody would know later why".to_owned())
        } else if reason.chars().any(char::is_control) {
            Err("it is more than one line, or has control characters".to_owned())
        } else {
            Ok(reason)
        }
    },
    shape: || Shape::Pattern("\\S"),
    literal: |reason| format!("{reason:?}"),
};

/// `serial`.
pub static SERIAL: Key<Integer<u64>, Optional> = Key {
    name: "serial",
    kind: Integer::new(0, i64::MAX as u64),
    default: Optional("none"),
    expected: "a number that rises with each change",
    example: "1",
    doc: "Rises with each change. Overrides by URL must have it: those with a lower one are \
        refused, so that nobody can bring back older ones.",
};

/// `override`.
pub static OVERRIDE: Key<Tables, Optional> = Key {
    name: "override",
    kind: Tables(&OVERRIDE_SECTION),
    default: Optional("none"),
    expected: "",
    example: "",
    doc: "The state of some hosts, or of some of their addresses. If several overrides match, the \
        first one that has not ended applies.",
};

/// `host`.
pub static HOST: Key<Custom<String>, Required> = Key {
    name: "host",
    kind: HOST_KIND,
    default: Required,
    expected: "a host or a glob such as \"*.example.de\"",
    example: "\"*.example.de\"",
    doc: "A host of the fleet, or a glob such as \"*.example.de\": `*` stands for any characters, \
        `?` for one.",
};

/// `addresses`.
pub static ADDRESSES: Key<List<Parsed<IpAddr>>, Optional> = Key {
    name: "addresses",
    kind: List(Parsed::new("^[0-9A-Fa-f.:]+$")),
    default: Optional("all"),
    expected: "addresses of these hosts, such as \"2001:db8::10\"",
    example: "[\"2001:db8::10\"]",
    doc: "Only these addresses of the hosts. The others are as they would be without the override.",
};

/// `state`.
pub static STATE: Key<Custom<State>, Required> = Key {
    name: "state",
    kind: STATE_KIND,
    default: Required,
    expected: "",
    example: "\"drained\"",
    doc: "The state of these addresses: \"up\", \"old\", \"down\", \"drained\" or \"removed\".",
};

/// `reason`.
pub static REASON: Key<Custom<String>, Required> = Key {
    name: "reason",
    kind: REASON_KIND,
    default: Required,
    expected: "why, such as \"disk swap\"",
    example: "\"disk swap\"",
    doc: "The reason, for people: one line.",
};

/// `until`.
pub static UNTIL: Key<Custom<Timestamp>, Optional> = Key {
    name: "until",
    kind: MOMENT,
    default: Optional("no end"),
    expected: "a moment such as 2026-12-01T06:00:00Z",
    example: "2026-12-01T06:00:00Z",
    doc: "The end of the override.",
};
