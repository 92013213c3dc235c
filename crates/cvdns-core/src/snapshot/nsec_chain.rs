//! The names of a signed zone in canonical order, each of which denies those behind it (RFC 4034
//! section 4).

use std::collections::BTreeSet;

use crate::dnssec::OrderKey;

/// The names of a zone that have records or are delegated. Each has an NSEC record.
#[derive(Debug, Default)]
pub struct NsecChain {
    names: Vec<ChainName>,
}

/// A name of the chain.
#[derive(Debug, PartialEq, Eq)]
pub struct ChainName {
    /// Its order key.
    key: Box<[u8]>,
    /// The name in lower-case wire form.
    pub name: Box<[u8]>,
    /// The types that it has, in ascending order, without RRSIG and NSEC.
    pub types: Box<[u16]>,
    /// Which of these types are answered with addresses of mirrors: there may be none at times.
    pub pool_types: Box<[u16]>,
}

impl ChainName {
    /// A name in lower-case wire form with its types.
    pub(super) fn new(name: &[u8], types: BTreeSet<u16>, pool_types: Vec<u16>) -> Self {
        Self {
            key: OrderKey::new(name).octets().into(),
            name: name.into(),
            types: types.into_iter().collect(),
            pool_types: pool_types.into(),
        }
    }
}

/// Where a name is in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainPlace {
    /// It is the name of this number.
    At(usize),
    /// It is behind the name of this number, and before the next one.
    Behind(usize),
}

impl NsecChain {
    /// A chain of these names, in any order.
    pub(super) fn new(mut names: Vec<ChainName>) -> Self {
        names.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Self { names }
    }

    /// The names, in canonical order: the zone's apex first.
    pub fn names(&self) -> &[ChainName] {
        &self.names
    }

    /// The name behind the name of this number: behind the last one, the first one.
    pub fn next(&self, number: usize) -> Option<&ChainName> {
        self.names.get(number + 1).or_else(|| self.names.first())
    }

    /// Where a name is, which is in lower-case wire form and within the zone. `None` if the chain
    /// is empty.
    pub fn place(&self, name: &[u8]) -> Option<ChainPlace> {
        let key = OrderKey::new(name);
        match self.names.binary_search_by(|of| (*of.key).cmp(key.octets())) {
            Ok(number) => Some(ChainPlace::At(number)),
            Err(behind) => behind.checked_sub(1).map(ChainPlace::Behind),
        }
    }
}

impl ChainPlace {
    /// The number of the name whose NSEC record says what there is of the name.
    pub fn number(self) -> usize {
        let (Self::At(number) | Self::Behind(number)) = self;
        number
    }
}
