//! `cvdns geoip`: builds and queries country databases.

mod build;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ipnet::IpNet;
use serde::Serialize;

use self::build::BuildArgs;
use super::output::{Failure, eprint_line, print_json};
use super::problems::print;
use super::table::{or_dash, print_table};
use crate::load;
use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::{Continent, Country, labels};
use cvdns_core::geo::country_map::{CountryMap, Located};
use cvdns_core::geo::database::{CountryDatabase, UnknownCode};
use cvdns_core::geo::date::date_text;
use cvdns_core::problem::Problems;

/// The subcommands of `cvdns geoip`.
#[derive(Clone, Debug, Subcommand)]
pub enum GeoipCommand {
    /// Build a country database from lists of networks.
    ///
    /// Sources are recognised by their content: the IPFire Location export of Debian's tor-geoipdb
    /// (geoip, geoip6); the registries' delegated and delegated-extended statistics; GeoLite2
    /// Country CSV (Blocks-IPv4, Blocks-IPv6 and Locations-en); plain lists of `network,CC` or
    /// `start,end,CC`, with addresses in text form or as decimal numbers, or with a header line
    /// that names a column `country_code`.
    ///
    /// Where sources overlap, the later source wins; within a source, the smaller network wins, and
    /// of two equal networks the later line. The same sources give the same bytes.
    Build(BuildArgs),
    /// Look up addresses: network, country and continent.
    Lookup(LookupArgs),
    /// Describe a database and check all of it.
    Info(InfoArgs),
    /// List all countries with the labels that `{cc}` stands for.
    Countries(CountriesArgs),
}

