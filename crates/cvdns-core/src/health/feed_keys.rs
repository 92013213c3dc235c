//! The keys of feeds.

use crate::fleet::keys::AREA_PATTERN;
use crate::release::{self, keys::held_version};
use crate::schema::kind::Described;
use crate::schema::{FileFormat, Key, Optional, Preset, Required, Section, Shape};

/// A feed.
pub static FILE: FileFormat = FileFormat { title: "feed", name: "feed", root: &ROOT };

/// The top of the feed.
pub static ROOT: Section =
    Section { doc: "", keys: &[&FORMAT, &SERIAL, &GENERATED, &RELEASE, &MIRRORS, &FROZEN] };

/// A mirror in `mirrors`.
pub static MIRROR_SECTION: Section = Section {
    doc: "",
    keys: &[&STATE, &SINCE, &MAIN, &DAILY, &BYTECODE, &ADDRESSES, &NOT_FOR, &NOTE, &WEIGHT],
};

/// The type of `state`.
fn state() -> Shape {
    Shape::Words(vec!["up", "old", "down", "drained", "removed"])
}

/// `format`.
pub static FORMAT: Key<Described, Required> = Key {
    name: "format",
    kind: Described(|| Shape::Integer { least: 1, most: 1 }),
    default: Required,
    expected: "",
    example: "1",
    doc: "Version of the format: 1.",
};

/// `serial`.
pub static SERIAL: Key<Described, Required> = Key {
    name: "serial",
    kind: Described(|| Shape::Integer { least: 0, most: u64::MAX }),
    default: Required,
    expected: "",
    example: "1763800000",
    doc: "Rises with each new feed.",
};

/// `generated`.
pub static GENERATED: Key<Described, Required> = Key {
    name: "generated",
    kind: Described(|| Shape::Moment),
    default: Required,
    expected: "",
    example: "\"2026-11-22T17:00:00Z\"",
    doc: "When the coordinator wrote the feed (RFC 3339).",
};

/// `release`.
pub static RELEASE: Key<Described, Optional> = Key {
    name: "release",
    kind: Described(|| Shape::Nullable(Box::new(Shape::Table(&release::keys::SECTION)))),
    default: Optional("none"),
    expected: "",
    example: "",
    doc: "The database versions to announce.",
};

/// `mirrors`.
pub static MIRRORS: Key<Described, Preset<&'static str>> = Key {
    name: "mirrors",
    kind: Described(|| Shape::Map(Box::new(Shape::Table(&MIRROR_SECTION)))),
    default: Preset("{}"),
    expected: "",
    example: "",
    doc: "The mirrors by host. A missing mirror is up.",
};

/// `frozen`.
pub static FROZEN: Key<Described, Optional> = Key {
    name: "frozen",
    kind: Described(|| Shape::Nullable(Box::new(Shape::Pattern("\\S")))),
    default: Optional("none"),
    expected: "",
    example: "\"7 of 9 checks failed that were well before\"",
    doc: "Why the coordinator does not trust what it sees: all states are those before. Servers \
        show it, and answer by the states.",
};

/// `state`.
pub static STATE: Key<Described, Required> = Key {
    name: "state",
    kind: Described(state),
    default: Required,
    expected: "",
    example: "\"up\"",
    doc: "State of the mirror: up, old (answered only if a pool has too few that are up), down, \
        drained or removed.",
};

/// `since`.
pub static SINCE: Key<Described, Optional> = Key {
    name: "since",
    kind: Described(|| Shape::Nullable(Box::new(Shape::Moment))),
    default: Optional("not known"),
    expected: "",
    example: "\"2026-11-20T02:11:00Z\"",
    doc: "When the state began (RFC 3339).",
};

/// `main`.
pub static MAIN: Key<Described, Optional> = Key {
    name: "main",
    kind: Described(held_version),
    default: Optional("that of the release"),
    expected: "",
    example: "63",
    doc: "Version of main.cvd on the mirror.",
};

/// `daily`.
pub static DAILY: Key<Described, Optional> = Key {
    name: "daily",
    kind: Described(held_version),
    default: Optional("that of the release"),
    expected: "",
    example: "28129",
    doc: "Version of daily.cvd on the mirror.",
};

/// `bytecode`.
pub static BYTECODE: Key<Described, Optional> = Key {
    name: "bytecode",
    kind: Described(held_version),
    default: Optional("that of the release"),
    expected: "",
    example: "339",
    doc: "Version of bytecode.cvd on the mirror.",
};

/// `addresses`.
pub static ADDRESSES: Key<Described, Preset<&'static str>> = Key {
    name: "addresses",
    kind: Described(|| Shape::Map(Box::new(state()))),
    default: Preset("{}"),
    expected: "",
    example: "{ \"2001:db8::10\": \"down\" }",
    doc: "Addresses whose state differs from the mirror's, with their state.",
};

/// `not-for`.
pub static NOT_FOR: Key<Described, Preset<&'static str>> = Key {
    name: "not-for",
    kind: Described(|| Shape::List(Box::new(Shape::Pattern(AREA_PATTERN)))),
    default: Preset("[]"),
    expected: "",
    example: "[\"CN\", \"continent:AS\"]",
    doc: "Countries and continents whose clients are never answered the mirror, in addition to \
        those of the fleet file.",
};

/// `note`.
pub static NOTE: Key<Described, Preset<&'static str>> = Key {
    name: "note",
    kind: Described(|| Shape::Text),
    default: Preset("\"\""),
    expected: "",
    example: "\"no answer on port 80\"",
    doc: "A remark for people.",
};

/// `weight`.
pub static WEIGHT: Key<Described, Preset<&'static str>> = Key {
    name: "weight",
    kind: Described(|| Shape::Fraction),
    default: Preset("1"),
    expected: "",
    example: "0.25",
    doc: "Share of its capacity by which the mirror is answered, as while it comes back. For the \
        quorum its whole capacity counts.",
};
