//! The keys of `[tls]`.

use std::net::SocketAddr;

use crate::schema::{FilePath, Integer, Key, List, Optional, Parsed, Preset, Required, Section};

/// The section.
pub static SECTION: Section = Section {
    doc: "Encrypted transports (docs/encrypted.md).",
    keys: &[&CERTIFICATE, &KEY, &DOT, &DOQ, &DOH, &CONNECTIONS],
};

/// The kind of `dot`, `doq` and `doh`, as that of `listen` in `[server]`.
pub(crate) const ADDRESSES: List<Parsed<SocketAddr>> =
    List(Parsed::new("^[0-9A-Fa-f.:%\\[\\]]+:[0-9]+$"));

/// `certificate`.
pub static CERTIFICATE: Key<FilePath, Required> = Key {
    name: "certificate",
    kind: FilePath,
    default: Required,
    expected: "the path of a certificate in PEM, such as \"fullchain.pem\"",
    example: "\"fullchain.pem\"",
    doc: "File with the certificate of the server in PEM, followed by those that lead to its \
        authority. It is read when it changes.",
};

/// `key`.
pub static KEY: Key<FilePath, Required> = Key {
    name: "key",
    kind: FilePath,
    default: Required,
    expected: "the path of a private key in PEM, such as \"privkey.pem\"",
    example: "\"privkey.pem\"",
    doc: "File with the private key of the certificate in PEM, without a password: ECDSA (P-256 \
        or P-384), RSA or Ed25519. Only the server's account should be able to read it.",
};

/// `dot`.
pub static DOT: Key<List<Parsed<SocketAddr>>, Optional> = Key {
    name: "dot",
    kind: ADDRESSES,
    default: Optional("none"),
    expected: "addresses and ports, such as [\"192.0.2.1:853\", \"[2001:db8::1]:853\"]",
    example: "[\"192.0.2.1:853\", \"[2001:db8::1]:853\"]",
    doc: "Addresses and ports of DNS over TLS (DoT, RFC 7858), which is TCP. Its port is 853.",
};

/// `doq`.
pub static DOQ: Key<List<Parsed<SocketAddr>>, Optional> = Key {
    name: "doq",
    kind: ADDRESSES,
    default: Optional("none"),
    expected: "addresses and ports, such as [\"192.0.2.1:853\", \"[2001:db8::1]:853\"]",
    example: "[\"192.0.2.1:853\", \"[2001:db8::1]:853\"]",
    doc: "Addresses and ports of DNS over QUIC (DoQ, RFC 9250), which is UDP. Its port is 853.",
};

/// `doh`.
pub static DOH: Key<List<Parsed<SocketAddr>>, Optional> = Key {
    name: "doh",
    kind: ADDRESSES,
    default: Optional("none"),
    expected: "addresses and ports, such as [\"192.0.2.1:443\", \"[2001:db8::1]:443\"]",
    example: "[\"192.0.2.1:443\", \"[2001:db8::1]:443\"]",
    doc: "Addresses and ports of DNS over HTTPS (DoH, RFC 8484), which is TCP. Its port is 443, \
        and its path `/dns-query`.",
};

/// `connections`.
pub static CONNECTIONS: Key<Integer<usize>, Preset<usize>> = Key {
    name: "connections",
    kind: Integer::new(1, 1_000_000),
    default: Preset(1000),
    expected: "a number, at least 1",
    example: "",
    doc: "Most connections at once over all encrypted transports, beside those of \
        `tcp-max-connections`.",
};
