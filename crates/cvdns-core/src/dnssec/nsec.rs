//! Data of NSEC records (RFC 4034 section 4).

use std::collections::BTreeMap;

/// RDATA: the next name in lower-case wire form, and the types that the owner has.
pub fn nsec(next: &[u8], types: impl Iterator<Item = u16>) -> Vec<u8> {
    let mut rdata = next.to_vec();
    // A window block has the number of the types' upper octet, a length, and a bit for each lower
    // octet, the highest bit first (section 4.1.2).
    let mut windows: BTreeMap<u8, [u8; 32]> = BTreeMap::new();
    for rtype in types {
        let [window, low] = rtype.to_be_bytes();
        let bits = windows.entry(window).or_insert([0; 32]);
        if let Some(octet) = bits.get_mut(usize::from(low / 8)) {
            *octet |= 0x80 >> (low % 8);
        }
    }
    for (window, bits) in windows {
        let length = bits.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        rdata.extend([window, length as u8]);
        rdata.extend(bits.iter().take(length));
    }
    rdata
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 4034 section 4.3: A, MX, RRSIG, NSEC and TYPE1234.
    #[test]
    fn the_example_of_rfc_4034() {
        let next = b"\x04host\x07example\x03com\0";
        let rdata = nsec(next, [1, 15, 46, 47, 1234].into_iter());
        let mut wanted = next.to_vec();
        wanted.extend([0x00, 0x06, 0x40, 0x01, 0x00, 0x00, 0x00, 0x03]);
        wanted.extend([0x04, 0x1b]);
        wanted.extend([0; 26]);
        wanted.push(0x20);
        assert_eq!(rdata, wanted);
    }
}
