//! What is said of addresses beside the reasons of their states: that monitors disagree, and from
//! where a mirror cannot be reached.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::Continent;

/// All remarks.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    addresses: BTreeMap<String, BTreeMap<IpAddr, Remark>>,
    cut: BTreeMap<String, Vec<(Continent, String)>>,
}

/// A remark on an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remark {
    pub(super) text: String,
    /// Whether nothing follows from what was found, as monitors disagree. Otherwise some see it
    /// fail although it serves, which is not worth a new feed.
    pub(super) is_open: bool,
}

impl Remarks {
    pub(super) fn note(&mut self, host: &str, address: IpAddr, remark: Remark) {
        self.addresses.entry(host.to_owned()).or_default().insert(address, remark);
    }

    /// Notes that a mirror cannot be reached from a continent.
    pub(super) fn cut(&mut self, host: &str, continent: Continent, reason: &str) {
        let cut = self.cut.entry(host.to_owned()).or_default();
        cut.push((continent, reason.to_owned()));
    }

    fn of(&self, host: &str, address: IpAddr) -> Option<&Remark> {
        self.addresses.get(host)?.get(&address)
    }

    /// What the feed says of an address whose state has this reason.
    pub(super) fn public<'r>(&'r self, host: &str, address: IpAddr, reason: &'r str) -> &'r str {
        self.of(host, address).filter(|of| of.is_open).map_or(reason, |of| &of.text)
    }

    /// What is shown of an address whose state has this reason.
    pub(super) fn shown(&self, host: &str, address: IpAddr, reason: String) -> String {
        match self.of(host, address) {
            Some(remark) if remark.is_open || reason.is_empty() => remark.text.clone(),
            _ if reason.is_empty() => self.out_of_reach(host).unwrap_or_default(),
            _ => reason,
        }
    }

    /// The continents for whose clients a mirror is not.
    pub(super) fn not_for(&self, host: &str) -> Vec<String> {
        let cut = self.cut.get(host).into_iter().flatten();
        cut.map(|(continent, _)| Area::Continent(*continent).to_string()).collect()
    }

    /// Why it is not for them.
    pub(super) fn out_of_reach(&self, host: &str) -> Option<String> {
        let reasons: Vec<&str> = self.cut.get(host)?.iter().map(|(_, of)| of.as_str()).collect();
        Some(reasons.join("; "))
    }
}
