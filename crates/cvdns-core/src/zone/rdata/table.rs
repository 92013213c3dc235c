//! Which types there are, and of which fields each is made.

use super::apl::APL;
use super::dnssec::{ALGORITHM, CERTIFICATE, DIGEST, FINGERPRINT, KEY, MOMENT, ZONE_DIGEST};
use super::field::Field;
use super::fields::{
    BASE64, DIGITS, EUI48, EUI64, FOUR_WORDS, HASH, HEX, IPV4, IPV6, LONG_STRING, LOW_TYPES, NAME,
    OPTIONAL_BASE64, OPTIONAL_STRING, RTYPE, SALT, SOME_TYPES, STRING, STRINGS, TAG, TIME, TYPES,
    U8, U16, U32, VALUE,
};
use super::loc::LOC;
use super::octets::Octets;
use super::service::PARAMETERS;
use super::shapes::{
    A6, ATMA, BASE64_OR_HYPHEN, GATEWAY, HIP, NSAP, RELAY, SCHEME, SERVICES_OF, SUBSTITUTION,
};

/// A type and the form of its data.
pub(in crate::zone) struct Layout {
    /// Its mnemonic in the IANA registry "Resource Record (RR) TYPEs".
    pub(in crate::zone) name: &'static str,
    /// Its number there.
    pub(in crate::zone) number: u16,
    /// How its data is written, for messages; empty when it has no form in text but the generic one.
    pub(super) form: &'static str,
    /// What says so.
    pub(super) source: &'static str,
    /// The fields in the order of tokens and octets; none when any octets are its data.
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

