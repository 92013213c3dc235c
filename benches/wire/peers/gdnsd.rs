//! gdnsd: multifo for countries, geoip for clients. States are set by hand, as cvdns has them from
//! a feed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use cvdns_core::geo::country::Country;

use super::{v4, v6};
use crate::cvdns::database;
use crate::fleet::{Fleet, Mirror};
use crate::server::Sandbox;

pub(super) fn configure(program: &Path, sandbox: &Sandbox, fleet: &Fleet) -> Command {
    sandbox.write("etc/zones/clamav.net", &zone(fleet));
    sandbox.write("etc/geoip/.keep", "");
    sandbox.write("run/.keep", "");
    sandbox.write("state/.keep", "");
    sandbox.write("etc/config", &config(sandbox, fleet));
    let mut command = Command::new(program);
    command.arg("-c").arg(sandbox.path().join("etc")).arg("start");
    command
}

fn zone(fleet: &Fleet) -> String {
    let mut zone = super::master_file_head();
    for (country, _) in fleet.by_country() {
        let _ = writeln!(zone, "db.{country} 60 DYNA multifo!pool-{country}");
    }
    zone + "db.local 60 DYNA geoip!local\n"
}

fn config(sandbox: &Sandbox, fleet: &Fleet) -> String {
    let (port, dir) = (sandbox.port, sandbox.path().display());
    let (mut pools, mut centers) = (String::new(), String::new());
    for (country, mirrors) in fleet.by_country() {
        let pool = pool(mirrors);
        let _ = writeln!(pools, "      pool-{country} => {{ {pool} }}");
        let _ = writeln!(centers, "          dc-{country} => {{ {pool} }}");
    }
    let all: Vec<_> = fleet.countries.iter().map(|country| format!("dc-{country}")).collect();
    format!(
        r"options => {{
  run_dir => {dir}/run
  state_dir => {dir}/state
  listen => {{ 127.0.0.1:{port} => {{ udp_threads => 1, tcp_threads => 1 }} }}
  edns_client_subnet => true
}}
plugins => {{
  multifo => {{
{pools}  }}
  geoip => {{
    maps => {{
      countries => {{
        geoip2_db => {database}
        datacenters => [{all}]
        map => {{ default => [dc-us], {map} }}
      }}
    }}
    resources => {{
      local => {{ map => countries, plugin => multifo, dcmap => {{
{centers}      }} }}
    }}
  }}
}}
",
        database = database().display(),
        all = all.join(", "),
        map = map(fleet),
    )
}

fn pool(mirrors: &[Mirror]) -> String {
    let list = |addresses: Vec<String>| {
        let named =
            addresses.iter().enumerate().map(|(number, address)| format!("m{number} => {address}"));
        format!("{{ {} }}", named.collect::<Vec<_>>().join(", "))
    };
    let v6 = v6(mirrors);
    let v6 = if v6.is_empty() { String::new() } else { format!("addrs_v6 => {}, ", list(v6)) };
    format!("addrs_v4 => {}, {v6}service_types => up", list(v4(mirrors)))
}

/// Maps each country to its own mirrors, otherwise to two of its continent, otherwise to the United
/// States.
fn map(fleet: &Fleet) -> String {
    let mut continents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for country in &fleet.countries {
        let parsed = Country::parse(country).expect("a country of the table");
        continents.entry(parsed.continent().code()).or_default().push(country);
    }
    let continent = |(code, countries): (&&str, &Vec<&str>)| {
        let default: Vec<_> =
            countries.iter().take(2).map(|country| format!("dc-{country}")).collect();
        let own: Vec<_> = countries
            .iter()
            .map(|country| format!("{} => [dc-{country}, dc-us]", country.to_uppercase()))
            .collect();
        format!("{code} => {{ default => [{}], {} }}", default.join(", "), own.join(" "))
    };
    continents.iter().map(continent).collect::<Vec<_>>().join("\n")
}
