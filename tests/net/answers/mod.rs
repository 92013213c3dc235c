//! Every rule under "Answers" in FORMATS.md, as whole packets of the real server over IPv4, IPv6,
//! UDP and TCP, and over both ways of serving UDP: what is promised does not depend on the system
//! that it runs on.

/// The cases with `udp = "auto"`.
#[path = "cases.rs"]
mod auto;

/// The same with `udp = "portable"`.
#[allow(clippy::duplicate_mod, reason = "the same cases against another server")]
#[path = "cases.rs"]
mod portable;
