//! The canonical order of names (RFC 4034 section 6.1).

use crate::wire::name::{MAX_NAME, parent};

/// A name as octets whose order is the canonical order of names: its labels from the last one to
/// the first one, each ended by a zero. Within a label, 0 and 1 are written as two octets.
#[derive(Debug, Clone)]
pub struct OrderKey {
    octets: [u8; LONGEST],
    length: usize,
}

/// Octets of the longest key: each octet of a name as two.
const LONGEST: usize = 2 * MAX_NAME;

/// Most labels of a name, the root left out.
const MAX_LABELS: usize = MAX_NAME / 2;

impl OrderKey {
    /// The key of a name in lower-case wire form.
    pub fn new(name: &[u8]) -> Self {
        let mut key = Self { octets: [0; LONGEST], length: 0 };
        let mut starts = [0_u8; MAX_LABELS];
        let (mut count, mut rest) = (0, name);
        while let Some(above) = parent(rest) {
            if let Some(start) = starts.get_mut(count) {
                *start = (name.len() - rest.len()) as u8;
                count += 1;
            }
            rest = above;
        }
        for start in starts.iter().take(count).rev() {
            let label = name.get(usize::from(*start)..).unwrap_or_default();
            let length = label.first().copied().map_or(0, usize::from);
            for octet in label.iter().skip(1).take(length) {
                if *octet <= 1 {
                    key.push(1);
                }
                key.push(if *octet <= 1 { octet + 1 } else { *octet });
            }
            key.push(0);
        }
        key
    }

    /// The octets.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    fn push(&mut self, octet: u8) {
        if let Some(slot) = self.octets.get_mut(self.length) {
            *slot = octet;
            self.length += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::name::Name;
    use proptest::prelude::*;

    fn key(name: &str) -> Vec<u8> {
        let name = Name::parse(name, &Name::root()).expect("a name").to_lower();
        OrderKey::new(name.wire()).octets().to_vec()
    }

    /// The example of RFC 4034 section 6.1.
    #[test]
    fn the_order_of_rfc_4034() {
        let names = [
            "example",
            "a.example",
            "yljkjljk.a.example",
            "Z.a.example",
            "zABC.a.EXAMPLE",
            "z.example",
            "\\001.z.example",
            "*.z.example",
            "\\200.z.example",
        ];
        assert!(names.map(key).is_sorted());
    }

    proptest! {
        /// The keys compare as the lists of labels from behind do.
        #[test]
        fn keys_compare_as_labels_do(
            a in proptest::collection::vec(proptest::collection::vec(0_u8..4, 1..4), 0..4),
            b in proptest::collection::vec(proptest::collection::vec(0_u8..4, 1..4), 0..4),
        ) {
            let wire = |labels: &Vec<Vec<u8>>| {
                let mut wire = Vec::new();
                for label in labels {
                    wire.push(label.len() as u8);
                    wire.extend(label);
                }
                wire.push(0);
                wire
            };
            let by_labels = a.iter().rev().cmp(b.iter().rev());
            let (a, b) = (OrderKey::new(&wire(&a)), OrderKey::new(&wire(&b)));
            prop_assert_eq!(a.octets().cmp(b.octets()), by_labels);
        }
    }
}
