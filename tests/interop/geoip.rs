//! `cvdns geoip` as a user runs it, and its databases as other programs read them.
//!
//! Needs `mmdblookup` (Debian: mmdb-bin) and `/usr/share/tor/geoip{,6}` (tor-geoipdb).

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/geoip/country.mmdb");

fn cvdns(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cvdns"))
        .arg("geoip")
        .args(arguments)
        .output()
        .expect("cvdns runs")
}

fn json(arguments: &[&str]) -> Value {
    let output = cvdns(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The country that mmdblookup finds, `None` if there is no record.
fn mmdblookup(database: &str, address: &str) -> Option<String> {
    let arguments = ["--file", database, "--ip", address, "country", "iso_code"];
    let output =
        Command::new("mmdblookup").args(arguments).output().expect("mmdblookup: install mmdb-bin");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split('"').nth(1).map(str::to_owned)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn mmdblookup_reads_the_shipped_database_as_we_do() {
    // Spread over both families, with those that stand for IPv4.
    let v4 =
        (1..=120_u32).map(|n| std::net::Ipv4Addr::from(n.wrapping_mul(0x0213_4567)).to_string());
    let v6 = (0..80_u128).map(|n| {
        let high = 0x2a00_u128 + (n % 20);
        std::net::Ipv6Addr::from(high << 112 | (n.wrapping_mul(0x9e37_79b9) & 0xffff_ffff) << 80)
            .to_string()
    });
    let rest = ["::ffff:133.1.1.1", "2002:8501:101::1", "2001:200::1", "2001:db8::1", "10.0.0.1"];
    let addresses: Vec<String> = v4.chain(v6).chain(rest.map(str::to_owned)).collect();
    let mut arguments = vec!["lookup", "--json", "--database", SHIPPED];
    arguments.extend(addresses.iter().map(String::as_str));
    let found = json(&arguments);
    let mut known = 0;
    for (address, found) in addresses.iter().zip(found.as_array().expect("array")) {
        let ours = found["country"].as_str().map(str::to_owned);
        assert_eq!(ours, mmdblookup(SHIPPED, address), "{address}");
        known += usize::from(ours.is_some());
    }
    assert!(known > 80, "{known}");
}

/// What is looked up is what a server looks up: the table that it compiles, in which a client's
/// path stands.
#[test]
fn lookups_agree_with_the_table_that_servers_compile() {
    use cvdns_core::geo::country::Country;
    use cvdns_core::geo::country_map::CountryMap;
    use cvdns_core::geo::database::CountryDatabase;
    let overrides = [
        "198.18.0.0/15=DE",
        "2001::/16=SE",
        "2002::/16=NO",
        "::/64=FI",
        "2a00::/12=FR",
        "8.0.0.0/7=JP",
    ];
    let parsed = overrides.map(|text| {
        let (net, country) = text.split_once('=').expect("NET=CC");
        (net.parse().expect("a network"), Country::parse(country).expect("a country"))
    });
    let database =
        CountryDatabase::from_bytes(fs::read(SHIPPED).expect("database"), SHIPPED).expect("sound");
    let countries: Vec<Country> = Country::all().collect();
    let number = |country: Option<Country>| {
        let place = country.and_then(|country| countries.iter().position(|of| *of == country));
        place.map_or(u16::MAX, |place| u16::try_from(place).expect("few countries"))
    };
    let table = CountryMap::new(&database, &parsed).table(|area| number(area.country()));
    let v4 = |n: u32| std::net::Ipv4Addr::from(n.wrapping_mul(0x9e37_79b9));
    let addresses: Vec<std::net::IpAddr> = (1..=300_u32)
        .flat_map(|n| {
            let (v4, bits) = (v4(n), u128::from(v4(n).to_bits()));
            let v6 = |high: u128, shift: u32| {
                std::net::Ipv6Addr::from(high << 112 | bits << shift).into()
            };
            // Itself, mapped, 6to4, Teredo, as an MMDB keeps it, and somewhere in IPv6.
            let mapped = v4.to_ipv6_mapped().into();
            [
                v4.into(),
                mapped,
                v6(0x2002, 80),
                v6(0x2001, 64),
                v6(0, 0),
                v6(0x2a00 + u128::from(n % 20), 80),
            ]
        })
        .collect();
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let mut arguments = vec!["lookup", "--json", "--database", SHIPPED];
    arguments.extend(overrides.iter().flat_map(|text| ["--override", text]));
    arguments.extend(texts.iter().map(String::as_str));
    let found = json(&arguments);
    let found = found.as_array().expect("array");
    assert_eq!(found.len(), addresses.len());
    for (address, found) in addresses.iter().zip(found) {
        let ours = found["country"].as_str().and_then(|code| Country::parse(code).ok());
        assert_eq!(number(ours), table.get(*address).value, "{address}: {found}");
    }
    let of = |source: &str| found.iter().filter(|found| found["source"] == source).count();
    assert!(
        [of("override"), of("database"), of("none")].iter().all(|count| *count > 50),
        "of each kind"
    );
}

#[test]
fn building_the_shipped_database_again_gives_the_same_bytes() {
    let sources = ["/usr/share/tor/geoip", "/usr/share/tor/geoip6"];
    let text = fs::read_to_string(sources[0]).expect("/usr/share/tor/geoip: install tor-geoipdb");
    let directory = TempDir::new().expect("directory");
    let out = directory.path().join("country.mmdb");
    let summary = json(&["build", "--json", "--out", path(&out), sources[0], sources[1]]);
    // A newer package than that of the shipped database only has to be read.
    if text.contains("# Generated: Thu, 25 Jun 2026 04:33:59 GMT") {
        assert_eq!(summary["date"], "2026-06-25");
        assert!(
            fs::read(&out).expect("database") == fs::read(SHIPPED).expect("database"),
            "other bytes"
        );
    }
    assert_eq!(summary["sources"].as_array().expect("array").len(), 2);
    assert_eq!(
        fs::read_dir(directory.path()).expect("directory").count(),
        1,
        "nothing else is left"
    );
}

#[test]
fn a_list_becomes_a_database_that_mmdblookup_reads() {
    let directory = TempDir::new().expect("directory");
    let (list, out) = (directory.path().join("list.csv"), directory.path().join("out.mmdb"));
    fs::write(&list, "network,country\n192.0.2.0/24,uk\n2001:db8::-2001:db8::ff,JP\n")
        .expect("list");
    let built = cvdns(&["build", "--date", "2026-01-02", "--out", path(&out), path(&list)]);
    assert_eq!(built.status.code(), Some(0), "{}", stderr(&built));
    assert_eq!(stderr(&built), "", "no progress off a terminal");
    assert_eq!(mmdblookup(path(&out), "192.0.2.7").as_deref(), Some("GB"));
    assert_eq!(mmdblookup(path(&out), "::ffff:192.0.2.7").as_deref(), Some("GB"));
    assert_eq!(mmdblookup(path(&out), "2001:db8::7").as_deref(), Some("JP"));
    assert_eq!(mmdblookup(path(&out), "198.51.100.1"), None);
    let info = json(&["info", "--json", "--database", path(&out)]);
    assert_eq!((&info["build_date"], &info["countries"]), (&"2026-01-02".into(), &2.into()));
}

/// What mmdblookup prints of an address under these keys.
fn field(database: &str, address: &str, keys: [&str; 2]) -> Option<String> {
    let mut command = Command::new("mmdblookup");
    let output = command
        .args(["--file", database, "--ip", address])
        .args(keys)
        .output()
        .expect("mmdblookup");
    String::from_utf8_lossy(&output.stdout).split('"').nth(1).map(str::to_owned)
}

const LOCATIONS: &str = "\
geoname_id,locale_code,continent_code,continent_name,country_iso_code,country_name,is_in_european_union
6252001,en,NA,\"North America\",US,\"United States\",0
6255147,en,AS,Asia,,,0
6255148,en,EU,Europe,,,0
2921044,en,EU,Europe,DE,Germany,1
";

const BLOCKS: &str = "\
network,geoname_id,registered_country_geoname_id,represented_country_geoname_id,is_anonymous_proxy,is_satellite_provider
192.0.2.0/25,6255147,6252001,,0,0
192.0.2.128/26,6255148,,,0,0
192.0.2.192/26,,6252001,,0,0
198.51.100.0/24,2921044,6252001,,0,0
203.0.113.0/24,,,,1,0
2001:db8::/32,6255148,2921044,,0,0
";

/// Continents as GeoLite2 has them go through the build to other readers, to `lookup`, `info` and
/// answers.
#[test]
fn networks_of_which_the_continent_alone_is_known_keep_it() {
    let directory = TempDir::new().expect("directory");
    let at = |name: &str| directory.path().join(name);
    fs::write(at("blocks.csv"), BLOCKS).expect("blocks");
    fs::write(at("locations.csv"), LOCATIONS).expect("locations");
    let out = at("out.mmdb");
    let database = path(&out);
    let (blocks, locations) = (at("blocks.csv"), at("locations.csv"));
    let summary = json(&["build", "--json", "--out", database, path(&blocks), path(&locations)]);
    assert_eq!(
        (&summary["countries"], &summary["sources"][0]["without_country"]),
        (&2.into(), &1.into())
    );
    let expected = [
        ("192.0.2.1", None, Some("AS")),
        ("192.0.2.130", None, Some("EU")),
        ("192.0.2.200", Some("US"), Some("NA")),
        ("198.51.100.1", Some("DE"), Some("EU")),
        ("203.0.113.1", None, None),
        ("2001:db8::1", None, Some("EU")),
    ];
    let mut arguments = vec!["lookup", "--json", "--database", database];
    arguments.extend(expected.map(|(address, ..)| address));
    let found = json(&arguments);
    for ((address, country, continent), found) in
        expected.iter().zip(found.as_array().expect("array"))
    {
        let ours = (found["country"].as_str(), found["continent"].as_str());
        assert_eq!(ours, (*country, *continent), "{address}");
        let theirs = [["country", "iso_code"], ["continent", "code"]]
            .map(|keys| field(database, address, keys));
        assert_eq!(theirs, [*country, *continent].map(|code| code.map(str::to_owned)), "{address}");
    }
    assert_eq!(json(&["info", "--json", "--database", database])["ranges_of_continents"], 3);

    let zones = concat!(env!("CARGO_MANIFEST_DIR"), "/zones/clamav.net.toml");
    let config = format!("[[zone]]\nfile = '{zones}'\n[geoip]\ndatabase = 'out.mmdb'\n");
    fs::write(at("cvdns.toml"), config).expect("configuration");
    let explain = |address: &str, form: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
        command.args(["explain", "db.local.clamav.net", "--client", address]).args(form);
        let output = command.current_dir(directory.path()).output().expect("cvdns runs");
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for (address, country, pools) in [
        ("192.0.2.1", "none, but continent AS", "continent:AS, world"),
        ("192.0.2.130", "none, but continent EU", "continent:EU, world"),
        ("203.0.113.1", "unknown", "world"),
    ] {
        let text = explain(address, &[]);
        assert!(text.contains(&format!("  country      {country}, by out.mmdb")), "{text}");
        assert!(text.contains(&format!("  path         {pools}\n")), "{text}");
    }
    let story: Value = serde_json::from_str(&explain("192.0.2.1", &["--json"])).expect("JSON");
    assert_eq!(story["location"]["country"], Value::Null, "{story}");
    assert_eq!(story["location"]["continent"], "AS", "{story}");
}

/// `start,end,CC` in any form of addresses is nobody's in particular: no credit, and codes that are
/// no countries are refused.
#[test]
fn a_plain_list_of_ranges_is_not_taken_for_ipfire_s() {
    let directory = TempDir::new().expect("directory");
    let (list, out) = (directory.path().join("list.csv"), directory.path().join("out.mmdb"));
    for lines in
        ["16777216,16777471,AU\n", "2001:db8::,2001:db8::ff,JP\n", "1.0.0.0,1.0.0.255,AU\n"]
    {
        fs::write(&list, lines).expect("list");
        let summary = json(&["build", "--json", "--out", path(&out), path(&list)]);
        assert_eq!(summary["sources"][0]["kind"], "CSV", "{lines}");
        let info = json(&["info", "--json", "--database", path(&out)]);
        assert_eq!(info["description"]["en"], "Countries of networks, from: list list.csv");
        fs::write(&list, format!("{lines}4294967040,4294967295,CS\n")).expect("list");
        let output = cvdns(&["build", "--out", path(&out), path(&list)]);
        assert_eq!(output.status.code(), Some(1), "{lines}");
        assert!(
            stderr(&output).contains("list.csv:2:23: CS (Serbia and Montenegro)"),
            "{}",
            stderr(&output)
        );
    }
    fs::write(&list, "network,country,country_code,continent\n1.0.0.0/24,Australia,AU,Oceania\n")
        .expect("list");
    json(&["build", "--json", "--out", path(&out), path(&list)]);
    assert_eq!(mmdblookup(path(&out), "1.0.0.7").as_deref(), Some("AU"));
}

#[test]
fn a_bad_source_is_refused_and_the_old_database_stays() {
    let directory = TempDir::new().expect("directory");
    let (list, out) = (directory.path().join("list.csv"), directory.path().join("out.mmdb"));
    fs::write(&out, "old").expect("old");
    fs::write(&list, "192.0.2.0/24,DE\n192.0.2.0/33,DE\n198.51.100.0/24,CS\n").expect("list");
    let output = cvdns(&["build", "--out", path(&out), path(&list), "no-such-file"]);
    assert_eq!((output.status.code(), stderr(&output).contains("no-such-file")), (Some(1), true));
    let output = cvdns(&["build", "--out", path(&out), path(&list)]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(message.contains("list.csv:2:1: expected a network"), "{message}");
    // Each problem has lines of its own, with the line of the list.
    let second = "list.csv:3:17: CS (Serbia and Montenegro) was withdrawn in 2006; write RS or ME\n  \
                  | 198.51.100.0/24,CS\n";
    assert!(message.ends_with(second) && message.lines().count() == 4, "{message}");
    assert_eq!(fs::read_to_string(&out).expect("old"), "old");

    fs::write(&list, "192.0.2.0/24,DE\n198.51.100.0/24,CS\n").expect("list");
    let output = cvdns(&["build", "--skip-unknown", "--out", path(&out), path(&list)]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("list.csv:2: left out 1 networks: CS"), "{}", stderr(&output));
    assert_eq!(
        fs::read_dir(directory.path()).expect("directory").count(),
        2,
        "no temporary file is left"
    );
}

#[test]
fn overrides_win_by_their_longest_prefix_and_bad_addresses_are_named() {
    let overrides = [
        "--override",
        "192.0.2.0/24=de",
        "--override",
        "192.0.0.0/8=FR",
        "--override",
        "2001:db8::1=JP",
    ];
    let mut arguments = vec![
        "lookup",
        "--json",
        "--database",
        SHIPPED,
        "192.0.2.1",
        "192.1.1.1",
        "2001:db8::1",
        "::ffff:192.0.2.1",
    ];
    arguments.extend(overrides);
    let found = json(&arguments);
    let codes: Vec<_> =
        found.as_array().expect("array").iter().map(|found| found["country"].as_str()).collect();
    assert_eq!(codes, [Some("DE"), Some("FR"), Some("JP"), Some("DE")]);
    assert_eq!(
        (&found[0]["network"], &found[0]["source"]),
        (&"192.0.2.0/24".into(), &"override".into())
    );

    let output = cvdns(&["lookup", "--database", SHIPPED, "192.0.2.256", "133.1.1.1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("\"192.0.2.256\" is not an address"), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Japan"), "the others are answered");
}

#[test]
fn usage_is_2_and_input_is_1() {
    for (arguments, status) in [
        (&["lookup"][..], 2),
        (&["build", "x"], 2),
        (&["lookup", "--override", "192.0.2.0/24=CS", "192.0.2.1"], 2),
        (&["lookup", "--override", "192.0.2.1/24=DE", "192.0.2.1"], 2),
        (&["build", "--date", "yesterday", "--out", "x", "y"], 2),
        (&["info", "--database", "no-such-file"], 1),
        (&["lookup", "--database", "Cargo.toml", "192.0.2.1"], 1),
    ] {
        let output = cvdns(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
    let output = cvdns(&[
        "lookup",
        "--database",
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        "192.0.2.1",
    ]);
    assert!(stderr(&output).contains("this is a text file"), "{}", stderr(&output));
}

#[test]
fn countries_are_listed_with_all_their_labels() {
    let rows = json(&["countries", "--json"]);
    let rows = rows.as_array().expect("array");
    assert_eq!(rows.len(), 252);
    let row = |code: &str| rows.iter().find(|row| row["code"] == code).expect("country").clone();
    assert_eq!(row("GB")["labels"], serde_json::json!(["gb", "uk"]));
    assert_eq!(row("RS")["labels"], serde_json::json!(["rs", "cs", "yu"]));
    assert_eq!(row("DE")["continent"], "EU");
    let table = cvdns(&["countries"]);
    let text = String::from_utf8_lossy(&table.stdout).into_owned();
    assert_eq!(text.lines().count(), 253);
    assert!(text.lines().any(|line| line.starts_with("RU    ru su")), "{text}");
}
