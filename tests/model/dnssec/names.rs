//! Names by their labels, and their canonical order.

use crate::support::name;

/// A name: its labels from the root on, in lower case. Names compare as RFC 4034 section 6.1 has
/// it: label by label from the last one, the octets of each as numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DnsName(Vec<Vec<u8>>);

impl DnsName {
    pub(super) fn parse(text: &str) -> Self {
        Self::of_wire(&name::wire(text)).0
    }

    /// A name at the start of octets, uncompressed, and how many octets it has.
    pub(super) fn of_wire(octets: &[u8]) -> (Self, usize) {
        let (mut labels, mut at) = (Vec::new(), 0);
        while octets[at] != 0 {
            let end = at + 1 + usize::from(octets[at]);
            labels.push(octets[at + 1..end].to_ascii_lowercase());
            at = end;
        }
        labels.reverse();
        (Self(labels), at + 1)
    }

    pub(super) fn wire(&self) -> Vec<u8> {
        let mut wire = Vec::new();
        for label in self.0.iter().rev() {
            wire.push(u8::try_from(label.len()).unwrap());
            wire.extend(label);
        }
        wire.push(0);
        wire
    }

    /// Labels without the root.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether it is this name or lies below it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    pub(super) fn is_below(&self, other: &Self) -> bool {
        self.is_within(other) && self != other
    }

    /// The last labels.
    pub(super) fn last(&self, count: usize) -> Self {
        Self(self.0[..count.min(self.0.len())].to_vec())
    }

    /// The longest name that both are within.
    pub(super) fn common(&self, other: &Self) -> Self {
        let same = self.0.iter().zip(&other.0).take_while(|(a, b)| a == b);
        Self(self.0[..same.count()].to_vec())
    }

    pub(super) fn is_wildcard(&self) -> bool {
        self.0.last().is_some_and(|label| label == b"*")
    }

    /// The wildcard directly below.
    pub(super) fn wildcard(&self) -> Self {
        let mut labels = self.0.clone();
        labels.push(b"*".to_vec());
        Self(labels)
    }

    /// The name with `from` at its end replaced by `to` (RFC 6672 section 2.2).
    pub(super) fn renamed(&self, from: &Self, to: &Self) -> Self {
        let mut labels = to.0.clone();
        labels.extend_from_slice(&self.0[from.count()..]);
        Self(labels)
    }
}

impl std::fmt::Display for DnsName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&name::text(&self.wire()))
    }
}
