//! `cvdns geoip lookup`: prints network, country and continent of addresses.

use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use ipnet::IpNet;
use serde::Serialize;

use super::database::DatabaseArgs;
use crate::cli::output::{Failure, eprint_line, print_json};
use crate::cli::table::{or_dash, print_table};
use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::{Continent, Country};
use cvdns_core::geo::country_map::{CountryMap, Located};
use cvdns_core::geo::database::CountryDatabase;

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

pub(super) fn run(args: &LookupArgs, config: &Path) -> Result<ExitCode, Failure> {
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
