//! Names and record data in presentation format (RFC 1035 section 5.1, RFC 9499 section 5).

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use cvdns_core::wire::name::{Name, wire_length};
use cvdns_core::wire::{rtype, u16_at};

/// SRV (RFC 2782).
const SRV: u16 = 33;
/// CAA (RFC 8659).
const CAA: u16 = 257;

/// Octets per word of the generic form, so that lines stay readable.
const WORD: usize = 32;

/// An absolute name, with its final dot.
pub fn name(wire: &[u8]) -> String {
    match Name::from_wire(wire) {
        Ok(name) if wire.len() > 1 => format!("{name}."),
        _ => ".".to_owned(),
    }
}

/// The mnemonic and the data of a record. Other types, and data that is malformed for its type, are
/// written in the form for unknown types (RFC 3597 section 5), which every server reads back octet
/// by octet.
pub fn data(rtype: u16, rdata: &[u8]) -> (String, String) {
    match common(rtype, rdata) {
        Some((mnemonic, text)) => (mnemonic.to_owned(), text),
        None => (format!("TYPE{rtype}"), generic(rdata)),
    }
}

fn common(rtype: u16, rdata: &[u8]) -> Option<(&'static str, String)> {
    Some(match rtype {
        rtype::SOA => ("SOA", soa(rdata)?),
        rtype::A => ("A", Ipv4Addr::from(*fixed::<4>(rdata)?).to_string()),
        rtype::AAAA => ("AAAA", Ipv6Addr::from(*fixed::<16>(rdata)?).to_string()),
        rtype::NS => ("NS", whole_name(rdata)?),
        rtype::CNAME => ("CNAME", whole_name(rdata)?),
        rtype::PTR => ("PTR", whole_name(rdata)?),
        rtype::DNAME => ("DNAME", whole_name(rdata)?),
        rtype::MX => ("MX", format!("{} {}", u16_at(rdata, 0)?, whole_name(rdata.get(2..)?)?)),
        rtype::TXT => ("TXT", strings(rdata)?),
        rtype::DS => ("DS", ds(rdata)?),
        SRV => {
            let [priority, weight, port] =
                [u16_at(rdata, 0)?, u16_at(rdata, 2)?, u16_at(rdata, 4)?];
            ("SRV", format!("{priority} {weight} {port} {}", whole_name(rdata.get(6..)?)?))
        }
        CAA => {
            let (flags, tag_length) = (*rdata.first()?, usize::from(*rdata.get(1)?));
            let tag = rdata.get(2..2 + tag_length)?;
            let plain = !tag.is_empty() && tag.iter().all(u8::is_ascii_alphanumeric);
            let tag = std::str::from_utf8(tag).ok().filter(|_| plain)?;
            ("CAA", format!("{flags} {tag} {}", quoted(rdata.get(2 + tag_length..)?)))
        }
        _ => return None,
    })
}

/// A DS record whose digest is one of SHA-256 or SHA-384 (RFC 4034 section 5.3).
fn ds(rdata: &[u8]) -> Option<String> {
    let [t1, t0, algorithm, kind, digest @ ..] = rdata else { return None };
    let is_whole = matches!((kind, digest.len()), (2, 32) | (4, 48));
    let hex = digest.iter().fold(String::new(), |mut hex, octet| {
        let _ = write!(hex, "{octet:02X}");
        hex
    });
    let tag = u16::from_be_bytes([*t1, *t0]);
    is_whole.then(|| format!("{tag} {algorithm} {kind} {hex}"))
}

/// A SOA record's names and numbers.
fn soa(rdata: &[u8]) -> Option<String> {
    let (mname, rest) = rdata.split_at_checked(wire_length(rdata)?)?;
    let (rname, rest) = rest.split_at_checked(wire_length(rest)?)?;
    let (numbers, []) = rest.as_chunks::<4>() else { return None };
    let [serial, refresh, retry, expire, minimum] = *numbers else { return None };
    let numbers = [serial, refresh, retry, expire, minimum].map(u32::from_be_bytes);
    let numbers = numbers.map(|number| number.to_string()).join(" ");
    Some(format!("{} {} {numbers}", name(mname), name(rname)))
}

fn fixed<const N: usize>(rdata: &[u8]) -> Option<&[u8; N]> {
    rdata.try_into().ok()
}

fn whole_name(rdata: &[u8]) -> Option<String> {
    (wire_length(rdata)? == rdata.len()).then(|| name(rdata))
}

