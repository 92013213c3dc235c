//! The keys of a release, in feeds and in the coordinator's `release` file.

use crate::schema::kind::Described;
use crate::schema::{Key, Preset, Required, Section, Shape};

/// A release.
pub static SECTION: Section = Section {
    doc: "",
    keys: &[&SOFTWARE, &MAIN, &DAILY, &BYTECODE, &FLEVEL, &WARN, &SAFEBROWSING, &EXTRA, &ROLLBACK],
};

/// The type of a version of a database.
fn version() -> Shape {
    Shape::Integer { least: 1, most: u32::MAX.into() }
}

/// The type of a version that a mirror may hold, in feeds and reports.
pub fn held_version() -> Shape {
    Shape::Nullable(Box::new(version()))
}

/// `software`.
pub static SOFTWARE: Key<Described, Required> = Key {
    name: "software",
    kind: Described(|| Shape::Pattern("^[0-9]+(\\.[0-9]+)*$")),
    default: Required,
    expected: "",
    example: "\"1.4.6\"",
    doc: "Newest ClamAV version: digits and dots, because clients refuse a record with anything \
        else.",
};

/// `main`.
pub static MAIN: Key<Described, Required> = Key {
    name: "main",
    kind: Described(version),
    default: Required,
    expected: "",
    example: "63",
    doc: "Version of main.cvd.",
};

/// `daily`.
pub static DAILY: Key<Described, Required> = Key {
    name: "daily",
    kind: Described(version),
    default: Required,
    expected: "",
    example: "28129",
    doc: "Version of daily.cvd.",
};

/// `bytecode`.
pub static BYTECODE: Key<Described, Required> = Key {
    name: "bytecode",
    kind: Described(version),
    default: Required,
    expected: "",
    example: "339",
    doc: "Version of bytecode.cvd.",
};

/// `flevel`.
pub static FLEVEL: Key<Described, Required> = Key {
    name: "flevel",
    kind: Described(|| Shape::Integer { least: 0, most: u32::MAX.into() }),
    default: Required,
    expected: "",
    example: "90",
    doc: "Lowest functionality level that the databases need.",
};

/// `warn`.
pub static WARN: Key<Described, Preset<&'static str>> = Key {
    name: "warn",
    kind: Described(|| Shape::Boolean),
    default: Preset("true"),
    expected: "",
    example: "",
    doc: "Whether old clients are told that they are outdated.",
};

/// `safebrowsing`.
pub static SAFEBROWSING: Key<Described, Preset<&'static str>> = Key {
    name: "safebrowsing",
    kind: Described(|| Shape::Integer { least: 0, most: u32::MAX.into() }),
    default: Preset("49192"),
    expected: "",
    example: "",
    doc: "Version of the retired safebrowsing.cvd.",
};

/// `extra`.
pub static EXTRA: Key<Described, Preset<&'static str>> = Key {
    name: "extra",
    kind: Described(|| Shape::Map(Box::new(Shape::Integer { least: 1, most: u32::MAX.into() }))),
    default: Preset("{}"),
    expected: "",
    example: "{ \"test\": 6 }",
    doc: "Versions of extra databases by name, at most 1,000.",
};

/// `rollback`.
pub static ROLLBACK: Key<Described, Preset<&'static str>> = Key {
    name: "rollback",
    kind: Described(|| Shape::Boolean),
    default: Preset("false"),
    expected: "",
    example: "",
    doc: "Whether versions below those announced before are meant.",
};
