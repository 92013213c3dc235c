//! What `named-compilezone -F raw` writes: RDATA as BIND has read it, octet by octet.

use super::Row;

/// Octets before the first record set: format, version, time, flags and serials.
const HEADER: usize = 24;

/// The records of a file in raw format.
pub(super) fn rows(octets: &[u8]) -> Vec<Row> {
    let mut reader = Reader(&octets[HEADER..]);
    let mut rows = Vec::new();
    while !reader.0.is_empty() {
        let [_length, _class_type] = [reader.number(4), reader.number(2)];
        let rtype = u16::try_from(reader.number(2)).expect("a type");
        let _covers = reader.number(2);
        let ttl = reader.number(4);
        let count = reader.number(4);
        let length = reader.number(2);
        let owner = reader.take(length).to_ascii_lowercase();
        for _ in 0..count {
            let length = reader.number(2);
            rows.push(Row {
                owner: owner.clone(),
                rtype,
                ttl,
                rdata: reader.take(length).to_vec(),
            });
        }
    }
    rows
}

struct Reader<'o>(&'o [u8]);

impl<'o> Reader<'o> {
    fn take(&mut self, count: u32) -> &'o [u8] {
        let (taken, rest) = self.0.split_at(count as usize);
        self.0 = rest;
        taken
    }

    fn number(&mut self, octets: u32) -> u32 {
        self.take(octets).iter().fold(0, |number, octet| number << 8 | u32::from(*octet))
    }
}
