//! The keys of `[xdp]`.

use crate::config::xdp_mode::XdpMode;
use crate::schema::{Custom, Key, List, OneOf, Optional, Preset, Section, Shape, read};

/// The section.
pub static SECTION: Section = Section {
    doc: "AF_XDP hands frames from the network card to the server past the kernel's sockets, for a \
        fraction of the CPU time. The sockets stay, for everything else and wherever AF_XDP cannot \
        be had. Read docs/operate.md before: firewalls and tcpdump do not see these queries.",
    keys: &[&INTERFACES, &MODE],
};

/// Octets of an interface's name at most (`IFNAMSIZ` with the zero behind it).
const LONGEST_NAME: usize = 15;

/// The name of a network interface, as Linux allows it (`dev_valid_name`). An alias, which has a
/// colon, is no interface.
const INTERFACE_KIND: Custom<String> = Custom {
    read: |value| {
        let text = read::string(value)?;
        let is_name = (1..=LONGEST_NAME).contains(&text.len())
            && ![".", ".."].contains(&&*text)
            && text.bytes().all(|octet| octet.is_ascii_graphic() && !b"/:".contains(&octet));
        if is_name { Ok(text) } else { Err(format!("{text:?} is no interface")) }
    },
    shape: || Shape::Pattern("^[!-.0-9;-~]{1,15}$"),
    literal: |name| format!("{name:?}"),
};

/// `interfaces`.
pub static INTERFACES: Key<List<Custom<String>>, Optional> = Key {
    name: "interfaces",
    kind: List(INTERFACE_KIND),
    default: Optional("none"),
    expected: "names of network interfaces, such as \"eth0\"",
    example: "[\"eth0\"]",
    doc: "Network interfaces whose queries are received by AF_XDP (Linux), on each of their \
        queues. An interface must have the addresses that are listened on. `cvdns check --xdp` \
        says whether it can be served.",
};

/// `mode`.
pub static MODE: Key<OneOf<XdpMode>, Preset<XdpMode>> = Key {
    name: "mode",
    kind: OneOf(&[("native", XdpMode::Native), ("generic", XdpMode::Generic)]),
    default: Preset(XdpMode::Native),
    expected: "",
    example: "",
    doc: "\"native\" needs a driver that knows XDP; \"generic\" works with every driver and saves \
        less.",
};
