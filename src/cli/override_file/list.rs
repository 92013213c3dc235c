//! Lists overrides.

use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::arguments::ListArgs;
use super::file::{Fleets, OverridesFile, Scope};
use crate::cli::offline::Offline;
use crate::cli::output::{Failure, print_json, print_line};
use crate::cli::table::print_table;
use crate::load::FeedSource;
use cvdns_core::health::{Override, Overrides, State};

/// An override in the JSON output.
#[derive(Serialize)]
struct OverrideInfo<'o> {
    host: &'o str,
    /// Empty for all addresses.
    addresses: &'o [IpAddr],
    state: State,
    reason: &'o str,
    until: Option<Timestamp>,
    ended: bool,
    /// Hosts of the mirrors that it matches.
    mirrors: Vec<&'o str>,
}

pub(super) fn list(args: &ListArgs, config: &Path, now: Timestamp) -> Result<(), Failure> {
    if args.fleet {
        let all = OverridesFile::of(config, Scope::Fleet { may_be_none: true })?;
        return print(args, &all.read()?.overrides, &all.fleets, &all.name(), now);
    }
    let known = OverridesFile::known(config)?;
    let others = known.others();
    match known.own(config)?.clone() {
        FeedSource::File(path) => {
            let name = path.display().to_string();
            let file = OverridesFile::in_file(path, known.fleets);
            print(args, &file.read()?.overrides, &file.fleets, &name, now)?;
        }
        // Those that a server would take, which may be others than it has in force.
        remote => {
            let loaded = Offline::load(config, now)?.loaded;
            print(args, &loaded.overrides.overrides, &known.fleets, &remote.to_string(), now)?;
        }
    }
    match others {
        Some(others) if !args.json => print_line(others),
        _ => Ok(()),
    }
}

fn print(
    args: &ListArgs,
    overrides: &Overrides,
    fleets: &Fleets,
    name: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    if args.json {
        // Only there are mirrors named.
        fleets.warn();
    }
    let infos: Vec<OverrideInfo<'_>> =
        overrides.iter().map(|entry| info(entry, fleets, now)).collect();
    if args.json {
        return print_json(&infos);
    }
    if infos.is_empty() {
        return print_line(format_args!("{name} has no overrides"));
    }
    let header = ["Host", "Addresses", "State", "Until", "Reason"];
    print_table(&header, infos.iter().map(OverrideInfo::row))
}

fn info<'o>(entry: &'o Override, fleets: &'o Fleets, now: Timestamp) -> OverrideInfo<'o> {
    let mirrors = fleets.mirrors().filter(|mirror| entry.matches(&mirror.host));
    OverrideInfo {
        host: &entry.host,
        addresses: &entry.addresses,
        state: entry.state,
        reason: &entry.reason,
        until: entry.until,
        ended: !entry.is_in_force(now),
        mirrors: mirrors.map(|mirror| mirror.host.as_str()).collect(),
    }
}

impl OverrideInfo<'_> {
    fn row(&self) -> Vec<String> {
        let addresses: Vec<String> = self.addresses.iter().map(IpAddr::to_string).collect();
        let addresses = if addresses.is_empty() { "all".to_owned() } else { addresses.join(", ") };
        let until = match self.until {
            None => "it is removed".to_owned(),
            Some(until) if self.ended => format!("{until} (ended)"),
            Some(until) => until.to_string(),
        };
        let host = self.host.to_owned();
        vec![host, addresses, self.state.to_string(), until, self.reason.to_owned()]
    }
}
