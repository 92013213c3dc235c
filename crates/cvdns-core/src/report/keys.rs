//! The keys of reports.

use crate::release::keys::held_version;
use crate::schema::kind::Described;
use crate::schema::{FileFormat, Key, Optional, Required, Section, Shape};

/// A report.
pub static FILE: FileFormat =
    FileFormat { title: "report of a monitor", name: "report", root: &ROOT };

/// The top of the report.
pub static ROOT: Section =
    Section { doc: "", keys: &[&FORMAT, &MONITOR, &SERIAL, &GENERATED, &INTERVAL, &MIRRORS] };

/// An address in `mirrors`.
pub static ADDRESS_SECTION: Section =
    Section { doc: "", keys: &[&FOUND, &CHECKED, &TIMESTAMP, &MAIN, &DAILY, &BYTECODE, &REASON] };

/// `format`.
pub static FORMAT: Key<Described, Required> = Key {
    name: "format",
    kind: Described(|| Shape::Integer { least: 1, most: 1 }),
    default: Required,
    expected: "",
    example: "1",
    doc: "Version of the format: 1.",
};

/// `monitor`.
pub static MONITOR: Key<Described, Required> = Key {
    name: "monitor",
    kind: Described(|| Shape::Pattern("^[0-9A-Za-z][0-9A-Za-z._-]{0,62}$")),
    default: Required,
    expected: "",
    example: "\"fra1\"",
    doc: "Name of the monitor.",
};

/// `serial`.
pub static SERIAL: Key<Described, Required> = Key {
    name: "serial",
    kind: Described(|| Shape::Integer { least: 0, most: u64::MAX }),
    default: Required,
    expected: "",
    example: "1763800000",
    doc: "Rises with each new report of the monitor.",
};

/// `generated`.
pub static GENERATED: Key<Described, Required> = Key {
    name: "generated",
    kind: Described(|| Shape::Moment),
    default: Required,
    expected: "",
    example: "\"2026-11-22T17:00:00Z\"",
    doc: "When the monitor wrote the report (RFC 3339).",
};

/// `interval`.
pub static INTERVAL: Key<Described, Required> = Key {
    name: "interval",
    kind: Described(|| Shape::Duration),
    default: Required,
    expected: "",
    example: "\"300s\"",
    doc: "Time in which the monitor checks each address and writes a new report: a report that is \
        older than twice this time does not count.",
};

/// `mirrors`.
pub static MIRRORS: Key<Described, Required> = Key {
    name: "mirrors",
    kind: Described(|| Shape::Map(Box::new(Shape::Map(Box::new(Shape::Table(&ADDRESS_SECTION)))))),
    default: Required,
    expected: "",
    example: "{}",
    doc: "What was found, by host and address. A missing address was not checked.",
};

/// `found`.
pub static FOUND: Key<Described, Required> = Key {
    name: "found",
    kind: Described(|| Shape::Words(vec!["serves", "answers", "faulty", "dead", "unchecked"])),
    default: Required,
    expected: "",
    example: "\"answers\"",
    doc: "The result of the last check with all its tries: serves (all that a mirror must; with \
        `timestamp` and versions), answers (the path that is probed), faulty (it answers, but not \
        as a mirror must), dead (it refuses or does not answer in time) or unchecked (for reasons \
        of the monitor's own).",
};

/// `checked`.
pub static CHECKED: Key<Described, Required> = Key {
    name: "checked",
    kind: Described(|| Shape::Moment),
    default: Required,
    expected: "",
    example: "\"2026-11-22T16:58:00Z\"",
    doc: "When the address was checked (RFC 3339).",
};

/// `timestamp`.
pub static TIMESTAMP: Key<Described, Optional> = Key {
    name: "timestamp",
    kind: Described(|| Shape::Nullable(Box::new(Shape::Moment))),
    default: Optional("none"),
    expected: "",
    example: "\"2026-11-22T16:00:00Z\"",
    doc: "The timestamp that it serves (RFC 3339).",
};

/// `main`.
pub static MAIN: Key<Described, Optional> = Key {
    name: "main",
    kind: Described(held_version),
    default: Optional("none"),
    expected: "",
    example: "63",
    doc: "Version of main.cvd that it serves.",
};

/// `daily`.
pub static DAILY: Key<Described, Optional> = Key {
    name: "daily",
    kind: Described(held_version),
    default: Optional("none"),
    expected: "",
    example: "28129",
    doc: "Version of daily.cvd that it serves.",
};

/// `bytecode`.
pub static BYTECODE: Key<Described, Optional> = Key {
    name: "bytecode",
    kind: Described(held_version),
    default: Optional("none"),
    expected: "",
    example: "339",
    doc: "Version of bytecode.cvd that it serves.",
};

/// `reason`.
pub static REASON: Key<Described, Optional> = Key {
    name: "reason",
    kind: Described(|| Shape::Text),
    default: Optional("none"),
    expected: "",
    example: "\"the connection is refused\"",
    doc: "What is wrong, for people.",
};
