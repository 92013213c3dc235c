//! Names of files for zones.

use std::fmt::Write as _;

use cvdns_core::wire::name::Name;

/// Longest file name without its extension, in octets.
const MAX_STEM: usize = 150;

/// The file name of a zone without its extension: safe on every file system and different for each
/// zone.
pub fn zone_stem(origin: &Name) -> String {
    let mut out = String::new();
    for octet in origin.to_lower().to_string().bytes() {
        match octet {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => out.push(octet as char),
            b'.' if !out.is_empty() => out.push('.'),
            _ => {
                let _ = write!(out, "%{octet:02x}");
            }
        }
    }
    if out.len() > MAX_STEM {
        // FNV-1a is the same on every machine and in every version.
        let mix = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
        let hash = out.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
        out.truncate(MAX_STEM);
        let _ = write!(out, "%{hash:016x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain_and_differ() {
        let of = |text: &str| zone_stem(&Name::parse(text, &Name::root()).unwrap());
        for (name, expected) in
            [("ClamAV.net.", "clamav.net"), (".", "%2e"), (r"a\.b/c.d.", "a%5c.b%2fc.d")]
        {
            assert_eq!(of(name), expected);
        }
        let long = format!("{0}.{0}.{0}.", "a".repeat(60));
        let longer = format!("{0}.{0}.{0}b.", "a".repeat(60));
        assert!(of(&long).len() < 180 && of(&long) != of(&longer));
    }
}
