//! What is asked, and which rule it tries.

/// A query to all three servers.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) qtype: &'static str,
    /// The section that says what must be answered.
    pub(crate) rule: &'static str,
    pub(crate) right: Right,
}

/// Whose answer is the right one. A server that repeats a record in an answer is read as if it had
/// not: sets have no duplicates (RFC 2181, 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// BIND's and Knot's, which must be the same.
    Both,
    /// BIND's: Knot answers otherwise, for the reason given.
    Bind(&'static str),
    /// Knot's: BIND answers otherwise, for the reason given.
    Knot(&'static str),
}

const fn case(name: &'static str, qtype: &'static str, rule: &'static str) -> Case {
    Case { name, qtype, rule, right: Right::Both }
}

/// RFC 1034 says no more than that software should not fail on a loop; the contract is NOERROR with
/// what was gathered.
const LOOP: Right = Right::Knot("BIND 9.18 sends the gathered chain with SERVFAIL");

/// The SOA belongs to NXDOMAIN and NODATA (RFC 2308, 2), and RFC 6672, 3.2 goes to its last step
/// from here.
const NO_SOA: Right = Right::Bind("Knot adds the SOA to YXDOMAIN");

const OVERFLOW: Right = Right::Bind("Knot 3.2 answers NXDOMAIN where the target itself is long");

const fn split(name: &'static str, qtype: &'static str, rule: &'static str, right: Right) -> Case {
    Case { name, qtype, rule, right }
}

/// Labels for names of 255 octets: three of 63 octets, and room for the rest.
const L63: &str = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk";

/// Cases whose names are too long to be written down.
pub(crate) fn long() -> Vec<(String, &'static str, &'static str, Right)> {
    let three = format!("{L63}.{L63}.{L63}");
    // corner.test. takes 13 octets and the three labels 192: 50 are left, a length octet among
    // them.
    let full = &L63[..49];
    vec![
        (
            format!("{full}.{three}.corner.test"),
            "A",
            "RFC 1035, 2.3.4: 255 octets are a name",
            Right::Both,
        ),
        (
            format!("{}.{three}.wild.corner.test", &L63[..44]),
            "A",
            "RFC 4592, 2.1.1: 255 octets under a wildcard",
            Right::Both,
        ),
        (
            format!("{}.{three}.dn.corner.test", &L63[..46]),
            "A",
            "RFC 6672, 2.2: 259 octets after the DNAME",
            NO_SOA,
        ),
        (
            format!("{}.{three}.dn.corner.test", &L63[..42]),
            "A",
            "RFC 6672, 2.2: exactly 255 octets after the DNAME",
            Right::Both,
        ),
        (
            format!("{}.{three}.dn.corner.test", &L63[..43]),
            "A",
            "RFC 6672, 2.2: 256 octets after the DNAME",
            NO_SOA,
        ),
        (
            format!("{three}.dn-long.corner.test"),
            "A",
            "RFC 6672, 2.2: YXDOMAIN on overflow",
            OVERFLOW,
        ),
        (
            format!("{three}.dn-long.corner.test"),
            "TXT",
            "RFC 6672, 2.2: YXDOMAIN for every type",
            OVERFLOW,
        ),
        (
            "x.dn-long.corner.test".to_owned(),
            "A",
            "RFC 6672, 2.2: no overflow by a short name",
            Right::Both,
        ),
    ]
}

pub(crate) const CASES: &[Case] = &[
    // The apex.
    case("corner.test", "SOA", "RFC 1034, 4.3.2 step 3a"),
    case("corner.test", "NS", "RFC 1034, 4.3.2 step 3a"),
    case("corner.test", "MX", "RFC 1035, 3.3.9"),
    case("corner.test", "TXT", "RFC 1035, 3.3.14: two strings in one record"),
    case("corner.test", "CAA", "RFC 8659, 4.1"),
    case("corner.test", "A", "RFC 2308, 2.2: NODATA at the apex"),
    case("corner.test", "CNAME", "RFC 2308, 2.2"),
    case("corner.test", "DS", "RFC 4035, 3.1.4.1: the parent is not here"),
    case("CoRnEr.TeSt", "SOA", "RFC 4343, 3: case is ignored"),
    // Plain data.
    case("www.corner.test", "A", "RFC 1034, 4.3.2 step 3a: a set of two"),
    case("www.corner.test", "AAAA", "RFC 1034, 4.3.2 step 3a"),
    case("WWW.Corner.TEST", "A", "RFC 4343, 4.1: case of the question"),
    case("mixed.corner.test", "A", "RFC 4343, 3: case of the zone file"),
    case("www.corner.test", "TXT", "RFC 2308, 2.2"),
    case("www.corner.test", "TYPE65282", "RFC 3597, 2: an unknown type asked for"),
    case("nothing.corner.test", "A", "RFC 2308, 2.1"),
    case("nothing.at.all.corner.test", "A", "RFC 2308, 2.1"),
    case("below.www.corner.test", "A", "RFC 2308, 2.1: below an existing name"),
    case("_sip._tcp.corner.test", "SRV", "RFC 2782"),
    case("_tcp.corner.test", "SRV", "RFC 4592, 2.2.2"),
    case("long-txt.corner.test", "TXT", "RFC 1035, 5.1: quotes and escapes in strings"),
    case("ptr.corner.test", "PTR", "RFC 1035, 3.3.12"),
    case("unknown.corner.test", "TYPE65280", "RFC 3597, 5"),
    case("unknown.corner.test", "A", "RFC 3597, 5: a known type in generic form"),
    case("unknown.corner.test", "TYPE65281", "RFC 3597, 5"),
    case("empty-unknown.corner.test", "TYPE65281", "RFC 3597, 5: rdata of length 0"),
    // Escapes.
    case("dot\\.label.corner.test", "A", "RFC 1035, 5.1: a dot inside a label"),
    case("dot.label.corner.test", "A", "RFC 1035, 5.1: two labels are not one with a dot"),
    case("back\\\\slash.corner.test", "A", "RFC 1035, 5.1"),
    case("\\000\\255.corner.test", "A", "RFC 2181, 11: any octet"),
    case("sp\\032ace.corner.test", "A", "RFC 2181, 11"),
    case("\\087\\087\\087.corner.test", "A", "RFC 4343, 2: an escaped letter is the letter"),
    // Empty non-terminals.
    case("ent.corner.test", "A", "RFC 4592, 2.2.2"),
    case("c.ent.corner.test", "TXT", "RFC 4592, 2.2.2"),
    case("b.c.ent.corner.test", "SOA", "RFC 4592, 2.2.2"),
    case("a.b.c.ent.corner.test", "A", "RFC 4592, 2.2.2"),
    case("x.c.ent.corner.test", "A", "RFC 4592, 2.2.2: NXDOMAIN beside one"),
    case("ent2.corner.test", "TXT", "RFC 4592, 2.2.2"),
    case("ent3.corner.test", "TXT", "RFC 4592, 2.2.2: made by a wildcard below"),
    case("star.ent3.corner.test", "TXT", "RFC 4592, 2.2.2"),
    case("x.star.ent3.corner.test", "TXT", "RFC 4592, 3.3.1"),
    // Wildcards.
    case("any.wild.corner.test", "A", "RFC 4592, 3.3.1"),
    case("ANY.WiLd.corner.test", "A", "RFC 4592, 3.3.1: the owner is the name asked for"),
    case("a.b.c.wild.corner.test", "A", "RFC 4592, 3.3.1: any depth"),
    case("any.wild.corner.test", "MX", "RFC 4592, 3.3.1"),
    case("any.wild.corner.test", "AAAA", "RFC 4592, 3.3.1: NODATA"),
    case("wild.corner.test", "A", "RFC 4592, 2.2.2: the wildcard's parent"),
    case("*.wild.corner.test", "A", "RFC 4592, 2.3: the asterisk asked literally"),
    case("*.wild.corner.test", "TXT", "RFC 4592, 2.3"),
    case("x.*.wild.corner.test", "A", "RFC 4592, 3.3.1: the asterisk exists and blocks itself"),
    case("\\042.wild.corner.test", "MX", "RFC 4592, 2.1.1: an escaped asterisk is one"),
    case("exists.wild.corner.test", "A", "RFC 4592, 2.2.1: an existing name blocks it"),
    case("exists.wild.corner.test", "TXT", "RFC 4592, 2.2.1"),
    case(
        "below.exists.wild.corner.test",
        "A",
        "RFC 4592, 3.3.1: the closest encloser has no wildcard",
    ),
    case("ent.wild.corner.test", "A", "RFC 4592, 2.2.2: an empty non-terminal blocks it"),
    case("x.ent.wild.corner.test", "TXT", "RFC 4592, 3.3.1: the nearer wildcard"),
    case("x.ent.wild.corner.test", "A", "RFC 4592, 3.3.1: the farther one is not used"),
    case("x.deep.ent.wild.corner.test", "TXT", "RFC 4592, 3.3.1"),
    case("any.cname-wild.corner.test", "A", "RFC 4592, 4.5: a wildcard CNAME"),
    case("any.cname-wild.corner.test", "CNAME", "RFC 4592, 4.5"),
    case("any.cname-wild.corner.test", "TXT", "RFC 4592, 4.5: NODATA at its end"),
    case("any.cname-gone.corner.test", "A", "RFC 6604, 3: NXDOMAIN of the last name"),
    case("any.cname-other.corner.test", "A", "RFC 4592, 4.5: wildcard to wildcard"),
    case("any.cname-out.corner.test", "A", "RFC 1034, 4.3.2: the chain leaves the zone"),
    split("x.cname-self.corner.test", "A", "RFC 1034, 3.6.2: a wildcard CNAME onto itself", LOOP),
    split("y.cname-self.corner.test", "A", "RFC 1034, 3.6.2", LOOP),
    case("middle.corner.test", "A", "RFC 4592, 2.2.2"),
    case("*.middle.corner.test", "A", "RFC 4592, 2.2.2: an asterisk label in the middle exists"),
    case("a.*.middle.corner.test", "A", "RFC 4592, 2.1.3: no wildcard, plain data"),
    case(
        "a.x.middle.corner.test",
        "A",
        "RFC 4592, 2.1.3: the middle asterisk matches the name, not through it",
    ),
    case("x.middle.corner.test", "A", "RFC 4592, 2.2.2: an empty wildcard gives NODATA"),
    case("x.*.double.corner.test", "TXT", "RFC 4592, 2.1.3"),
    case("x.y.double.corner.test", "TXT", "RFC 4592, 2.1.3"),
    case("x.double.corner.test", "TXT", "RFC 4592, 2.1.3"),
    case("*.below.corner.test", "TXT", "RFC 4592, 2.2.2"),
    case("sub.x.below.corner.test", "TXT", "RFC 4592, 2.1.3"),
    case("x.only-mx.corner.test", "A", "RFC 4592, 3.3.1: NODATA"),
    case("x.wild-ent.corner.test", "TXT", "RFC 4592, 3.3.1"),
    case("x.here.wild-ent.corner.test", "TXT", "RFC 4592, 3.3.1: below an existing name"),
    case("_https.srv._tcp.corner.test", "SRV", "RFC 4592, 4.4"),
    // CNAME.
    case("alias.corner.test", "A", "RFC 1034, 4.3.2 step 3a"),
    case("alias.corner.test", "AAAA", "RFC 1034, 4.3.2 step 3a"),
    case("alias.corner.test", "CNAME", "RFC 1034, 3.6.2: asked for, not followed"),
    case("alias.corner.test", "TXT", "RFC 2308, 2.2.1: NODATA behind a CNAME"),
    case("x.alias.corner.test", "A", "RFC 2308, 2.1: below a CNAME"),
    case("chain1.corner.test", "A", "RFC 1034, 3.6.2: in the chain's order"),
    case("chain1.corner.test", "MX", "RFC 2308, 2.2.1"),
    case("dangling.corner.test", "A", "RFC 6604, 3"),
    case("outward.corner.test", "A", "RFC 1034, 4.3.2: NOERROR with the CNAME alone"),
    case("outward2.corner.test", "A", "RFC 1034, 4.3.2"),
    case("to-wild.corner.test", "A", "RFC 4592, 3.3.3"),
    case("to-wild.corner.test", "TXT", "RFC 2308, 2.2.1"),
    case("to-wild-cname.corner.test", "A", "RFC 4592, 4.5"),
    case("to-ent.corner.test", "A", "RFC 2308, 2.2.1"),
    case("to-sub.corner.test", "A", "RFC 1034, 4.3.2 step 3b: CNAME, then a referral"),
    case("to-sub-apex.corner.test", "A", "RFC 1034, 4.3.2 step 3b"),
    case("to-apex.corner.test", "MX", "RFC 1034, 4.3.2"),
    case("to-dname.corner.test", "A", "RFC 6672, 3.2"),
    split("loop1.corner.test", "A", "RFC 1034, 3.6.2: a loop ends", LOOP),
    split("loop2.corner.test", "AAAA", "RFC 1034, 3.6.2", LOOP),
    split("self.corner.test", "A", "RFC 1034, 3.6.2", LOOP),
    split("to-loop.corner.test", "A", "RFC 1034, 3.6.2", LOOP),
    case("loop1.corner.test", "CNAME", "RFC 1034, 3.6.2"),
    // DNAME.
    case("dn.corner.test", "DNAME", "RFC 6672, 2.3"),
    case("dn.corner.test", "TXT", "RFC 6672, 2.3: the owner itself is not rewritten"),
    case("dn.corner.test", "A", "RFC 6672, 2.3: NODATA at the owner"),
    case("www.dn.corner.test", "A", "RFC 6672, 3.2"),
    case("WwW.dN.corner.test", "A", "RFC 6672, 3.1: the synthesised owner's case"),
    case("www.dn.corner.test", "AAAA", "RFC 6672, 3.2: NODATA at its end"),
    case("www.dn.corner.test", "CNAME", "RFC 6672, 3.2: the synthesised CNAME asked for"),
    case("www.dn.corner.test", "DNAME", "RFC 6672, 3.2"),
    case("nothing.dn.corner.test", "A", "RFC 6672, 3.2: NXDOMAIN at its end"),
    case("alias.dn.corner.test", "A", "RFC 6672, 3.2: then a CNAME"),
    case("x.wild.dn.corner.test", "A", "RFC 6672, 3.2: then a wildcard"),
    case("a.b.dn-out.corner.test", "A", "RFC 6672, 3.2: out of the zone"),
    case("x.dn-gone.corner.test", "A", "RFC 6672, 3.2"),
    split("x.dn-loop.corner.test", "A", "RFC 6672, 3.2: a loop ends", LOOP),
    case("www.dn-chain.corner.test", "A", "RFC 6672, 3.2: to another DNAME"),
    case("www.dn-sub.corner.test", "A", "RFC 6672, 3.2: into a delegation"),
    case("x.dn-self.corner.test", "A", "RFC 6672, 3.2: NXDOMAIN at its end"),
    case("q.dn-wild.corner.test", "A", "RFC 6672, 3.2: into a wildcard"),
    case("\\000.dn.corner.test", "A", "RFC 6672, 2.2: any octet is carried over"),
    case("*.dn.corner.test", "A", "RFC 6672, 3.2: an asterisk is carried over"),
    // Delegations.
    case("sub.corner.test", "A", "RFC 1034, 4.3.2 step 3b"),
    case("sub.corner.test", "NS", "RFC 1034, 4.3.2 step 3b: the parent's NS are not an answer"),
    case("sub.corner.test", "SOA", "RFC 1034, 4.3.2 step 3b"),
    case("sub.corner.test", "TXT", "RFC 2136, 7.18: occluded at the cut"),
    case("sub.corner.test", "DS", "RFC 4035, 3.1.4.1: the parent answers NODATA"),
    case("SUB.corner.test", "NS", "RFC 4343, 3"),
    case("www.sub.corner.test", "A", "RFC 2136, 7.18: occluded below the cut"),
    case("any.thing.sub.corner.test", "MX", "RFC 1034, 4.3.2 step 3b"),
    case("ns.sub.corner.test", "A", "RFC 2181, 6.1: glue is not an answer"),
    case("ns.sub.corner.test", "DS", "RFC 4035, 3.1.4.1: below the cut"),
    case("*.sub.corner.test", "A", "RFC 1034, 4.3.2 step 3b"),
    case("x.unglued.corner.test", "A", "RFC 1034, 4.2.1: no glue needed"),
    case("x.sibling.corner.test", "A", "RFC 9471, 2.2: sibling glue"),
    case("x.other-sub.corner.test", "A", "RFC 9471, 2.1"),
    split(
        "x.inside.corner.test",
        "A",
        "RFC 1034, 4.3.2 step 3b: whatever addresses are available, authoritative ones too",
        Right::Knot("BIND leaves them out with minimal-responses, as they are no glue"),
    ),
    case("x.signed.corner.test", "A", "RFC 4035, 3.1.4.1: no DS without DO"),
    case("signed.corner.test", "DS", "RFC 4035, 3.1.4.1: the DS is the parent's"),
    case("ent4.corner.test", "A", "RFC 4592, 2.2.2: above a cut"),
    case("cut.ent4.corner.test", "A", "RFC 4592, 2.2.2"),
    case("x.deep.cut.ent4.corner.test", "A", "RFC 1034, 4.3.2 step 3b"),
    case("x.lower.upper.corner.test", "A", "RFC 2136, 7.18: the upper cut hides the lower"),
    case("lower.upper.corner.test", "NS", "RFC 2136, 7.18"),
    case("lower.upper.corner.test", "DS", "RFC 2136, 7.18"),
    case("x.wild-cut.corner.test", "A", "RFC 4592, 4.2: a wildcard below a cut"),
    case("*.wild-cut.corner.test", "A", "RFC 4592, 4.2"),
    case("c.cname-cut.corner.test", "A", "RFC 1034, 4.3.2 step 3b: a CNAME below a cut"),
    // A zone and its child on the same server.
    case("kid.corner.test", "SOA", "RFC 1034, 4.3.2 step 2: the nearest zone"),
    case("kid.corner.test", "NS", "RFC 1034, 4.3.2 step 2"),
    case("kid.corner.test", "A", "RFC 2308, 5: this zone's SOA and TTL"),
    case("kid.corner.test", "DS", "RFC 4035, 3.1.4.1: from the parent even so"),
    case("www.kid.corner.test", "A", "RFC 1034, 4.3.2 step 2"),
    case("www.kid.corner.test", "MX", "RFC 2308, 5"),
    case("x.y.kid.corner.test", "TXT", "RFC 4592, 4.1: a wildcard below the apex"),
    case("x.y.kid.corner.test", "A", "RFC 4592, 4.1"),
    // A DNAME at the apex.
    case("apex.test", "A", "RFC 6672, 2.3"),
    case("apex.test", "DNAME", "RFC 6672, 2.3"),
    case("apex.test", "MX", "RFC 6672, 2.3"),
    case("x.y.apex.test", "A", "RFC 6672, 2.3"),
    // Types with rdata of their own.
    case("t.types.test", "HINFO", "RFC 1035, 3.3.2"),
    case("t.types.test", "RP", "RFC 1183, 2.2"),
    case("t.types.test", "NAPTR", "RFC 3403, 4"),
    case("t.types.test", "SSHFP", "RFC 4255, 3.1"),
    case("t.types.test", "CAA", "RFC 8659, 4.1"),
    case("tls.types.test", "TLSA", "RFC 6698, 2.1"),
    case("tls.types.test", "OPENPGPKEY", "RFC 7929, 2"),
    case("tls.types.test", "DNSKEY", "RFC 4034, 2"),
    case("svc.types.test", "SVCB", "RFC 9460, 2"),
    case("svc.types.test", "HTTPS", "RFC 9460, 9"),
    case("e.types.test", "SSHFP", "RFC 3597, 5: written as TYPE44"),
    case("mi.types.test", "MINFO", "RFC 1035, 3.3.7"),
    // Elsewhere.
    case("elsewhere.example", "A", "RFC 1034, 4.3.2: no zone of ours"),
    case("test", "NS", "RFC 1034, 4.3.2: above our zones"),
    case(".", "NS", "RFC 1034, 4.3.2"),
    case("xcorner.test", "A", "RFC 1034, 4.3.2: labels, not octets, are compared"),
];
