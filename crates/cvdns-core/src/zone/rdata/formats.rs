//! The RDATA formats of all types that have one: which fields the data of a type consists of.

use super::apl::APL;
use super::dnssec::{ALGORITHM, CERTIFICATE, DIGEST, FINGERPRINT, KEY, TIMESTAMP, ZONE_DIGEST};
use super::field::Field;
use super::fields::{
    BASE64, CAA_TAG, CAA_VALUE, DIGITS, EUI48, EUI64, HEX, HEX_GROUPS, IPV4, IPV6, LONG_STRING,
    NAME, NONEMPTY_TYPES, NSEC3_HASH, NSEC3_SALT, NXT_TYPES, OPTIONAL_BASE64, OPTIONAL_STRING,
    RTYPE, STRING, STRINGS, TIME, TYPES, U8, U16, U32,
};
use super::loc::LOC;
use super::octets::Octets;
use super::rr_type::{self as rr, RrType};
use super::special::{
    A6, AMTRELAY_RELAY, ATMA, BASE64_OR_HYPHEN, DSYNC_SCHEME, GATEWAY, HIP, NSAP, SUBSTITUTION,
    WKS_SERVICES,
};
use super::svcb::PARAMETERS;

/// The RDATA format of a type.
pub(super) struct RdataFormat {
    /// The type.
    pub(super) rr_type: RrType,
    /// Presentation format of the data, for messages; empty if there is only the generic one (RFC
    /// 3597 section 5).
    pub(super) presentation: &'static str,
    /// The specification.
    pub(super) source: &'static str,
    /// The fields in order. Without any field, all octets are valid data.
    pub(super) fields: &'static [Field],
}

impl RdataFormat {
    /// Advice on how to write a record of the type.
    pub(super) fn help(&self) -> String {
        let Self { rr_type: RrType { mnemonic, .. }, presentation, source, .. } = self;
        match *presentation {
            "" => format!("write {mnemonic} \\# LENGTH HEX (RFC 3597 section 5)"),
            presentation => format!("write {mnemonic} {presentation} ({source})"),
        }
    }

    /// Whether `rdata` is valid RDATA of the type, with uncompressed names.
    pub(super) fn is_valid(&self, rdata: &[u8]) -> bool {
        let mut octets = Octets::new(rdata);
        let fields = self.fields.iter().try_for_each(|field| (field.wire)(&mut octets));
        self.fields.is_empty() || (fields.is_some() && octets.is_empty())
    }
}

/// The format of the type with this number; `None` if the type is unknown or has no data in zones.
pub(super) fn by_number(number: u16) -> Option<&'static RdataFormat> {
    let at = FORMATS.binary_search_by_key(&number, |format| format.rr_type.number).ok()?;
    FORMATS.get(at)
}

const fn format(
    rr_type: RrType,
    presentation: &'static str,
    source: &'static str,
    fields: &'static [Field],
) -> RdataFormat {
    RdataFormat { rr_type, presentation, source, fields }
}

const KEY_FORM: &str = "FLAGS PROTOCOL ALGORITHM BASE64";
const DIGEST_FORM: &str = "TAG ALGORITHM DIGEST-TYPE HEX";
const SIGNATURE: &str = "TYPE ALGORITHM LABELS TTL EXPIRATION INCEPTION TAG SIGNER BASE64";
const SIGNATURE_FIELDS: &[Field] =
    &[RTYPE, ALGORITHM, U8, U32, TIMESTAMP, TIMESTAMP, U16, NAME, BASE64];

