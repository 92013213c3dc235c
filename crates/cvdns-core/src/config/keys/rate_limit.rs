//! The keys of `[rate-limit]`.

use ipnet::IpNet;

use super::geoip::NETWORK;
use crate::abuse::LimitMode;
use crate::schema::{Custom, Integer, Key, List, OneOf, Optional, Preset, Section};

/// The section.
pub static SECTION: Section = Section {
    doc: "Only answers over UDP are limited, as only these can be sent to somebody who did not \
        ask. A client over its limit is told to ask again over TCP, and one with a valid cookie \
        has no limit. Wider networks have limits of their own: an IPv4 /24 32 times the one of an \
        address, a /20 256 times, a /18 768 times; an IPv6 /56 3 times the one of a /64, a /48 4 \
        times, a /32 64 times. docs/security.md says what this defends against.",
    keys: &[&MODE, &RESPONSES_PER_SECOND, &SLIP, &EXEMPT],
};

/// `mode`.
pub static MODE: Key<OneOf<LimitMode>, Preset<LimitMode>> = Key {
    name: "mode",
    kind: OneOf(&[("on", LimitMode::On), ("dry-run", LimitMode::DryRun), ("off", LimitMode::Off)]),
    default: Preset(LimitMode::On),
    expected: "",
    example: "",
    doc: "\"on\", \"dry-run\" (counts and logs what would be limited, and limits nothing) or \
        \"off\".",
};

/// `responses-per-second`.
pub static RESPONSES_PER_SECOND: Key<Integer<u32>, Preset<u32>> = Key {
    name: "responses-per-second",
    kind: Integer::new(1, 1_000_000),
    default: Preset(1000u32),
    expected: "a number of answers a second, at least 1",
    example: "",
    doc: "Answers a second for one IPv4 address or one IPv6 /64, and as many at once after a \
        pause. The UDP workers of an address share it evenly, and so do the receive queues of an \
        interface of [xdp]: a client that sends everything from one port has one worker's part of \
        it. A resolver that sends client subnets asks once for \
        each network of its users, so a limit of 50 is too low for it.",
};

/// `slip`.
pub static SLIP: Key<Integer<u32>, Preset<u32>> = Key {
    name: "slip",
    kind: Integer::new(0, 1000),
    default: Preset(1u32),
    expected: "a number, 0 to 1000",
    example: "",
    doc: "How many answers over the limit there are for each one that is sent, without records and \
        with TC; the others are dropped. 1: all are sent, so that a client whose address is misused \
        can still ask over TCP. 2: every second one is sent, and so on. 0: none is sent.",
};

/// `exempt`.
pub static EXEMPT: Key<List<Custom<IpNet>>, Optional> = Key {
    name: "exempt",
    kind: List(NETWORK),
    default: Optional("none"),
    expected: "a network such as \"192.0.2.0/24\"",
    example: "[\"192.0.2.0/24\", \"2001:db8::/32\"]",
    doc: "Networks without a limit, such as that of a resolver that many people share, or one that \
        measures the server. Loopback has a limit as every other network has.",
};