    /// Whether octets have the form of the type, with names uncompressed.
    pub(super) fn is_wire(&self, rdata: &[u8]) -> bool {
        let mut octets = Octets::new(rdata);
        let fields = self.fields.iter().try_for_each(|field| (field.wire)(&mut octets));
        self.fields.is_empty() || (fields.is_some() && octets.is_empty())
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

const KEY_FORM: &str = "FLAGS PROTOCOL ALGORITHM BASE64";
const DIGEST_FORM: &str = "TAG ALGORITHM DIGEST-TYPE HEX";
const SIGNATURE: &str = "TYPE ALGORITHM LABELS TTL EXPIRATION INCEPTION TAG SIGNER BASE64";
const SIGNATURE_FIELDS: &[Field] = &[RTYPE, ALGORITHM, U8, U32, MOMENT, MOMENT, U16, NAME, BASE64];

/// By number.
pub(super) const TABLE: &[Layout] = &[
    of("A", 1, "ADDRESS", "RFC 1035 section 3.4.1", &[IPV4]),
    of("NS", 2, "HOST", "RFC 1035 section 3.3.11", &[NAME]),
    of("CNAME", 5, "NAME", "RFC 1035 section 3.3.1", &[NAME]),
    of(
        "SOA",
        6,
        "MNAME RNAME SERIAL REFRESH RETRY EXPIRE MINIMUM",
        "RFC 1035 section 3.3.13",
        &[NAME, NAME, U32, TIME, TIME, TIME, TIME],
    ),
    of("MB", 7, "HOST", "RFC 1035 section 3.3.3", &[NAME]),
    of("MG", 8, "MAILBOX", "RFC 1035 section 3.3.6", &[NAME]),
    of("MR", 9, "MAILBOX", "RFC 1035 section 3.3.8", &[NAME]),
    of("NULL", 10, "", "RFC 1035 section 3.3.10", &[]),
    of("WKS", 11, "ADDRESS PROTOCOL SERVICE...", "RFC 1035 section 3.4.2", &[IPV4, SERVICES_OF]),
    of("PTR", 12, "NAME", "RFC 1035 section 3.3.12", &[NAME]),
    of("HINFO", 13, "CPU OS", "RFC 1035 section 3.3.2", &[STRING, STRING]),
    of("MINFO", 14, "MAILBOX MAILBOX", "RFC 1035 section 3.3.7", &[NAME, NAME]),
    of("MX", 15, "PREFERENCE HOST", "RFC 1035 section 3.3.9", &[U16, NAME]),
    of("TXT", 16, "STRING...", "RFC 1035 section 3.3.14", &[STRINGS]),
    of("RP", 17, "MAILBOX NAME", "RFC 1183 section 2.2", &[NAME, NAME]),
    of("AFSDB", 18, "SUBTYPE HOST", "RFC 1183 section 1", &[U16, NAME]),
    of("X25", 19, "PSDN-ADDRESS", "RFC 1183 section 3.1", &[DIGITS]),
    of("ISDN", 20, "ADDRESS [SUBADDRESS]", "RFC 1183 section 3.2", &[STRING, OPTIONAL_STRING]),
    of("RT", 21, "PREFERENCE HOST", "RFC 1183 section 3.3", &[U16, NAME]),
    of("NSAP", 22, "0xHEX.HEX...", "RFC 1706 section 7", &[NSAP]),
    of("NSAP-PTR", 23, "NAME", "RFC 1348", &[NAME]),
    of("SIG", 24, SIGNATURE, "RFC 2535 section 7.2", SIGNATURE_FIELDS),
    of("KEY", 25, KEY_FORM, "RFC 2535 section 7.1", &[KEY]),
    of("PX", 26, "PREFERENCE MAP822 MAPX400", "RFC 2163 section 4", &[U16, NAME, NAME]),
    of("GPOS", 27, "LONGITUDE LATITUDE ALTITUDE", "RFC 1712 section 3", &[STRING, STRING, STRING]),
    of("AAAA", 28, "ADDRESS", "RFC 3596 section 2.2", &[IPV6]),
    of(
        "LOC",
        29,
        "D [M [S]] N|S D [M [S]] E|W ALTm [SIZEm [HPm [VPm]]]",
        "RFC 1876 section 3",
        &[LOC],
    ),
    of("NXT", 30, "NEXT-NAME TYPE...", "RFC 2535 section 7.3", &[NAME, LOW_TYPES]),
    of("EID", 31, "HEX", "draft-ietf-nimrod-dns", &[HEX]),
    of("NIMLOC", 32, "HEX", "draft-ietf-nimrod-dns", &[HEX]),
    of("SRV", 33, "PRIORITY WEIGHT PORT HOST", "RFC 2782", &[U16, U16, U16, NAME]),
    of("ATMA", 34, "+DIGITS or HEX", "ATM Forum AF-SAA-0069.000", &[ATMA]),
    of(
        "NAPTR",
        35,
        "ORDER PREFERENCE FLAGS SERVICES SUBSTITUTION NAME",
        "RFC 3403 section 4.1",
        &[U16, U16, STRING, STRING, SUBSTITUTION, NAME],
    ),
    of("KX", 36, "PREFERENCE HOST", "RFC 2230 section 3", &[U16, NAME]),
    of(
        "CERT",
        37,
        "KIND TAG ALGORITHM BASE64",
        "RFC 4398 section 2.2",
        &[CERTIFICATE, U16, ALGORITHM, BASE64],
    ),
    of("A6", 38, "PREFIX-LENGTH ADDRESS-SUFFIX PREFIX-NAME", "RFC 2874 section 3.2", &[A6]),
    of("DNAME", 39, "NAME", "RFC 6672 section 2.1", &[NAME]),
    of(
        "SINK",
        40,
        "MEANING CODING SUBCODING BASE64",
        "draft-eastlake-kitchen-sink",
        &[U8, U8, U8, OPTIONAL_BASE64],
    ),
    of("APL", 42, "[!]FAMILY:ADDRESS/PREFIX...", "RFC 3123 section 5", &[APL]),
    of("DS", 43, DIGEST_FORM, "RFC 4034 section 5.3", &[U16, ALGORITHM, DIGEST]),
    of("SSHFP", 44, "ALGORITHM TYPE HEX", "RFC 4255 section 3.2", &[U8, FINGERPRINT]),
    of(
        "IPSECKEY",
        45,
        "PRECEDENCE KIND ALGORITHM GATEWAY BASE64",
        "RFC 4025 section 3.1",
        &[U8, GATEWAY],
    ),
    of("RRSIG", 46, SIGNATURE, "RFC 4034 section 3.2", SIGNATURE_FIELDS),
    of("NSEC", 47, "NEXT-NAME TYPE...", "RFC 4034 section 4.2", &[NAME, SOME_TYPES]),
    of("DNSKEY", 48, KEY_FORM, "RFC 4034 section 2.2", &[U16, U8, ALGORITHM, BASE64]),
    of("DHCID", 49, "BASE64", "RFC 4701 section 3.2", &[BASE64]),
    of(
        "NSEC3",
        50,
        "ALGORITHM FLAGS ITERATIONS SALT BASE32 TYPE...",
        "RFC 5155 section 3.3",
        &[U8, U8, U16, SALT, HASH, TYPES],
    ),
    of(
        "NSEC3PARAM",
        51,
        "ALGORITHM FLAGS ITERATIONS SALT",
        "RFC 5155 section 4.3",
        &[U8, U8, U16, SALT],
    ),
    of("TLSA", 52, "USAGE SELECTOR MATCHING HEX", "RFC 6698 section 2.2", &[U8, U8, U8, HEX]),
    of("SMIMEA", 53, "USAGE SELECTOR MATCHING HEX", "RFC 8162 section 2", &[U8, U8, U8, HEX]),
    of("HIP", 55, "ALGORITHM HEX BASE64 SERVER...", "RFC 8005 section 6", &[HIP]),
    of("NINFO", 56, "STRING...", "IANA template NINFO", &[STRINGS]),
    of("RKEY", 57, KEY_FORM, "IANA template RKEY", &[KEY]),
    of("TALINK", 58, "PREVIOUS NEXT", "IANA template TALINK", &[NAME, NAME]),
    of("CDS", 59, DIGEST_FORM, "RFC 7344 section 3.1", &[U16, ALGORITHM, DIGEST]),
    of("CDNSKEY", 60, KEY_FORM, "RFC 7344 section 3.2", &[U16, U8, ALGORITHM, BASE64]),
    of("OPENPGPKEY", 61, "BASE64", "RFC 7929 section 2.3", &[BASE64]),
    of("CSYNC", 62, "SERIAL FLAGS TYPE...", "RFC 7477 section 2.1.2", &[U32, U16, TYPES]),
    of(
        "ZONEMD",
        63,
        "SERIAL SCHEME ALGORITHM HEX",
        "RFC 8976 section 2.3",
        &[U32, U8, ZONE_DIGEST],
    ),
    of(
        "SVCB",
        64,
        "PRIORITY TARGET KEY=VALUE...",
        "RFC 9460 section 2.1",
        &[U16, NAME, PARAMETERS],
    ),
    of(
        "HTTPS",
        65,
        "PRIORITY TARGET KEY=VALUE...",
        "RFC 9460 section 2.1",
        &[U16, NAME, PARAMETERS],
    ),
    of("DSYNC", 66, "TYPE SCHEME PORT TARGET", "RFC 9859", &[RTYPE, SCHEME, U16, NAME]),
    of("HHIT", 67, "BASE64", "RFC 9886", &[BASE64]),
    of("BRID", 68, "BASE64", "RFC 9886", &[BASE64]),
    of("SPF", 99, "STRING...", "RFC 4408 section 3.1.1", &[STRINGS]),
    of("UINFO", 100, "", "IANA", &[]),
    of("UID", 101, "", "IANA", &[]),
    of("GID", 102, "", "IANA", &[]),
    of("UNSPEC", 103, "", "IANA", &[]),
    of("NID", 104, "PREFERENCE HEX:HEX:HEX:HEX", "RFC 6742 section 2.1.2", &[U16, FOUR_WORDS]),
    of("L32", 105, "PREFERENCE ADDRESS", "RFC 6742 section 2.2.2", &[U16, IPV4]),
    of("L64", 106, "PREFERENCE HEX:HEX:HEX:HEX", "RFC 6742 section 2.3.2", &[U16, FOUR_WORDS]),
    of("LP", 107, "PREFERENCE NAME", "RFC 6742 section 2.4.2", &[U16, NAME]),
    of("EUI48", 108, "XX-XX-XX-XX-XX-XX", "RFC 7043 section 3.2", &[EUI48]),
    of("EUI64", 109, "XX-XX-XX-XX-XX-XX-XX-XX", "RFC 7043 section 4.2", &[EUI64]),
    of("URI", 256, "PRIORITY WEIGHT \"TARGET\"", "RFC 7553 section 4", &[U16, U16, LONG_STRING]),
    of("CAA", 257, "FLAGS TAG \"VALUE\"", "RFC 8659 section 4.1.1", &[U8, TAG, VALUE]),
    of("AVC", 258, "STRING...", "IANA template AVC", &[STRINGS]),
    of(
        "DOA",
        259,
        "ENTERPRISE TYPE LOCATION \"MEDIA-TYPE\" BASE64",
        "draft-durand-doa-over-dns",
        &[U32, U32, U8, STRING, BASE64_OR_HYPHEN],
    ),
    of("AMTRELAY", 260, "PRECEDENCE D KIND RELAY", "RFC 8777 section 4.3", &[U8, RELAY]),
    of("RESINFO", 261, "STRING...", "RFC 9606 section 4", &[STRINGS]),
    of("WALLET", 262, "STRING...", "IANA template WALLET", &[STRINGS]),
    of("TA", 32768, DIGEST_FORM, "IANA template TA", &[U16, ALGORITHM, DIGEST]),
    of("DLV", 32769, DIGEST_FORM, "RFC 4431 section 2", &[U16, ALGORITHM, DIGEST]),
];

/// Types that have a number and no data that a zone could hold: those of messages, and those given up.
const NUMBERS: &[(&str, u16)] = &[
    ("MD", 3),
    ("MF", 4),
    ("OPT", 41),
    ("TKEY", 249),
    ("TSIG", 250),
    ("IXFR", 251),
    ("AXFR", 252),
    ("MAILB", 253),
    ("MAILA", 254),
    ("ANY", 255),
    // A key that BIND manages by itself.
    ("KEYDATA", 65533),
];

/// The type with this number.
pub(in crate::zone) fn by_number(number: u16) -> Option<&'static Layout> {
    let at = TABLE.binary_search_by_key(&number, |layout| layout.number).ok()?;
    TABLE.get(at)
}

/// The number of a type, by its mnemonic or in the form `TYPEnnn` (RFC 3597 section 5).
pub(in crate::zone) fn number(mnemonic: &[u8]) -> Option<u16> {
    let is = |name: &str| name.as_bytes().eq_ignore_ascii_case(mnemonic);
    if let Some(layout) = TABLE.iter().find(|layout| is(layout.name)) {
        return Some(layout.number);
    }
    if let Some((_, number)) = NUMBERS.iter().find(|(name, _)| is(name)) {
        return Some(*number);
    }
    let (prefix, digits) = mnemonic.split_at_checked(4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let plain =
        prefix.eq_ignore_ascii_case(b"TYPE") && digits.bytes().all(|octet| octet.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}