/// Runs a subcommand. Exit status: 0 on success, 1 on bad input; clap exits with 2 on bad usage.
pub fn run(command: GeoipCommand, config: &Path) -> ExitCode {
    let result = match command {
        GeoipCommand::Build(args) => build::run(&args),
        GeoipCommand::Lookup(args) => lookup(&args, config),
        GeoipCommand::Info(args) => info(&args, config),
        GeoipCommand::Countries(args) => countries(&args),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// The database to read.
#[derive(Args, Clone, Debug)]
pub struct DatabaseArgs {
    /// The database, any MMDB file with countries. Default: the configured one with its overrides.
    #[arg(long, value_name = "FILE")]
    pub database: Option<PathBuf>,
}

impl DatabaseArgs {
    /// Opens the database; also returns the configured overrides.
    fn open(&self, config: &Path) -> Result<(CountryDatabase, Vec<(IpNet, Country)>), Failure> {
        if let Some(path) = &self.database {
            return Ok((read_database(path)?, Vec::new()));
        }
        let mut problems = Problems::default();
        let Some((path, overrides)) = load::geoip_of(config, &mut problems) else {
            print(&problems);
            return Err(Failure::new(
                "name a database with --database, or a configuration with --config".to_owned(),
            ));
        };
        Ok((read_database(&path)?, overrides))
    }
}

/// Reads a database from its file.
fn read_database(path: &Path) -> Result<CountryDatabase, Failure> {
    let name = path.display().to_string();
    let bytes = cvdns_io::read_bytes(path, load::MAX_DATABASE).map_err(|error| {
        Failure::new(format!(
            "{error}; name a database with --database, or make one with `cvdns geoip build`"
        ))
    })?;
    CountryDatabase::from_bytes(bytes, &name).map_err(|error| Failure::new(error.to_string()))
}

/// Arguments of `cvdns geoip lookup`.
#[derive(Args, Clone, Debug)]
pub struct LookupArgs {
    /// IPv4 or IPv6 addresses.
    #[arg(required = true, value_name = "IP")]
    pub addresses: Vec<String>,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Assign a network to a country, whatever the database says; the longest prefix wins. May be
    /// repeated.
    #[arg(long = "override", value_name = "NET=CC", value_parser = parse_override)]
    pub overrides: Vec<(IpNet, Country)>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

fn parse_override(text: &str) -> Result<(IpNet, Country), String> {
    let (net, code) = text.split_once('=').ok_or("expected NET=CC, such as 192.0.2.0/24=DE")?;
    let net = match net.parse::<IpNet>() {
        Ok(net) => net,
        Err(_) => net
            .parse::<IpAddr>()
            .map(IpNet::from)
            .map_err(|_| format!("{net:?} is not a network; expected one such as 192.0.2.0/24"))?,
    };
    if net.trunc() != net {
        return Err(format!("{net} has bits beyond its prefix length; expected {}", net.trunc()));
    }
    Ok((net, Country::parse(code).map_err(|error| error.to_string())?))
}

#[derive(Clone, Serialize)]
struct LookupRow {
    address: IpAddr,
    network: Option<IpNet>,
    country: Option<String>,
    name: Option<&'static str>,
    continent: Option<&'static str>,
    source: &'static str,
}

impl LookupRow {
    /// Locates an address with the map that serve uses, and adds the network of the database.
    fn of(address: IpAddr, database: &CountryDatabase, map: &CountryMap) -> LookupRow {
        let Located { area, overridden, .. } = map.locate(address);
        let nowhere = LookupRow {
            address,
            network: None,
            country: None,
            name: None,
            continent: None,
            source: "none",
        };
        let placed = |network, source| LookupRow {
            network: Some(network),
            country: area.country().map(|country| country.code().to_owned()),
            name: area.country().map(Country::name),
            continent: area.continent().map(Continent::code),
            source,
            ..nowhere.clone()
        };
        match (overridden, area, database.lookup(address)) {
            (Some(network), Area::Country(_), _) => placed(network, "override"),
            (None, Area::Country(_) | Area::Continent(_), Some((_, network))) => {
                placed(network, "database")
            }
            // The address of a relay (Teredo) or the place of IPv4 in an MMDB (::/96): neither
            // tells the country of a client.
            (_, Area::Unknown, Some((Some(code), _))) if Country::parse(code).is_ok() => nowhere,
            (_, Area::Unknown, Some((code, network))) => {
                let country = code.map(str::to_owned);
                LookupRow { network: Some(network), country, source: "database", ..nowhere }
            }
            _ => nowhere,
        }
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.address.to_string(),
            or_dash(self.network),
            or_dash(self.country.as_ref()),
            or_dash(self.name),
            or_dash(self.continent),
            self.source.to_owned(),
        ]
    }
}

fn lookup(args: &LookupArgs, config: &Path) -> Result<ExitCode, Failure> {
    let (database, mut overrides) = args.database.open(config)?;
    overrides.extend_from_slice(&args.overrides);
    let map = CountryMap::new(&database, &overrides);
    let mut found = Vec::new();
    let mut status = ExitCode::SUCCESS;
    for address in &args.addresses {
        if let Ok(address) = address.parse() {
            found.push(LookupRow::of(address, &database, &map));
        } else {
            eprint_line!(
                "cvdns: {address:?} is not an address; expected one such as 192.0.2.1 or 2001:db8::1"
            );
            status = ExitCode::FAILURE;
        }
    }
    if args.json {
        print_json(&found)?;
    } else if !found.is_empty() {
        let header = ["Address", "Network", "Code", "Country", "Continent", "From"];
        print_table(&header, found.iter().map(LookupRow::row))?;
    }
    Ok(status)
}

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
    description: std::collections::BTreeMap<String, String>,
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
        let countries: std::collections::BTreeSet<Country> = v4
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

fn info(args: &InfoArgs, config: &Path) -> Result<ExitCode, Failure> {
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

/// Arguments of `cvdns geoip countries`.
#[derive(Args, Clone, Debug)]
pub struct CountriesArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct CountryRow {
    code: &'static str,
    labels: Vec<&'static str>,
    name: &'static str,
    continent: &'static str,
    latitude: f64,
    longitude: f64,
}

fn countries(args: &CountriesArgs) -> Result<ExitCode, Failure> {
    let all: Vec<(&str, Country)> = labels().collect();
    let rows = Country::all().map(|country| {
        let centroid = country.centroid();
        CountryRow {
            code: country.code(),
            labels: all.iter().filter(|(_, of)| *of == country).map(|(label, _)| *label).collect(),
            name: country.name(),
            continent: country.continent().code(),
            latitude: centroid.lat,
            longitude: centroid.lon,
        }
    });
    if args.json {
        print_json(&rows.collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let header = ["Code", "Labels", "Country", "Continent", "Latitude", "Longitude"];
    print_table(
        &header,
        rows.map(|row| {
            vec![
                row.code.to_owned(),
                row.labels.join(" "),
                row.name.to_owned(),
                row.continent.to_owned(),
                format!("{:.1}", row.latitude),
                format!("{:.1}", row.longitude),
            ]
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let device = Path::new("/dev/null");
        let says = |failure: Failure| format!("{failure:?}");
        let failure = says(read_database(device).err().unwrap());
        assert!(failure.contains("a device, not a regular file"), "{failure}");
        let failure = says(build::read_sources(&[device.to_owned()]).err().unwrap());
        assert!(failure.contains("a device, not a regular file"), "{failure}");
    }
}