/// Character-strings, each preceded by its length (RFC 1035 section 3.3).
fn strings(rdata: &[u8]) -> Option<String> {
    let mut out = Vec::new();
    let mut rest = rdata;
    while let Some((&length, tail)) = rest.split_first() {
        let (string, after) = tail.split_at_checked(usize::from(length))?;
        out.push(quoted(string));
        rest = after;
    }
    (!out.is_empty()).then(|| out.join(" "))
}

/// A quoted string, in which only the quote and the backslash are special.
fn quoted(string: &[u8]) -> String {
    let mut out = String::from("\"");
    for &octet in string {
        match octet {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(octet as char);
            }
            b' '..=b'~' => out.push(octet as char),
            _ => {
                let _ = write!(out, "\\{octet:03}");
            }
        }
    }
    out.push('"');
    out
}

fn generic(rdata: &[u8]) -> String {
    let mut out = format!("\\# {}", rdata.len());
    for word in rdata.chunks(WORD) {
        out.push(' ');
        for octet in word {
            let _ = write!(out, "{octet:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_core::problem::Problems;
    use cvdns_core::zone::include::NoFiles;
    use cvdns_core::zone::master;
    use proptest::prelude::*;

    /// Writes a record and reads it back.
    fn read_back(owner: &[u8], rtype: u16, rdata: &[u8]) -> (Vec<u8>, u16, Vec<u8>) {
        let (mnemonic, text) = data(rtype, rdata);
        let line = format!("{} 60 IN {mnemonic} {text}\n", name(owner));
        let mut problems = Problems::default();
        let records = master::parse("x", &line, &Name::root(), &mut NoFiles, &mut problems);
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{line}: {found:?}");
        let [record] = records.as_slice() else { panic!("{line}: {} records", records.len()) };
        (record.owner.wire().to_vec(), record.rtype, record.rdata.to_vec())
    }

    fn labels() -> impl Strategy<Value = Vec<u8>> {
        let label = proptest::collection::vec(any::<u8>(), 1..20);
        proptest::collection::vec(label, 0..6).prop_map(|labels| {
            let mut wire: Vec<u8> =
                labels.into_iter().flat_map(|l| [vec![l.len() as u8], l].concat()).collect();
            wire.push(0);
            wire
        })
    }

    proptest! {
        #[test]
        fn names_come_back(owner in labels(), target in labels()) {
            prop_assert_eq!(read_back(&owner, rtype::CNAME, &target), (owner, rtype::CNAME, target));
        }

        #[test]
        fn digests_come_back(head: [u8; 3], kind in 0u8..6, digest in proptest::collection::vec(any::<u8>(), 0..50)) {
            let rdata = [&head[..], &[kind], &digest].concat();
            // Octets that are no DS record have no other form that is read.
            if matches!((kind, digest.len()), (2, 32) | (4, 48)) {
                prop_assert_eq!(read_back(&[0], rtype::DS, &rdata).2, rdata);
            }
        }

        #[test]
        fn strings_come_back(strings in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..255), 1..4)) {
            let rdata: Vec<u8> = strings.iter().flat_map(|s| [vec![s.len() as u8], s.clone()].concat()).collect();
            prop_assert_eq!(read_back(&[0], rtype::TXT, &rdata).2, rdata);
        }

        /// For any type, including data that is malformed for it.
        #[test]
        fn any_data_comes_back(rdata in proptest::collection::vec(any::<u8>(), 0..80), rtype in 65_280u16..) {
            prop_assert_eq!(read_back(&[0], rtype, &rdata), (vec![0], rtype, rdata));
        }
    }

    #[test]
    fn common_types_are_written_as_people_write_them() {
        let cases: [(u16, &[u8], &str); 5] = [
            (rtype::MX, b"\0\x0a\x02mx\x03net\0", "MX 10 mx.net."),
            (rtype::TXT, b"\x06a\"b\\c;\x00", r#"TXT "a\"b\\c;" """#),
            (SRV, b"\0\x01\0\x02\0\x35\0", "SRV 1 2 53 ."),
            (CAA, b"\0\x05issueca.example", r#"CAA 0 issue "ca.example""#),
            (rtype::DS, &[1, 2, 3], r"TYPE43 \# 3 010203"),
        ];
        for (rtype, rdata, expected) in cases {
            let (mnemonic, text) = data(rtype, rdata);
            assert_eq!(format!("{mnemonic} {text}"), expected);
        }
    }
}
