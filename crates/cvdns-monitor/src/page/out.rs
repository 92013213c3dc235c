//! Why clients are not sent to a mirror, or to some of its addresses.

use std::net::IpAddr;

use jiff::Timestamp;

use cvdns_core::fleet::Mirror;
use cvdns_core::health::{Cause, MirrorCondition, MirrorStatus, Overrides, State};
use cvdns_pages::{Out, OutBy};

use crate::coordinator::AddressRow;

/// The reason of what is out in a downtime.
const DOWNTIME: &str = "an announced downtime";

/// What stands before the operator's reason.
const BY_OPERATOR: &str = "taken out by the operator: ";

/// What there is to say of an address.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub(super) struct AddressFacts {
    pub(super) address: IpAddr,
    /// Its state as servers have it.
    pub(super) state: State,
    /// Who says the reason.
    pub(super) by: By,
    /// Why it is out, or what checks found wrong; empty if nothing.
    pub(super) reason: String,
    /// When it is over by itself; `None` if it is not.
    pub(super) until: Option<Timestamp>,
}

/// Who says what is wrong at an address.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub(super) enum By {
    Checks,
    Operator,
    Downtime,
}

/// What there is to say of the addresses of a mirror at a moment.
pub(super) fn addresses(
    mirror: &Mirror,
    status: &MirrorStatus,
    rows: &[&AddressRow],
    (overrides, now): (&Overrides, Timestamp),
) -> Vec<AddressFacts> {
    let states = status.ipv4.iter().chain(&status.ipv6);
    let facts = |(address, state): (IpAddr, &State)| {
        let found = rows.iter().find(|row| row.address == address);
        let found = found.map(|row| row.reason.clone()).unwrap_or_default();
        let entry = overrides.of_address(&mirror.host, address, now);
        let (by, reason, until) = match (entry, &status.cause) {
            (Some(entry), _) if state.is_usable() && !found.is_empty() => (
                By::Checks,
                format!("{found}; the operator keeps it {state}: {}", entry.reason),
                None,
            ),
            _ if state.is_usable() => (By::Checks, found, None),
            (Some(entry), _) => {
                let mut reason = format!("{BY_OPERATOR}{}", entry.reason);
                if !found.is_empty() {
                    reason = format!("{reason}; checks find: {found}");
                }
                (By::Operator, reason, entry.until)
            }
            (None, Cause::Downtime(until)) => (By::Downtime, DOWNTIME.to_owned(), Some(*until)),
            (None, _) => (By::Checks, found, None),
        };
        AddressFacts { address, state: *state, by, reason, until }
    };
    mirror.addresses().zip(states).map(facts).collect()
}

/// Why clients are not sent to a mirror to which none are.
pub(super) fn out(
    condition: MirrorCondition,
    status: &MirrorStatus,
    addresses: &[AddressFacts],
) -> Out {
    let by_checks = |reason| Out { by: OutBy::Checks, reason, until: None };
    match (condition, status.stuck.as_ref(), &status.cause) {
        (MirrorCondition::Stuck, Some(stuck), _) => by_checks(format!("it is {stuck}")),
        (MirrorCondition::Lagging, ..) => {
            let versions = if status.behind == 1 { "version" } else { "versions" };
            by_checks(format!("it is {} {versions} behind the record", status.behind))
        }
        (_, _, Cause::Override { reason, until }) if !status.state.is_usable() => {
            Out { by: OutBy::Operator, reason: reason.to_string(), until: *until }
        }
        (_, _, Cause::Downtime(until)) => {
            Out { by: OutBy::Downtime, reason: DOWNTIME.to_owned(), until: Some(*until) }
        }
        _ => by_addresses(addresses),
    }
}

/// Why clients are not sent to a mirror all of whose addresses are out for reasons of their own.
fn by_addresses(addresses: &[AddressFacts]) -> Out {
    let count = addresses.iter().filter(|of| of.by == By::Operator).count();
    let by = match count {
        0 => OutBy::Checks,
        _ if count == addresses.len() => OutBy::Operator,
        _ => OutBy::Both,
    };
    let until = addresses.iter().filter_map(|of| of.until).min();
    let mut addresses = addresses.to_vec();
    for of in addresses.iter_mut().filter(|_| by == OutBy::Operator) {
        // Who reads `by` knows whose reasons these are.
        of.reason = of.reason.trim_start_matches(BY_OPERATOR).to_owned();
    }
    Out { by, reason: reasons(&addresses), until }
}

/// The different reasons of a mirror's addresses, each with its address if they differ.
pub(super) fn reasons(addresses: &[AddressFacts]) -> String {
    let faulty: Vec<&AddressFacts> =
        addresses.iter().filter(|address| !address.reason.is_empty()).collect();
    match faulty.split_first() {
        None => String::new(),
        Some((first, rest))
            if faulty.len() == addresses.len()
                && rest.iter().all(|address| address.reason == first.reason) =>
        {
            first.reason.clone()
        }
        Some(_) => {
            let each = faulty.iter().map(|of| format!("{}: {}", of.address, of.reason));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

#[cfg(test)]
#[path = "out_tests.rs"]
mod tests;
