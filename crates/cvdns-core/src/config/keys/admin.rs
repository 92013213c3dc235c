//! The keys of `[admin]`.

use std::net::SocketAddr;

use crate::schema::{Key, Optional, Parsed, Section};

/// The section.
pub static SECTION: Section = Section { doc: "", keys: &[&LISTEN] };

/// `listen`.
pub static LISTEN: Key<Parsed<SocketAddr>, Optional> = Key {
    name: "listen",
    kind: Parsed::new("^[0-9A-Fa-f.:%\\[\\]]+:[0-9]+$"),
    default: Optional("none"),
    expected: "an address and a port, such as \"127.0.0.1:8053\"",
    example: "\"127.0.0.1:8053\"",
    doc: "Metrics and health over HTTP: /metrics, /healthz, /readyz. There is no authentication; \
        an address other than loopback causes a warning. Without the key there is no listener.",
};