/// All formats, in ascending order of the type's number.
pub(super) const FORMATS: &[RdataFormat] = &[
    format(rr::A, "ADDRESS", "RFC 1035 section 3.4.1", &[IPV4]),
    format(rr::NS, "HOST", "RFC 1035 section 3.3.11", &[NAME]),
    format(rr::CNAME, "NAME", "RFC 1035 section 3.3.1", &[NAME]),
    format(
        rr::SOA,
        "MNAME RNAME SERIAL REFRESH RETRY EXPIRE MINIMUM",
        "RFC 1035 section 3.3.13",
        &[NAME, NAME, U32, TIME, TIME, TIME, TIME],
    ),
    format(rr::MB, "HOST", "RFC 1035 section 3.3.3", &[NAME]),
    format(rr::MG, "MAILBOX", "RFC 1035 section 3.3.6", &[NAME]),
    format(rr::MR, "MAILBOX", "RFC 1035 section 3.3.8", &[NAME]),
    format(rr::NULL, "", "RFC 1035 section 3.3.10", &[]),
    format(rr::WKS, "ADDRESS PROTOCOL SERVICE...", "RFC 1035 section 3.4.2", &[IPV4, WKS_SERVICES]),
    format(rr::PTR, "NAME", "RFC 1035 section 3.3.12", &[NAME]),
    format(rr::HINFO, "CPU OS", "RFC 1035 section 3.3.2", &[STRING, STRING]),
    format(rr::MINFO, "MAILBOX MAILBOX", "RFC 1035 section 3.3.7", &[NAME, NAME]),
    format(rr::MX, "PREFERENCE HOST", "RFC 1035 section 3.3.9", &[U16, NAME]),
    format(rr::TXT, "STRING...", "RFC 1035 section 3.3.14", &[STRINGS]),
    format(rr::RP, "MAILBOX NAME", "RFC 1183 section 2.2", &[NAME, NAME]),
    format(rr::AFSDB, "SUBTYPE HOST", "RFC 1183 section 1", &[U16, NAME]),
    format(rr::X25, "PSDN-ADDRESS", "RFC 1183 section 3.1", &[DIGITS]),
    format(rr::ISDN, "ADDRESS [SUBADDRESS]", "RFC 1183 section 3.2", &[STRING, OPTIONAL_STRING]),
    format(rr::RT, "PREFERENCE HOST", "RFC 1183 section 3.3", &[U16, NAME]),
    format(rr::NSAP, "0xHEX.HEX...", "RFC 1706 section 7", &[NSAP]),
    format(rr::NSAP_PTR, "NAME", "RFC 1348", &[NAME]),
    format(rr::SIG, SIGNATURE, "RFC 2535 section 7.2", SIGNATURE_FIELDS),
    format(rr::KEY, KEY_FORM, "RFC 2535 section 7.1", &[KEY]),
    format(rr::PX, "PREFERENCE MAP822 MAPX400", "RFC 2163 section 4", &[U16, NAME, NAME]),
    format(
        rr::GPOS,
        "LONGITUDE LATITUDE ALTITUDE",
        "RFC 1712 section 3",
        &[STRING, STRING, STRING],
    ),
    format(rr::AAAA, "ADDRESS", "RFC 3596 section 2.2", &[IPV6]),
    format(
        rr::LOC,
        "D [M [S]] N|S D [M [S]] E|W ALTm [SIZEm [HPm [VPm]]]",
        "RFC 1876 section 3",
        &[LOC],
    ),
    format(rr::NXT, "NEXT-NAME TYPE...", "RFC 2535 section 7.3", &[NAME, NXT_TYPES]),
    format(rr::EID, "HEX", "draft-ietf-nimrod-dns", &[HEX]),
    format(rr::NIMLOC, "HEX", "draft-ietf-nimrod-dns", &[HEX]),
    format(rr::SRV, "PRIORITY WEIGHT PORT HOST", "RFC 2782", &[U16, U16, U16, NAME]),
    format(rr::ATMA, "+DIGITS or HEX", "ATM Forum AF-SAA-0069.000", &[ATMA]),
    format(
        rr::NAPTR,
        "ORDER PREFERENCE FLAGS SERVICES SUBSTITUTION NAME",
        "RFC 3403 section 4.1",
        &[U16, U16, STRING, STRING, SUBSTITUTION, NAME],
    ),
    format(rr::KX, "PREFERENCE HOST", "RFC 2230 section 3", &[U16, NAME]),
    format(
        rr::CERT,
        "KIND TAG ALGORITHM BASE64",
        "RFC 4398 section 2.2",
        &[CERTIFICATE, U16, ALGORITHM, BASE64],
    ),
    format(rr::A6, "PREFIX-LENGTH ADDRESS-SUFFIX PREFIX-NAME", "RFC 2874 section 3.2", &[A6]),
    format(rr::DNAME, "NAME", "RFC 6672 section 2.1", &[NAME]),
    format(
        rr::SINK,
        "MEANING CODING SUBCODING BASE64",
        "draft-eastlake-kitchen-sink",
        &[U8, U8, U8, OPTIONAL_BASE64],
    ),
    format(rr::APL, "[!]FAMILY:ADDRESS/PREFIX...", "RFC 3123 section 5", &[APL]),
    format(rr::DS, DIGEST_FORM, "RFC 4034 section 5.3", &[U16, ALGORITHM, DIGEST]),
    format(rr::SSHFP, "ALGORITHM TYPE HEX", "RFC 4255 section 3.2", &[U8, FINGERPRINT]),
    format(
        rr::IPSECKEY,
        "PRECEDENCE KIND ALGORITHM GATEWAY BASE64",
        "RFC 4025 section 3.1",
        &[U8, GATEWAY],
    ),
    format(rr::RRSIG, SIGNATURE, "RFC 4034 section 3.2", SIGNATURE_FIELDS),
    format(rr::NSEC, "NEXT-NAME TYPE...", "RFC 4034 section 4.2", &[NAME, NONEMPTY_TYPES]),
    format(rr::DNSKEY, KEY_FORM, "RFC 4034 section 2.2", &[U16, U8, ALGORITHM, BASE64]),
    format(rr::DHCID, "BASE64", "RFC 4701 section 3.2", &[BASE64]),
    format(
        rr::NSEC3,
        "ALGORITHM FLAGS ITERATIONS SALT BASE32 TYPE...",
        "RFC 5155 section 3.3",
        &[U8, U8, U16, NSEC3_SALT, NSEC3_HASH, TYPES],
    ),
    format(
        rr::NSEC3PARAM,
        "ALGORITHM FLAGS ITERATIONS SALT",
        "RFC 5155 section 4.3",
        &[U8, U8, U16, NSEC3_SALT],
    ),
    format(rr::TLSA, "USAGE SELECTOR MATCHING HEX", "RFC 6698 section 2.2", &[U8, U8, U8, HEX]),
    format(rr::SMIMEA, "USAGE SELECTOR MATCHING HEX", "RFC 8162 section 2", &[U8, U8, U8, HEX]),
    format(rr::HIP, "ALGORITHM HEX BASE64 SERVER...", "RFC 8005 section 6", &[HIP]),
    format(rr::NINFO, "STRING...", "IANA template NINFO", &[STRINGS]),
    format(rr::RKEY, KEY_FORM, "IANA template RKEY", &[KEY]),
    format(rr::TALINK, "PREVIOUS NEXT", "IANA template TALINK", &[NAME, NAME]),
    format(rr::CDS, DIGEST_FORM, "RFC 7344 section 3.1", &[U16, ALGORITHM, DIGEST]),
    format(rr::CDNSKEY, KEY_FORM, "RFC 7344 section 3.2", &[U16, U8, ALGORITHM, BASE64]),
    format(rr::OPENPGPKEY, "BASE64", "RFC 7929 section 2.3", &[BASE64]),
    format(rr::CSYNC, "SERIAL FLAGS TYPE...", "RFC 7477 section 2.1.2", &[U32, U16, TYPES]),
    format(
        rr::ZONEMD,
        "SERIAL SCHEME ALGORITHM HEX",
        "RFC 8976 section 2.3",
        &[U32, U8, ZONE_DIGEST],
    ),
    format(
        rr::SVCB,
        "PRIORITY TARGET KEY=VALUE...",
        "RFC 9460 section 2.1",
        &[U16, NAME, PARAMETERS],
    ),
    format(
        rr::HTTPS,
        "PRIORITY TARGET KEY=VALUE...",
        "RFC 9460 section 2.1",
        &[U16, NAME, PARAMETERS],
    ),
    format(rr::DSYNC, "TYPE SCHEME PORT TARGET", "RFC 9859", &[RTYPE, DSYNC_SCHEME, U16, NAME]),
    format(rr::HHIT, "BASE64", "RFC 9886", &[BASE64]),
    format(rr::BRID, "BASE64", "RFC 9886", &[BASE64]),
    format(rr::SPF, "STRING...", "RFC 4408 section 3.1.1", &[STRINGS]),
    format(rr::UINFO, "", "IANA", &[]),
    format(rr::UID, "", "IANA", &[]),
    format(rr::GID, "", "IANA", &[]),
    format(rr::UNSPEC, "", "IANA", &[]),
    format(rr::NID, "PREFERENCE HEX:HEX:HEX:HEX", "RFC 6742 section 2.1.2", &[U16, HEX_GROUPS]),
    format(rr::L32, "PREFERENCE ADDRESS", "RFC 6742 section 2.2.2", &[U16, IPV4]),
    format(rr::L64, "PREFERENCE HEX:HEX:HEX:HEX", "RFC 6742 section 2.3.2", &[U16, HEX_GROUPS]),
    format(rr::LP, "PREFERENCE NAME", "RFC 6742 section 2.4.2", &[U16, NAME]),
    format(rr::EUI48, "XX-XX-XX-XX-XX-XX", "RFC 7043 section 3.2", &[EUI48]),
    format(rr::EUI64, "XX-XX-XX-XX-XX-XX-XX-XX", "RFC 7043 section 4.2", &[EUI64]),
    format(rr::URI, "PRIORITY WEIGHT \"TARGET\"", "RFC 7553 section 4", &[U16, U16, LONG_STRING]),
    format(rr::CAA, "FLAGS TAG \"VALUE\"", "RFC 8659 section 4.1.1", &[U8, CAA_TAG, CAA_VALUE]),
    format(rr::AVC, "STRING...", "IANA template AVC", &[STRINGS]),
    format(
        rr::DOA,
        "ENTERPRISE TYPE LOCATION \"MEDIA-TYPE\" BASE64",
        "draft-durand-doa-over-dns",
        &[U32, U32, U8, STRING, BASE64_OR_HYPHEN],
    ),
    format(rr::AMTRELAY, "PRECEDENCE D KIND RELAY", "RFC 8777 section 4.3", &[U8, AMTRELAY_RELAY]),
    format(rr::RESINFO, "STRING...", "RFC 9606 section 4", &[STRINGS]),
    format(rr::WALLET, "STRING...", "IANA template WALLET", &[STRINGS]),
    format(rr::TA, DIGEST_FORM, "IANA template TA", &[U16, ALGORITHM, DIGEST]),
    format(rr::DLV, DIGEST_FORM, "RFC 4431 section 2", &[U16, ALGORITHM, DIGEST]),
];
