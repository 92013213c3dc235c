//! The keys of `[feed]`.

use std::time::Duration;

use super::share::SHARE;
use crate::health;
use crate::release::Share;
use crate::schema::kind::{SECONDS, ZERO_OR_SECONDS};
use crate::schema::{Custom, FilePath, Key, OneOrList, Optional, Parsed, Preset, Section};

/// The section.
pub static SECTION: Section = Section {
    doc: "",
    keys: &[
        &SOURCE,
        &INTERVAL,
        &CA_FILE,
        &MAX_AGE,
        &PUBLIC_KEY,
        &MAX_LOSS,
        &LOSS_WINDOW,
        &STATE,
        &OVERRIDES,
        &SETTLE,
    ],
};

/// `source`.
pub static SOURCE: Key<OneOrList<FilePath>, Optional> = Key {
    name: "source",
    kind: OneOrList(FilePath),
    default: Optional("none"),
    expected: "the path of the feed or its URL, or a list of several",
    example: "\"feed.json\"",
    doc: "The coordinator's feed with the state of the mirrors and the release: a file, which is \
        watched, or an https or http URL. If there are several, [\"feed.json\", \"https://…\"], \
        all have the feeds of one coordinator, and the newest counts. Without the key all mirrors \
        are up, and there is no record.",
};

/// `interval`.
pub static INTERVAL: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "interval",
    kind: SECONDS,
    default: Preset(Duration::from_secs(30)),
    expected: "",
    example: "",
    doc: "A URL is fetched this often. A file is read at least this often, even if the watch sees \
        no change.",
};

/// `ca-file`.
pub static CA_FILE: Key<FilePath, Optional> = Key {
    name: "ca-file",
    kind: FilePath,
    default: Optional("the system's authorities"),
    expected: "the path of certificates in PEM",
    example: "\"ca.pem\"",
    doc: "PEM file of certificates, one of which must have issued the certificate of an https \
        server. Without the key, the system's authorities are used.",
};

/// `max-age`.
pub static MAX_AGE: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "max-age",
    kind: SECONDS,
    default: Preset(Duration::from_secs(3600)),
    expected: "",
    example: "",
    doc: "Age at which a feed is stale. Log and metrics report a stale feed, and the record's \
        stamp is no longer renewed, so that clients stop trusting the record.",
};

/// `public-key`.
pub static PUBLIC_KEY: Key<OneOrList<Parsed<health::Key>>, Optional> = Key {
    name: "public-key",
    kind: OneOrList(Parsed::new("^RW[0-9A-Za-z+/]+=*$")),
    default: Optional("none"),
    expected: "a minisign public key, \"RW…\" (the last line of its .pub file), or a list of several",
    example: "\"RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5\"",
    doc: "The coordinator's minisign key. With it, a feed must be signed (feed.json.minisig), and \
        so must overrides by URL. If there are several, [\"RW…\", \"RW…\"], one of them must have signed the feed.",
};

/// `max-loss`.
pub static MAX_LOSS: Key<Custom<Share>, Preset<Share>> = Key {
    name: "max-loss",
    kind: SHARE,
    default: Preset(Share::HALF),
    expected: "a share such as 0.5; 1 for any",
    example: "",
    doc: "The largest share of the usable mirrors, of all or of one pool, that feeds may take away \
        within `loss-window`. A feed that takes away more is held back until a second feed takes \
        away the same, or until `cvdns feed accept`.",
};

/// `loss-window`.
pub static LOSS_WINDOW: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "loss-window",
    kind: ZERO_OR_SECONDS,
    default: Preset(Duration::from_secs(3600)),
    expected: "a duration such as \"1h\"; \"0s\" for none",
    example: "",
    doc: "The time over which `max-loss` sums up what feeds take away. With \"0s\" a feed is \
        compared with the one before only.",
};

/// `state`.
pub static STATE: Key<FilePath, Optional> = Key {
    name: "state",
    kind: FilePath,
    default: Optional("none"),
    expected: "the path of a directory",
    example: "\"state\"",
    doc: "Directory in which the last good feed and record, and zones from primaries, are kept for \
        the next start. A real server should have one, and `user` must be able to write in it.",
};

/// `overrides`.
pub static OVERRIDES: Key<FilePath, Optional> = Key {
    name: "overrides",
    kind: FilePath,
    default: Optional("none"),
    expected: "the path of a file of overrides, or its URL",
    example: "\"overrides.toml\"",
    doc: "File in which an operator sets the state of mirrors, whatever the feed says. It is \
        watched, and may be missing. Or an https or http URL, which is fetched every `interval`. \
        Without the key nothing overrides the feed.",
};

/// `settle`.
pub static SETTLE: Key<Custom<Duration>, Preset<Duration>> = Key {
    name: "settle",
    kind: ZERO_OR_SECONDS,
    default: Preset(Duration::from_secs(0)),
    expected: "a duration such as \"10s\"; \"0s\" for none",
    example: "",
    doc: "A mirror that changes its state more than 3 times in 10 minutes is left out until it has \
        been up for this time, and answers that may change soon get half their TTL. \"0s\" turns \
        off both.",
};
