//! RR types: mnemonics and numbers (IANA "Domain Name System (DNS) Parameters").

/// An RR type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RrType {
    /// The mnemonic.
    pub(super) mnemonic: &'static str,
    /// The number.
    pub(super) number: u16,
}

/// Defines a constant for each type, and the list of all types.
macro_rules! rr_types {
    ($($name:ident $mnemonic:literal $number:literal,)*) => {
        $(
            pub(super) const $name: RrType = RrType { mnemonic: $mnemonic, number: $number };
        )*
        const ALL: &[RrType] = &[$($name),*];
    };
}

rr_types! {
    A "A" 1,
    NS "NS" 2,
    CNAME "CNAME" 5,
    SOA "SOA" 6,
    MB "MB" 7,
    MG "MG" 8,
    MR "MR" 9,
    NULL "NULL" 10,
    WKS "WKS" 11,
    PTR "PTR" 12,
    HINFO "HINFO" 13,
    MINFO "MINFO" 14,
    MX "MX" 15,
    TXT "TXT" 16,
    RP "RP" 17,
    AFSDB "AFSDB" 18,
    X25 "X25" 19,
    ISDN "ISDN" 20,
    RT "RT" 21,
    NSAP "NSAP" 22,
    NSAP_PTR "NSAP-PTR" 23,
    SIG "SIG" 24,
    KEY "KEY" 25,
    PX "PX" 26,
    GPOS "GPOS" 27,
    AAAA "AAAA" 28,
    LOC "LOC" 29,
    NXT "NXT" 30,
    EID "EID" 31,
    NIMLOC "NIMLOC" 32,
    SRV "SRV" 33,
    ATMA "ATMA" 34,
    NAPTR "NAPTR" 35,
    KX "KX" 36,
    CERT "CERT" 37,
    A6 "A6" 38,
    DNAME "DNAME" 39,
    SINK "SINK" 40,
    APL "APL" 42,
    DS "DS" 43,
    SSHFP "SSHFP" 44,
    IPSECKEY "IPSECKEY" 45,
    RRSIG "RRSIG" 46,
    NSEC "NSEC" 47,
    DNSKEY "DNSKEY" 48,
    DHCID "DHCID" 49,
    NSEC3 "NSEC3" 50,
    NSEC3PARAM "NSEC3PARAM" 51,
    TLSA "TLSA" 52,
    SMIMEA "SMIMEA" 53,
    HIP "HIP" 55,
    NINFO "NINFO" 56,
    RKEY "RKEY" 57,
    TALINK "TALINK" 58,
    CDS "CDS" 59,
    CDNSKEY "CDNSKEY" 60,
    OPENPGPKEY "OPENPGPKEY" 61,
    CSYNC "CSYNC" 62,
    ZONEMD "ZONEMD" 63,
    SVCB "SVCB" 64,
    HTTPS "HTTPS" 65,
    DSYNC "DSYNC" 66,
    HHIT "HHIT" 67,
    BRID "BRID" 68,
    SPF "SPF" 99,
    UINFO "UINFO" 100,
    UID "UID" 101,
    GID "GID" 102,
    UNSPEC "UNSPEC" 103,
    NID "NID" 104,
    L32 "L32" 105,
    L64 "L64" 106,
    LP "LP" 107,
    EUI48 "EUI48" 108,
    EUI64 "EUI64" 109,
    URI "URI" 256,
    CAA "CAA" 257,
    AVC "AVC" 258,
    DOA "DOA" 259,
    AMTRELAY "AMTRELAY" 260,
    RESINFO "RESINFO" 261,
    WALLET "WALLET" 262,
    TA "TA" 32768,
    DLV "DLV" 32769,
}

/// Types without data in zones: QTYPEs, meta-TYPEs and obsolete types.
const WITHOUT_DATA: &[RrType] = &[
    RrType { mnemonic: "MD", number: 3 },
    RrType { mnemonic: "MF", number: 4 },
    RrType { mnemonic: "OPT", number: 41 },
    RrType { mnemonic: "TKEY", number: 249 },
    RrType { mnemonic: "TSIG", number: 250 },
    RrType { mnemonic: "IXFR", number: 251 },
    RrType { mnemonic: "AXFR", number: 252 },
    RrType { mnemonic: "MAILB", number: 253 },
    RrType { mnemonic: "MAILA", number: 254 },
    RrType { mnemonic: "ANY", number: 255 },
    // BIND maintains these records by itself.
    RrType { mnemonic: "KEYDATA", number: 65533 },
];

/// The number of a type by its mnemonic, regardless of case, or in the form `TYPEnnn` (RFC 3597
/// section 5). `None` if it is neither.
pub(in crate::zone) fn type_number(text: &[u8]) -> Option<u16> {
    let known = ALL.iter().chain(WITHOUT_DATA);
    let is_meant = |known: &&RrType| known.mnemonic.as_bytes().eq_ignore_ascii_case(text);
    if let Some(known) = known.into_iter().find(is_meant) {
        return Some(known.number);
    }
    let (prefix, digits) = text.split_at_checked(4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let is_generic =
        prefix.eq_ignore_ascii_case(b"TYPE") && digits.bytes().all(|octet| octet.is_ascii_digit());
    digits.parse().ok().filter(|_| is_generic)
}
