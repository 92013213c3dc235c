//! The keys of the JSON that docs/simulate.md lists.

use super::support::json_keys::{KeyTypes, add_keys, documented};
use super::support::tools;
use super::*;

/// The network of which the database has only the continent.
const NETWORKS: &str = "network,country_code,continent_code\n\
                        198.51.100.0/26,DE,EU\n198.51.100.64/26,,EU\n198.51.100.128/26,FR,EU\n";

/// The network, with a database that has a continent without a country.
fn with_continent() -> Files {
    let dir = tempfile::tempdir().expect("a directory");
    let (source, out) = (dir.path().join("country.csv"), dir.path().join("country.mmdb"));
    std::fs::write(&source, NETWORKS).expect("the source");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    tools::output(command.args(["geoip", "build", "--out"]).arg(&out).arg(&source));
    with_demand().with("country.mmdb", std::fs::read(out).expect("the database"))
}

/// Clients of whom only the continent is known have a path of their own (docs/design.md "Paths").
#[test]
fn clients_of_a_continent_have_its_path() {
    let dir = directory(&with_continent());
    let report = json_of(dir.path(), "--all --down continent:EU");
    let paths = zone(&report)["paths"].as_array().unwrap();
    let europe = paths.iter().find(|path| path["continents"] == json!(["EU"])).expect("its path");
    assert_eq!(europe["path"], json!(["continent:EU", "world"]));
    assert_eq!((&europe["countries"], &europe["change"]), (&json!([]), &json!("falls back")));
}

#[test]
fn the_table_of_keys_is_what_json_has() {
    let mut found = KeyTypes::new();
    let config = files().text("cvdns.toml").replace("source = \"feed.json\"\n", "");
    for (files, arguments) in [
        (with_demand(), "--all --down country:DE"),
        (with_continent(), "--all --down *"),
        (files(), "--all --down country:DE"),
        (files().with("cvdns.toml", config), "--all"),
    ] {
        let dir = directory(&files);
        add_keys("", &json_of(dir.path(), arguments), &mut found);
    }
    assert_eq!(found, documented("docs/simulate.md", "## JSON of `cvdns simulate`"));
}
