//! What was learnt last from the reports of several monitors: the same one is no second check.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rule::Evidence;

/// What was last learnt of each address, by host.
pub(super) type Taken = BTreeMap<String, BTreeMap<IpAddr, Learnt>>;

/// A result that was learnt: its kind, and when it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Learnt {
    found: Kind,
    as_of: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Good,
    Faulty,
    Dead,
    Unchecked,
}

impl Learnt {
    pub(super) fn of(evidence: &Evidence, as_of: Timestamp) -> Self {
        let found = match evidence {
            Evidence::Serves { .. } | Evidence::Answers => Kind::Good,
            Evidence::Faulty(_) => Kind::Faulty,
            Evidence::Dead(_) => Kind::Dead,
            Evidence::Unchecked(_) => Kind::Unchecked,
        };
        Self { found, as_of }
    }

    /// Whether it says more than `last`, of the same address.
    pub(super) fn is_after(self, last: Self) -> bool {
        self.found != last.found || self.as_of > last.as_of
    }
}
