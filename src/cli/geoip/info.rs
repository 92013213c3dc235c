//! `cvdns geoip info`: describes a country database.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::database::DatabaseArgs;
use crate::cli::output::{Failure, print_json};
use crate::cli::table::print_table;
use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::Country;
use cvdns_core::geo::database::{CountryDatabase, UnknownCode};
use cvdns_core::geo::date::date_text;

/// Arguments of `cvdns geoip info`.
#[derive(Args, Clone, Debug)]
pub struct InfoArgs {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct DatabaseInfo {
    file: String,
    database_type: String,
    build_epoch: u64,
    build_date: String,
    ip_version: u16,
    node_count: u32,
    record_size: u16,
    networks: usize,
    ranges_v4: usize,
    ranges_v6: usize,
    countries: usize,
    /// Ranges of which only the continent is known.
    ranges_of_continents: usize,
    languages: Vec<String>,
    description: BTreeMap<String, String>,
    unknown_codes: Vec<UnknownCodeRow>,
}

#[derive(Serialize)]
struct UnknownCodeRow {
    code: String,
    networks: usize,
    first: IpAddr,
    reason: String,
}

impl UnknownCodeRow {
    fn of(warning: &UnknownCode) -> UnknownCodeRow {
        UnknownCodeRow {
            code: warning.code.clone(),
            networks: warning.networks,
            first: warning.first,
            reason: warning.reason.to_string(),
        }
    }
}

impl DatabaseInfo {
    fn of(database: &CountryDatabase) -> DatabaseInfo {
        let metadata = database.metadata();
        let (v4, v6) = (database.ranges_v4(), database.ranges_v6());
        let countries: BTreeSet<Country> = v4
            .iter()
            .map(|range| range.2)
            .chain(v6.iter().map(|range| range.2))
            .filter_map(Area::country)
            .collect();
        let areas = v4.iter().map(|range| range.2).chain(v6.iter().map(|range| range.2));
        let ranges_of_continents = areas.filter(|area| matches!(area, Area::Continent(_))).count();
        DatabaseInfo {
            file: metadata.file,
            database_type: metadata.database_type,
            build_epoch: metadata.build_epoch,
            build_date: date_text(i64::try_from(metadata.build_epoch).unwrap_or(i64::MAX)),
            ip_version: metadata.ip_version,
            node_count: metadata.node_count,
            record_size: metadata.record_size,
            networks: metadata.networks,
            ranges_v4: v4.len(),
            ranges_v6: v6.len(),
            countries: countries.len(),
            ranges_of_continents,
            languages: metadata.languages,
            description: metadata.description,
            unknown_codes: database.warnings().iter().map(UnknownCodeRow::of).collect(),
        }
    }
}

pub(super) fn run(args: &InfoArgs, config: &Path) -> Result<ExitCode, Failure> {
    let info = DatabaseInfo::of(&args.database.open(config)?.0);
    if args.json {
        print_json(&info)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![
        vec!["File".to_owned(), info.file.clone()],
        vec!["Type".to_owned(), info.database_type.clone()],
        vec!["Built".to_owned(), info.build_date.clone()],
        vec!["IP version".to_owned(), info.ip_version.to_string()],
        vec![
            "Nodes".to_owned(),
            format!("{} of {} bits", info.node_count, u32::from(info.record_size) * 2),
        ],
        vec!["Networks".to_owned(), info.networks.to_string()],
        vec!["IPv4 ranges".to_owned(), info.ranges_v4.to_string()],
        vec!["IPv6 ranges".to_owned(), info.ranges_v6.to_string()],
        vec!["Countries".to_owned(), info.countries.to_string()],
        vec!["Continent only".to_owned(), format!("{} ranges", info.ranges_of_continents)],
        vec!["Languages".to_owned(), info.languages.join(" ")],
    ];
    rows.extend(
        info.description
            .iter()
            .map(|(lang, text)| vec![format!("Description ({lang})"), text.clone()]),
    );
    for unknown in &info.unknown_codes {
        let text =
            format!("{} networks, first {}: {}", unknown.networks, unknown.first, unknown.reason);
        rows.push(vec![format!("Unknown code {}", unknown.code), text]);
    }
    print_table(&[], rows)?;
    Ok(ExitCode::SUCCESS)
}
