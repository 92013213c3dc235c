//! Mnemonics for numbers in RDATA.

use super::parser::RdataParser;
use crate::zone::token::ParseError;

/// Mnemonics with their numbers.
pub(super) type Mnemonics = &'static [(&'static str, u16)];

/// Types of certificates (RFC 4398 section 2.1).
pub(super) const CERTIFICATES: Mnemonics = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

/// Algorithms of DNSSEC, with the mnemonics of BIND (IANA "DNS Security Algorithm Numbers").
pub(super) const ALGORITHMS: Mnemonics = &[
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("RSASHA1", 5),
    ("NSEC3DSA", 6),
    ("DSA-NSEC3-SHA1", 6),
    ("NSEC3RSASHA1", 7),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECCGOST", 12),
    ("ECC-GOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// Types of digests of DS records, with the mnemonics of BIND (IANA "DNSSEC Delegation Signer (DS)
/// Resource Record (RR) Type Digest Algorithms").
pub(super) const DIGESTS: Mnemonics = &[
    ("SHA-1", 1),
    ("SHA1", 1),
    ("SHA-256", 2),
    ("SHA256", 2),
    ("GOST", 3),
    ("SHA-384", 4),
    ("SHA384", 4),
];

/// Protocols of KEY records (RFC 2535 section 7.1).
pub(super) const KEY_PROTOCOLS: Mnemonics =
    &[("NONE", 0), ("TLS", 1), ("EMAIL", 2), ("DNSSEC", 3), ("IPSEC", 4), ("ALL", 255)];

/// Flags of KEY records, which may be joined with `|` (RFC 2535 section 7.1).
pub(super) const KEY_FLAGS: Mnemonics = &[
    ("NOCONF", 0x4000),
    ("NOAUTH", 0x8000),
    ("NOKEY", 0xc000),
    ("FLAG2", 0x2000),
    ("EXTEND", 0x1000),
    ("FLAG4", 0x0800),
    ("FLAG5", 0x0400),
    ("USER", 0x0000),
    ("ZONE", 0x0100),
    ("HOST", 0x0200),
    ("NTYP3", 0x0300),
    ("FLAG8", 0x0080),
    ("FLAG9", 0x0040),
    ("FLAG10", 0x0020),
    ("FLAG11", 0x0010),
    ("SIG0", 0),
    ("SIG1", 1),
    ("SIG2", 2),
    ("SIG3", 3),
    ("SIG4", 4),
    ("SIG5", 5),
    ("SIG6", 6),
    ("SIG7", 7),
    ("SIG8", 8),
    ("SIG9", 9),
    ("SIG10", 10),
    ("SIG11", 11),
    ("SIG12", 12),
    ("SIG13", 13),
    ("SIG14", 14),
    ("SIG15", 15),
    ("KSK", 1),
    ("REVOKE", 0x0080),
];

/// Schemes of DSYNC records (RFC 9859).
pub(super) const DSYNC_SCHEMES: Mnemonics = &[("NOTIFY", 1)];

/// Internet protocols with known use in WKS records (IANA "Protocol Numbers").
pub(super) const PROTOCOLS: Mnemonics = &[
    ("icmp", 1),
    ("igmp", 2),
    ("ggp", 3),
    ("tcp", 6),
    ("egp", 8),
    ("udp", 17),
    ("hmp", 20),
    ("xns-idp", 22),
    ("rdp", 27),
    ("dccp", 33),
    ("sctp", 132),
];

/// Services of WKS records (RFC 1010, and later common ones). The system's own list is not used: a
/// zone must not change its meaning from host to host.
pub(super) const SERVICES: Mnemonics = &[
    ("tcpmux", 1),
    ("echo", 7),
    ("discard", 9),
    ("systat", 11),
    ("daytime", 13),
    ("netstat", 15),
    ("qotd", 17),
    ("chargen", 19),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("time", 37),
    ("nameserver", 42),
    ("whois", 43),
    ("tacacs", 49),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("hostnames", 101),
    ("iso-tsap", 102),
    ("pop2", 109),
    ("pop3", 110),
    ("sunrpc", 111),
    ("auth", 113),
    ("nntp", 119),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap2", 143),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("xdmcp", 177),
    ("bgp", 179),
    ("irc", 194),
    ("imap3", 220),
    ("ldap", 389),
    ("https", 443),
    ("exec", 512),
    ("login", 513),
    ("shell", 514),
    ("printer", 515),
    ("ldaps", 636),
    ("domain-s", 853),
    ("imaps", 993),
    ("pop3s", 995),
];

/// The number of a mnemonic, regardless of case.
pub(super) fn find(mnemonics: Mnemonics, text: &str) -> Option<u16> {
    let known = mnemonics.iter().find(|(mnemonic, _)| mnemonic.eq_ignore_ascii_case(text));
    known.map(|(_, number)| *number)
}

/// Consumes a mnemonic or a decimal number, either of them up to `max`.
///
/// # Errors
/// If no token remains, or if it is neither.
pub(super) fn take(
    parser: &mut RdataParser<'_>,
    mnemonics: Mnemonics,
    max: u16,
    expected: &str,
) -> Result<u16, ParseError> {
    let token = parser.text_token(expected)?;
    let digits = token.text.starts_with(|c: char| c.is_ascii_digit());
    let number = if digits { token.text.parse().ok() } else { find(mnemonics, token.text) };
    number.filter(|number| *number <= max).ok_or_else(|| token.is_not(expected))
}
