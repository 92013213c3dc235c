//! Which types there are, and of which fields each is made.

use super::Fault;
use super::apl::apl;
use super::data::Data;
use super::dnssec::{algorithm, certificate, digest, key, moment};
use super::fields::{
    base64, digits, eui48, eui64, four_words, hex, ipv4, long_string, low_types, name, optional_base64,
    optional_string, rtype, string, strings, types, u8, u16, u32,
};
use super::loc::loc;
use super::shapes::{a6, atma, base64_or_hyphen, hip, nsap, relay, scheme, services};

/// Takes the words of a field and appends its octets.
pub(super) type Field = for<'e> fn(&mut Data<'e>) -> Result<(), Fault>;

/// A type and the form of its data.
pub(super) struct Layout {
    /// Its mnemonic in the IANA registry "Resource Record (RR) TYPEs".
    pub(super) name: &'static str,
    /// Its number there.
    pub(super) number: u16,
    /// How its data is written, for messages; empty when it has no form in text but the generic one.
    pub(super) form: &'static str,
    /// What says so.
    pub(super) source: &'static str,
    /// The fields in the order of words and octets.
    pub(super) fields: &'static [Field],
}

impl Layout {
    /// How to write it.
    pub(super) fn help(&self) -> String {
        let Self { name, form, source, .. } = self;
        match *form {
            "" => format!("write {name} \\# LENGTH HEX (RFC 3597 section 5)"),
            form => format!("write {name} {form} ({source})"),
        }
    }
}

const fn of(
    name: &'static str,
    number: u16,
    form: &'static str,
    source: &'static str,
    fields: &'static [Field],
) -> Layout {
    Layout { name, number, form, source, fields }
}

const KEY: &str = "FLAGS PROTOCOL ALGORITHM BASE64";
const DIGEST: &str = "TAG ALGORITHM DIGEST-TYPE HEX";
const SIGNATURE: &str = "TYPE ALGORITHM LABELS TTL EXPIRATION INCEPTION TAG SIGNER BASE64";
const SIGNATURE_FIELDS: &[Field] = &[rtype, algorithm, u8, u32, moment, moment, u16, name, base64];

