//! Types of records about keys.

/// DNSKEY (RFC 4034 section 2).
pub const DNSKEY: u16 = 48;

/// CDS (RFC 7344 section 3.1).
pub const CDS: u16 = 59;

/// CDNSKEY (RFC 7344 section 3.2).
pub const CDNSKEY: u16 = 60;

/// The sets of keys, which a zone has at its apex.
pub(crate) const KEY_SETS: [u16; 3] = [DNSKEY, CDS, CDNSKEY];

/// The type's mnemonic, for messages.
pub(crate) fn mnemonic(rtype: u16) -> &'static str {
    match rtype {
        DNSKEY => "DNSKEY",
        CDS => "CDS",
        CDNSKEY => "CDNSKEY",
        _ => "other",
    }
}
