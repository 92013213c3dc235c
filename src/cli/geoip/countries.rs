//! `cvdns geoip countries`: lists all countries.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::output::{Failure, print_json};
use crate::cli::table::print_table;
use cvdns_core::geo::country::{Country, labels};

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

pub(super) fn run(args: &CountriesArgs) -> Result<ExitCode, Failure> {
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