/// By number.
pub(super) const TABLE: &[Layout] = &[
    of("NULL", 10, "", "RFC 1035 section 3.3.10", &[]),
    of("WKS", 11, "ADDRESS PROTOCOL SERVICE...", "RFC 1035 section 3.4.2", &[ipv4, services]),
    of("AFSDB", 18, "SUBTYPE HOST", "RFC 1183 section 1", &[u16, name]),
    of("X25", 19, "PSDN-ADDRESS", "RFC 1183 section 3.1", &[digits]),
    of("ISDN", 20, "ADDRESS [SUBADDRESS]", "RFC 1183 section 3.2", &[string, optional_string]),
    of("RT", 21, "PREFERENCE HOST", "RFC 1183 section 3.3", &[u16, name]),
    of("NSAP", 22, "0xHEX.HEX...", "RFC 1706 section 7", &[nsap]),
    of("NSAP-PTR", 23, "NAME", "RFC 1348", &[name]),
    of("SIG", 24, SIGNATURE, "RFC 2535 section 7.2", SIGNATURE_FIELDS),
    of("KEY", 25, KEY, "RFC 2535 section 7.1", &[key]),
    of("PX", 26, "PREFERENCE MAP822 MAPX400", "RFC 2163 section 4", &[u16, name, name]),
    of("GPOS", 27, "LONGITUDE LATITUDE ALTITUDE", "RFC 1712 section 3", &[string, string, string]),
    of("LOC", 29, "D [M [S]] N|S D [M [S]] E|W ALTm [SIZEm [HPm [VPm]]]", "RFC 1876 section 3", &[loc]),
    of("NXT", 30, "NEXT-NAME TYPE...", "RFC 2535 section 7.3", &[name, low_types]),
    of("EID", 31, "HEX", "draft-ietf-nimrod-dns", &[hex]),
    of("NIMLOC", 32, "HEX", "draft-ietf-nimrod-dns", &[hex]),
    of("ATMA", 34, "+DIGITS or HEX", "ATM Forum AF-SAA-0069.000", &[atma]),
    of("KX", 36, "PREFERENCE HOST", "RFC 2230 section 3", &[u16, name]),
    of(
        "CERT",
        37,
        "KIND TAG ALGORITHM BASE64",
        "RFC 4398 section 2.2",
        &[certificate, u16, algorithm, base64],
    ),
    of("A6", 38, "PREFIX-LENGTH ADDRESS-SUFFIX PREFIX-NAME", "RFC 2874 section 3.2", &[a6]),
    of(
        "SINK",
        40,
        "MEANING CODING SUBCODING BASE64",
        "draft-eastlake-kitchen-sink",
        &[u8, u8, u8, optional_base64],
    ),
    of("APL", 42, "[!]FAMILY:ADDRESS/PREFIX...", "RFC 3123 section 5", &[apl]),
    of("DS", 43, DIGEST, "RFC 4034 section 5.3", &[u16, algorithm, digest]),
    of("RRSIG", 46, SIGNATURE, "RFC 4034 section 3.2", SIGNATURE_FIELDS),
    of("DNSKEY", 48, KEY, "RFC 4034 section 2.2", &[u16, u8, algorithm, base64]),
    of("DHCID", 49, "BASE64", "RFC 4701 section 3.2", &[base64]),
    of("SMIMEA", 53, "USAGE SELECTOR MATCHING HEX", "RFC 8162 section 2", &[u8, u8, u8, hex]),
    of("HIP", 55, "ALGORITHM HEX BASE64 SERVER...", "RFC 8005 section 6", &[hip]),
    of("NINFO", 56, "STRING...", "IANA template NINFO", &[strings]),
    of("RKEY", 57, KEY, "IANA template RKEY", &[key]),
    of("TALINK", 58, "PREVIOUS NEXT", "IANA template TALINK", &[name, name]),
    of("CDS", 59, DIGEST, "RFC 7344 section 3.1", &[u16, algorithm, digest]),
    of("CDNSKEY", 60, KEY, "RFC 7344 section 3.2", &[u16, u8, algorithm, base64]),
    of("CSYNC", 62, "SERIAL FLAGS TYPE...", "RFC 7477 section 2.1.2", &[u32, u16, types]),
    of("DSYNC", 66, "TYPE SCHEME PORT TARGET", "RFC 9859", &[rtype, scheme, u16, name]),
    of("HHIT", 67, "BASE64", "RFC 9886", &[base64]),
    of("BRID", 68, "BASE64", "RFC 9886", &[base64]),
    of("SPF", 99, "STRING...", "RFC 4408 section 3.1.1", &[strings]),
    of("UINFO", 100, "", "IANA", &[]),
    of("UID", 101, "", "IANA", &[]),
    of("GID", 102, "", "IANA", &[]),
    of("UNSPEC", 103, "", "IANA", &[]),
    of("NID", 104, "PREFERENCE HEX:HEX:HEX:HEX", "RFC 6742 section 2.1.2", &[u16, four_words]),
    of("L32", 105, "PREFERENCE ADDRESS", "RFC 6742 section 2.2.2", &[u16, ipv4]),
    of("L64", 106, "PREFERENCE HEX:HEX:HEX:HEX", "RFC 6742 section 2.3.2", &[u16, four_words]),
    of("LP", 107, "PREFERENCE NAME", "RFC 6742 section 2.4.2", &[u16, name]),
    of("EUI48", 108, "XX-XX-XX-XX-XX-XX", "RFC 7043 section 3.2", &[eui48]),
    of("EUI64", 109, "XX-XX-XX-XX-XX-XX-XX-XX", "RFC 7043 section 4.2", &[eui64]),
    of("URI", 256, "PRIORITY WEIGHT \"TARGET\"", "RFC 7553 section 4", &[u16, u16, long_string]),
    of("AVC", 258, "STRING...", "IANA template AVC", &[strings]),
    of(
        "DOA",
        259,
        "ENTERPRISE TYPE LOCATION \"MEDIA-TYPE\" BASE64",
        "draft-durand-doa-over-dns",
        &[u32, u32, u8, string, base64_or_hyphen],
    ),
    of("AMTRELAY", 260, "PRECEDENCE D KIND RELAY", "RFC 8777 section 4.3", &[u8, relay]),
    of("RESINFO", 261, "STRING...", "RFC 9606 section 4", &[strings]),
    of("WALLET", 262, "STRING...", "IANA template WALLET", &[strings]),
    of("TA", 32768, DIGEST, "IANA template TA", &[u16, algorithm, digest]),
    of("DLV", 32769, DIGEST, "RFC 4431 section 2", &[u16, algorithm, digest]),
];

/// The type with this mnemonic.
pub(super) fn by_name(name: &str) -> Option<&'static Layout> {
    TABLE.iter().find(|layout| layout.name.eq_ignore_ascii_case(name))
}

/// The type with this number.
pub(super) fn by_number(number: u16) -> Option<&'static Layout> {
    TABLE.iter().find(|layout| layout.number == number)
}
