//! The keys of `[transfer]`.

use crate::config::client_names::ClientNames;
use crate::config::secondary_address::SecondaryAddress;
use crate::schema::{
    Custom, FilePath, Flag, Key, List, OneOf, Optional, Parsed, Preset, Required, Section, Shape,
    Tables, read,
};
use crate::wire::name::Name;

/// The section.
pub static SECTION: Section = Section {
    doc: "Zone transfers to secondary servers (docs/transfers.md).",
    keys: &[&KEYS, &CATALOG, &CLIENT_NAMES, &SIGNED, &SECONDARY],
};

static SECONDARY_SECTION: Section = Section { doc: "", keys: &[&ADDRESS, &KEY, &ZONES] };

/// A domain name, with or without a final dot.
pub(crate) const NAME_KIND: Custom<Name> = Custom {
    read: |value| {
        let text = read::filled(value)?;
        Name::parse(&text, &Name::root()).map_err(|error| format!("\"{text}\": {error}"))
    },
    shape: || Shape::Pattern("^\\S+$"),
    literal: |name| format!("{:?}", name.to_string()),
};

/// `keys`.
pub static KEYS: Key<List<FilePath>, Optional> = Key {
    name: "keys",
    kind: List(FilePath),
    default: Optional("none"),
    expected: "paths of files of keys, such as [\"transfer.key\"]",
    example: "[\"transfer.key\"]",
    doc: "Files of keys, as `tsig-keygen NAME` writes them: hmac-sha256, hmac-sha384 or \
        hmac-sha512, several in a file if need be. They sign transfers and notifications (TSIG, \
        RFC 8945). Only the server's account should be able to read them.",
};

/// `catalog`.
pub static CATALOG: Key<Custom<Name>, Optional> = Key {
    name: "catalog",
    kind: NAME_KIND,
    default: Optional("none"),
    expected: "the name of a zone that does not exist otherwise, such as \"catalog.example\"",
    example: "\"catalog.example\"",
    doc: "Name of a catalog zone (RFC 9432), which lists the transferred zones, so that BIND, Knot \
        and NSD add and remove them by themselves.",
};

/// `client-names`.
pub static CLIENT_NAMES: Key<OneOf<ClientNames>, Preset<ClientNames>> = Key {
    name: "client-names",
    kind: OneOf(&[("refuse", ClientNames::Refuse), ("unknown", ClientNames::Unknown)]),
    default: Preset(ClientNames::Refuse),
    expected: "",
    example: "",
    doc: "What becomes of zones with names whose answers depend on the client, while `ecs` in \
        [server] is true. \"refuse\": they are not transferred. \"unknown\": they are, with the \
        answers for clients that the country database does not know. A secondary answers these \
        names to all clients alike, and resolvers with ECS keep such an answer for everybody: \
        write \"unknown\" only if the secondaries are not in the NS records of these zones.",
};

/// `signed`.
pub static SIGNED: Key<Flag, Optional> = Key {
    name: "signed",
    kind: Flag,
    default: Optional("false"),
    expected: "",
    example: "true",
    doc: "Whether zones with [dnssec] are transferred with their keys and signatures, for \
        secondaries that only copy. With false, whoever copies a zone signs it, with keys that are \
        in the zone's set of keys (docs/dnssec.md). `cvdns check` warns where a signed zone is \
        transferred and neither is written.",
};

/// `[[transfer.secondary]]`.
pub static SECONDARY: Key<Tables, Optional> = Key {
    name: "secondary",
    kind: Tables(&SECONDARY_SECTION),
    default: Optional("none"),
    expected: "",
    example: "",
    doc: "One [[transfer.secondary]] section for each server that may transfer zones.",
};

/// `address` in `[[transfer.secondary]]`.
pub static ADDRESS: Key<Parsed<SecondaryAddress>, Required> = Key {
    name: "address",
    kind: Parsed::new("^[0-9A-Fa-f.:\\[\\]]+(:[0-9]+|/[0-9]+)?$"),
    default: Required,
    expected: "an address, an address and a port, or a network: \"192.0.2.53\", \
        \"[2001:db8::53]:5353\", \"192.0.2.0/24\"",
    example: "\"192.0.2.53\"",
    doc: "Where the secondary asks from. An address is notified of changes, on port 53 or that \
        which is written. A network is not.",
};

/// `key` in `[[transfer.secondary]]`.
pub static KEY: Key<Custom<Name>, Required> = Key {
    name: "key",
    kind: NAME_KIND,
    default: Required,
    expected: "the name of a key in the files of `keys`",
    example: "\"transfer\"",
    doc: "Name of the key that the secondary signs its requests with. Notifications to it are \
        signed with it too.",
};

/// `zones` in `[[transfer.secondary]]`.
pub static ZONES: Key<List<Custom<String>>, Optional> = Key {
    name: "zones",
    kind: List(ZONE_KIND),
    default: Optional("all"),
    expected: "names of zones, such as [\"clamav.net\", \"*.clamav.net\"], or [\"*\"] for all",
    example: "[\"*\"]",
    doc: "Zones that it may transfer. `*` stands for any characters, dots included. The catalog \
        zone goes with any of them.",
};

/// A pattern of names of zones.
const ZONE_KIND: Custom<String> = Custom {
    read: |value| {
        let text = read::filled(value)?;
        let plain = text.strip_suffix('.').filter(|rest| !rest.is_empty()).unwrap_or(&text);
        Ok(plain.to_ascii_lowercase())
    },
    shape: || Shape::Pattern("^\\S+$"),
    literal: |pattern| format!("{pattern:?}"),
};
