//! The keys of `[record]`.

use std::time::Duration;

use super::share::SHARE;
use crate::release::Share;
use crate::schema::kind::ZERO_OR_SECONDS;
use crate::schema::{Custom, FilePath, Integer, Key, OneOf, Optional, Preset, Section};

/// The section.
pub static SECTION: Section = Section {
    doc: "",
    keys: &[&TTL, &QUORUM, &LAG, &STUCK_AFTER, &ON_STALE, &CVD_DIR, &RECORD_FILE],
};

/// `ttl`.
pub static TTL: Key<Integer<u32>, Preset<u32>> = Key {
    name: "ttl",
    kind: Integer::new(0, 0x7fff_ffff),
    default: Preset(1800),
    expected: "seconds",
    example: "",
    doc: "TTL of the version record in seconds.",
};

/// `quorum`.
pub static QUORUM: Key<Custom<Share>, Preset<Share>> = Key {
    name: "quorum",
    kind: SHARE,
    default: Preset(Share::MOST),
    expected: "a share such as 0.9; 0 for none",
    example: "",
    doc: "A version is announced once mirrors with this share of the usable mirrors' capacity hold \
        it; 0 announces it at once.",
};

/// `lag`.
pub static LAG: Key<Integer<u32>, Preset<u32>> = Key {
    name: "lag",
    kind: Integer::new(0, u32::MAX as u64),
    default: Preset(1),
    expected: "a number of versions",
    example: "",
    doc: "A mirror may be this many versions behind the record and still be answered.",
};

/// `stuck-after`.
pub static STUCK_AFTER: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "stuck-after",
    kind: ZERO_OR_SECONDS,
    default: Preset(Duration::from_secs(6 * 3600)),
    expected: "a duration such as \"6h\"; \"0s\" for none",
    example: "",
    doc: "A mirror is stuck when for this time the release was more than `lag` versions ahead of \
        it, and it did not move. It then neither counts for `quorum` nor is answered, unless \
        mirrors with more than half of the usable capacity are stuck. \"0s\" turns this off.",
};

/// `on-stale`.
pub static ON_STALE: Key<OneOf<bool>, Preset<bool>> = Key {
    name: "on-stale",
    kind: OneOf(&[("servfail", true), ("serve", false)]),
    default: Preset(true),
    expected: "",
    example: "",
    doc: "What to do when the feed is stale and the record's stamp is older than 3 hours minus its \
        TTL: \"servfail\", so that resolvers ask another server, or \"serve\" the record all the \
        same.",
};

/// `cvd-dir`.
pub static CVD_DIR: Key<FilePath, Optional> = Key {
    name: "cvd-dir",
    kind: FilePath,
    default: Optional("none"),
    expected: "the path of a directory",
    example: "\"/srv/clamav\"",
    doc: "Directory of database files (.cvd or .cld, the higher version counts). The versions of \
        main, daily and bytecode come from their headers instead of the feed.",
};

/// `record-file`.
pub static RECORD_FILE: Key<FilePath, Optional> = Key {
    name: "record-file",
    kind: FilePath,
    default: Optional("none"),
    expected: "the path of a text file",
    example: "\"dns.txt\"",
    doc: "File with the record as a line of text, as private mirrors keep it, instead of the \
        feed's release. `cvdns cvd --record` writes one.",
};
