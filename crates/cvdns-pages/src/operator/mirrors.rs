//! The list of mirrors, by state, country or host, a page at a time.

use std::fmt::Write as _;
use std::net::IpAddr;

use cvdns_core::geo::country::Country;
use cvdns_core::health::State;
use jiff::Timestamp;

use crate::parts::Field;

/// Mirrors of the list.
#[derive(Debug, Clone)]
pub struct MirrorList {
    /// Which mirrors are listed.
    pub filter: MirrorFilter,
    /// The states to choose from.
    pub states: Vec<&'static str>,
    /// The mirrors of this page of the list.
    pub rows: Vec<ListedMirror>,
    /// Number of all mirrors that the filter leaves.
    pub total: usize,
    /// How many of them the fleet file disables. They are in no other number.
    pub disabled: usize,
    /// Number of the page, from 1.
    pub page: usize,
    /// Number of pages, at least 1.
    pub pages: usize,
}

/// Which mirrors are listed: those to which all of it applies. What is empty applies to all.
#[derive(Debug, Clone, Default)]
pub struct MirrorFilter {
    /// The state, as in the list of states.
    pub state: Field,
    /// The code of the country.
    pub country: Field,
    /// A part of the host.
    pub host: Field,
    /// The page of the list; empty for the first.
    pub page: Field,
}

/// A mirror in the list.
#[derive(Debug, Clone)]
pub struct ListedMirror {
    /// Its host.
    pub host: String,
    /// The country in which it is.
    pub country: Country,
    /// Its state: `up`, `lagging`, `disabled`.
    pub state: &'static str,
    /// Why it is in this state; empty if there is nothing to say but the state and its start.
    pub why: String,
    /// Its addresses that are in another state than it, with their state.
    pub addresses: Vec<(IpAddr, State)>,
    /// Start of the state; `None` if the feed does not say it.
    pub since: Option<Timestamp>,
    /// Its capacity in kbit/s.
    pub capacity: u64,
    /// The part of all answers with mirrors so far that it leads, 0 to 1; `None` before the first
    /// answer.
    pub share: Option<f64>,
}

/// The number of mirrors in a state.
#[derive(Debug, Clone)]
pub struct StateRow {
    /// The state.
    pub state: &'static str,
    /// The number of mirrors; each host counts once.
    pub count: u64,
}

impl MirrorFilter {
    /// Whether it applies to all mirrors.
    pub fn is_empty(&self) -> bool {
        [&self.state, &self.country, &self.host].iter().all(|field| field.value.is_empty())
    }

    /// Whether anything of it is wrong.
    pub fn is_wrong(&self) -> bool {
        let fields = [&self.state, &self.country, &self.host, &self.page];
        fields.iter().any(|field| field.error.is_some())
    }

    /// The query of a page of the list.
    fn query(&self, page: usize) -> String {
        let fields = [("state", &self.state), ("country", &self.country), ("host", &self.host)];
        let mut query = String::from("?");
        for (name, field) in fields.iter().filter(|(_, field)| !field.value.is_empty()) {
            // Writing to a string does not fail.
            let _ = write!(query, "{name}={}&", encoded(&field.value));
        }
        format!("{query}page={page}")
    }
}

impl MirrorList {
    /// Where the page before this one is; `None` for the first.
    pub(super) fn before(&self) -> Option<String> {
        (self.page > 1).then(|| self.filter.query(self.page - 1))
    }

    /// Where the page after this one is; `None` for the last.
    pub(super) fn after(&self) -> Option<String> {
        (self.page < self.pages).then(|| self.filter.query(self.page + 1))
    }
}

/// A value in a query: everything but letters, digits, `-`, `_` and dots as octets in hexadecimal
/// digits (RFC 3986 section 2.1).
fn encoded(value: &str) -> String {
    let mut out = String::new();
    for octet in value.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                out.push(char::from(octet));
            }
            // Writing to a string does not fail.
            _ => drop(write!(out, "%{octet:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_list_lead_to_each_other() {
        let field = |value: &str| Field { value: value.to_owned(), error: None };
        let filter =
            MirrorFilter { state: field("down"), host: field("a&b=\"<"), ..Default::default() };
        let list = |page| MirrorList {
            filter: filter.clone(),
            states: Vec::new(),
            rows: Vec::new(),
            total: 250,
            disabled: 0,
            page,
            pages: 3,
        };
        let query = "?state=down&host=a%26b%3D%22%3C&page=";
        assert_eq!((list(1).before(), list(1).after()), (None, Some(format!("{query}2"))));
        assert_eq!(list(2).before(), Some(format!("{query}1")));
        assert_eq!(list(3).after(), None);
        assert!(MirrorFilter::default().is_empty() && !filter.is_empty() && !filter.is_wrong());
    }
}
