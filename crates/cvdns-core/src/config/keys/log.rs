//! The keys of `[log]`.

use crate::schema::kind::SHARE;
use crate::schema::{Custom, FilePath, Key, OneOf, Optional, Preset, Section};

/// The section.
pub static SECTION: Section = Section { doc: "", keys: &[&LEVEL, &FORMAT, &QUERY_SAMPLE, &FILE] };

/// `level`.
pub static LEVEL: Key<OneOf<&'static str>, Preset<&'static str>> = Key {
    name: "level",
    kind: OneOf(&[
        ("error", "error"),
        ("warn", "warn"),
        ("info", "info"),
        ("debug", "debug"),
        ("trace", "trace"),
    ]),
    default: Preset("info"),
    expected: "",
    example: "",
    doc: "\"error\", \"warn\", \"info\", \"debug\" or \"trace\". The environment variable \
        CVDNS_LOG takes precedence, and may also be \"off\".",
};

/// `format`.
pub static FORMAT: Key<OneOf<bool>, Preset<bool>> = Key {
    name: "format",
    kind: OneOf(&[("text", false), ("json", true)]),
    default: Preset(false),
    expected: "",
    example: "",
    doc: "\"text\" or \"json\".",
};

/// `query-sample`.
pub static QUERY_SAMPLE: Key<Custom<f64>, Preset<f64>> = Key {
    name: "query-sample",
    kind: SHARE,
    default: Preset(0.0),
    expected: "a share such as 0.001; 0 for none",
    example: "",
    doc: "Share of the queries that are logged as JSON, from 0 to 1.",
};

/// `file`.
pub static FILE: Key<FilePath, Optional> = Key {
    name: "file",
    kind: FilePath,
    default: Optional("standard error"),
    expected: "the path of a file",
    example: "\"log/cvdns.log\"",
    doc: "File that the log is appended to. SIGUSR1 opens it again after it was renamed. `user` \
        must be able to write it and to make it in its directory.",
};
