//! Adds and removes overrides.

use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;

use super::arguments::{AddArgs, RemoveArgs};
use super::file::{OverridesFile, Scope};
use crate::cli::output::{Failure, print_line};
use cvdns_core::health::{Override, overlap, with_override, without_overrides};
use cvdns_core::problem::Location;
use cvdns_core::problem::table::nearest;

pub(super) fn add(args: &AddArgs, config: &Path, now: Timestamp) -> Result<(), Failure> {
    let until = end(args, now)?;
    let file = OverridesFile::of(config, Scope::of(args.fleet, args.first))?;
    let location = Location::file(&file.name());
    let mut new = Override::new(args.host.clone(), args.state, &args.reason, location);
    new.addresses = args.addresses.iter().map(IpAddr::to_canonical).collect();
    new.until = until;
    let hosts = matched(&new, &file)?;
    let _lock = file.lock()?;
    let before = file.read()?;
    let text = with_override(&before.text, &before.overrides, &new, &hosts, now);
    let content = file.write(text.map_err(Failure::new)?, &before)?;
    if content.text == before.text {
        return print_line(format_args!("{} says this already: {new}", file.name()));
    }
    match before.overrides.iter().find(|entry| entry.concerns_same(&new)) {
        Some(old) => print_line(format_args!("override changed: {new}, was {old}"))?,
        None => print_line(format_args!("override added: {new}"))?,
    }
    let mut others = before.overrides.iter().filter(|entry| {
        !entry.concerns_same(&new) && entry.is_in_force(now) && overlap(entry, &new, &hosts)
    });
    others.by_ref().take(MAX_NAMED).try_for_each(|old| {
        print_line(format_args!("where both match, it applies instead of: {old}"))
    })?;
    match others.count() {
        0 => Ok(()),
        more => print_line(format_args!("and instead of {more} more: see `cvdns override list`")),
    }
}

pub(super) fn remove(args: &RemoveArgs, config: &Path) -> Result<(), Failure> {
    let file = OverridesFile::of(config, Scope::of(args.fleet, true))?;
    let _lock = file.lock()?;
    let before = file.read()?;
    let is_meant = |entry: &Override| {
        let same = |address| entry.addresses.contains(address);
        entry.host == args.host
            && (args.addresses.is_empty()
                || (args.addresses.len() == entry.addresses.len()
                    && args.addresses.iter().all(same)))
    };
    if !before.overrides.iter().any(is_meant) {
        if let Some(other) = before.overrides.iter().find(|entry| entry.host == args.host) {
            return Err(Failure::new(format!(
                "there is no such override of {} in {}, but {other}; without --address, all of its \
                 overrides are removed",
                args.host,
                file.name()
            )));
        }
        return Err(Failure::new(format!(
            "there is no such override of {} in {}{}",
            args.host,
            file.name(),
            meant(&args.host, before.overrides.iter().map(|entry| entry.host.as_str()))
        )));
    }
    let text = without_overrides(&before.text, &before.overrides, is_meant);
    file.write(text.map_err(Failure::new)?, &before)?;
    before
        .overrides
        .iter()
        .filter(|entry| is_meant(entry))
        .try_for_each(|entry| print_line(format_args!("override removed: {entry}")))
}

/// The end of the override in whole seconds. One that has passed is refused.
fn end(args: &AddArgs, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let until = match (args.until, args.duration) {
        (Some(until), _) => until,
        (None, Some(duration)) => now
            .checked_add(duration)
            .and_then(|until| Timestamp::from_second(until.as_second()))
            .map_err(|_| {
                Failure::new(
                    "--for: this is too long: write a shorter one, or leave --for out for an \
                     override that ends when it is removed",
                )
            })?,
        (None, None) => return Ok(None),
    };
    if until <= now {
        return Err(Failure::new(format!(
            "the override would have ended already: {until} is past"
        )));
    }
    Ok(Some(until))
}

/// The hosts that the override is about. Each of its addresses must be one of theirs.
fn matched<'f>(new: &Override, file: &'f OverridesFile) -> Result<Vec<&'f str>, Failure> {
    file.fleets.warn();
    let mirrors: Vec<_> =
        file.fleets.mirrors().filter(|mirror| new.matches(&mirror.host)).collect();
    if mirrors.is_empty() {
        if file.fleets.may_lack_some() {
            file.fleets.print_problems();
        }
        let all = file.fleets.mirrors().map(|mirror| mirror.host.as_str());
        return Err(Failure::new(format!(
            "no mirror is called {}{}",
            new.host,
            meant(&new.host, all)
        )));
    }
    for address in &new.addresses {
        let mut addresses = mirrors.iter().flat_map(|mirror| mirror.addresses());
        if !addresses.any(|has| has == *address) {
            let has: Vec<String> = mirrors
                .iter()
                .flat_map(|mirror| mirror.addresses())
                .take(MAX_NAMED)
                .map(|address| address.to_string())
                .collect();
            return Err(Failure::new(format!(
                "{} has no address {address}, but {}",
                new.host,
                has.join(", ")
            )));
        }
    }
    Ok(mirrors.into_iter().map(|mirror| mirror.host.as_str()).collect())
}

/// Addresses and overrides that are named at most.
const MAX_NAMED: usize = 8;

/// A question whether the nearest name is meant; empty if none is near.
fn meant<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.collect();
    nearest(name, &known).map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}
