//! The keys of `[nats]`.

use crate::schema::{FilePath, Key, List, Optional, Required, Section, Text};

/// The section.
pub static SECTION: Section = Section {
    doc: "Feed and overrides through NATS, beside `source` and `overrides` of `[feed]` (docs/nats.md).",
    keys: &[&SERVERS, &CREDENTIALS, &CA_FILE, &BUCKET],
};

/// The bucket, where none is named.
pub const DEFAULT_BUCKET: &str = "cvdns";

/// `servers`.
pub static SERVERS: Key<List<Text>, Required> = Key {
    name: "servers",
    kind: List(Text),
    default: Required,
    expected: "addresses such as [\"tls://nats1.example:4222\"]",
    example: "[\"tls://nats1.example:4222\"]",
    doc: "The servers of NATS, of which one is used at a time: `tls://HOST:PORT`, or `nats://` \
        without TLS. The port is 4222 if none is written. Others that these tell of are not used.",
};

/// `credentials`.
pub static CREDENTIALS: Key<FilePath, Optional> = Key {
    name: "credentials",
    kind: FilePath,
    default: Optional("none"),
    expected: "the path of a file of credentials",
    example: "\"cvdns.creds\"",
    doc: "File that says who connects: credentials of NATS (`.creds`), the seed of an nkey, or a \
        line `USER:PASSWORD`. It is read at each connect.",
};

/// `ca-file`.
pub static CA_FILE: Key<FilePath, Optional> = Key {
    name: "ca-file",
    kind: FilePath,
    default: Optional("the system's authorities"),
    expected: "the path of certificates in PEM",
    example: "\"nats-ca.pem\"",
    doc: "PEM file of certificates, one of which must have issued the certificates of servers by \
        `tls://`. It is read at each connect.",
};

/// `bucket`.
pub static BUCKET: Key<Text, Optional> = Key {
    name: "bucket",
    kind: Text,
    default: Optional("\"cvdns\""),
    expected: "the name of a bucket",
    example: "\"cvdns\"",
    doc: "The bucket that has the documents, as `cvdns nats set-up` makes it.",
};
