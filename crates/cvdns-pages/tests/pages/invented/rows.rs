//! The rows and the page of an invented mirror.

use cvdns_core::health::State;
use cvdns_pages::{
    AddressRow, CheckRow, Downtime, MirrorPage, MirrorRow, Out, OutBy, Pool, Verdict, VersionRow,
};
use jiff::SignedDuration;

use super::history::history;
use super::{Mirror, ago, change, now, site};

impl Mirror {
    pub(super) fn row(&self) -> MirrorRow {
        MirrorRow {
            host: self.host.clone(),
            country: self.country,
            state: self.state.into(),
            since: Some(self.since),
            capacity: self.capacity,
            share: Some(if self.state.is_usable() { 0.0123 } else { 0.0 }),
            available: Some(if self.state.is_usable() { 0.9998 } else { 0.93 }),
            reason: self.reason.to_owned(),
            until: None,
        }
    }

    pub(super) fn page(&self, index: usize) -> MirrorPage {
        let by = match self.state {
            State::Drained => OutBy::Operator,
            _ => OutBy::Checks,
        };
        let out = (self.state != State::Up).then(|| Out {
            by,
            reason: self.reason.to_owned(),
            until: (by == OutBy::Operator).then(|| now() + SignedDuration::from_hours(20)),
        });
        let advice = match self.state {
            State::Down | State::Removed => vec![
                "The web server must be reachable by everyone at this address and port: look at its \
                 listening addresses, IPv4 and IPv6 each, and at the firewall."
                    .to_owned(),
            ],
            State::Old => vec![
                "The files are there, but not as the network uploads them: look at the update of the \
                 mirror, and whether it writes into the directory that is served."
                    .to_owned(),
            ],
            State::Up | State::Drained => Vec::new(),
        };
        MirrorPage {
            site: site(),
            notices: Vec::new(),
            host: self.host.clone(),
            country: self.country,
            state: self.state.into(),
            since: Some(self.since),
            out,
            fails_open: false,
            advice,
            addresses: self.address_rows(),
            versions: self.version_rows(),
            capacity: self.capacity,
            weight: if index % 9 == 1 { 0.5 } else { 1.0 },
            share: self.row().share,
            pools: vec![Pool::Country(self.country), Pool::Named("other".to_owned())],
            not_for: if index % 7 == 2 { vec!["China".to_owned()] } else { Vec::new() },
            fresh_until: ago(-1),
            downtimes: vec![
                Downtime { from: ago(-40), to: ago(-44) };
                usize::from(index.is_multiple_of(6))
            ],
            history: history(self.state, self.since, index),
            checks: self.check_rows(),
            changes: (0..4).map(|back| change(index + back, self)).collect(),
        }
    }

    fn address_rows(&self) -> Vec<AddressRow> {
        let rows = self.addresses.iter();
        rows.map(|address| AddressRow {
            address: *address,
            state: self.state,
            since: Some(self.since),
            timestamp: (self.state != State::Removed).then(|| ago(1)),
            reason: self.reason.to_owned(),
            available: self.row().available,
        })
        .collect()
    }

    fn version_rows(&self) -> Vec<VersionRow> {
        let late = (self.state == State::Old).then(|| ago(40));
        let row = |database: &str, held, released, late_since| VersionRow {
            database: database.to_owned(),
            held: Some(held),
            released: Some(released),
            late_since,
        };
        vec![
            row("main", 63, 63, None),
            row("daily", if late.is_some() { 28124 } else { 28130 }, 28130, late),
            row("bytecode", 339, 339, None),
        ]
    }

    fn check_rows(&self) -> Vec<CheckRow> {
        let verdict = match self.state {
            State::Up | State::Old => Verdict::Serving,
            State::Down | State::Removed => Verdict::Dead,
            State::Drained => Verdict::Away,
        };
        let rows = (0..20).map(|back| CheckRow {
            at: ago(back) - SignedDuration::from_mins(back * 7 % 60),
            address: self.addresses[back as usize % self.addresses.len()],
            verdict: if back == 11 { Verdict::Faulty } else { verdict },
            withheld: back == 11,
            reason: if back == 11 { "status 503" } else { self.reason }.to_owned(),
            state: Some(self.state),
        });
        rows.collect()
    }
}
