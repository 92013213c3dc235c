//! What `cvdns simulate` refuses, and what it says then.

use super::*;

#[track_caller]
fn refused(dir: &Path, arguments: &str, status: i32, words: &[&str]) {
    let (code, out, error) = simulate(dir, arguments);
    assert_eq!((code, out.as_str()), (Some(status), ""), "{arguments}: {error}");
    for words in words {
        assert!(error.contains(words), "{arguments}: {words}\n{error}");
    }
}

/// FORMATS "Commands": 1 for bad input, 2 for wrong usage.
#[test]
fn selectors_of_nothing_say_what_there_is() {
    let dir = directory(&with_demand());
    for (arguments, status, words) in [
        ("--down de1.exmple", 1, &["no mirror has this host", "did you mean de1.example?"][..]),
        ("--down nowhere.test", 1, &["the fleet has de1.example, de2.example"]),
        ("--down *.test", 1, &["the fleet has de1.example"]),
        ("--down country:CH", 1, &["there are mirrors in DE, FR, JP, US"]),
        ("--down continent:AF", 1, &["there are mirrors in AS, EU, NA"]),
        ("--down country:Germany", 2, &["\"Germany\" is not a country code"]),
        ("--down continent:XX", 2, &["AF AN AS EU NA OC SA"]),
        ("--down pool:big", 2, &["country:DE or continent:EU"]),
        ("--zone clam.exmple", 1, &["did you mean clam.example?"]),
        ("--zone other.test", 1, &["there are clam.example, short.example"]),
        ("--zone short.example", 1, &["has no mirrors"]),
        ("--name db.lokal.clam.example", 1, &["did you mean db.local.clam.example?"]),
        ("--name www.clam.example", 1, &["no A records of mirrors", "db.local.clam.example"]),
        ("--name db.{cc}.ipv6.clam.example", 1, &["no A records of mirrors; it has AAAA records"]),
        ("--name a..b", 1, &["is not a domain name"]),
        ("--at noon", 2, &["--at"]),
    ] {
        refused(dir.path(), arguments, status, words);
    }
}

/// Names that have only AAAA are not among those that have A.
#[test]
fn a_name_is_not_offered_for_a_type_that_it_has_not() {
    let dir = directory(&with_demand());
    for (arguments, has, has_not) in [
        ("--name www.clam.example", "db.local.clam.example", "ipv6.clam.example"),
        ("--name db.{cc}.ipv6.clam.example", "add --ipv6", "these have"),
    ] {
        let (code, _, error) = simulate(dir.path(), arguments);
        assert_eq!(code, Some(1));
        assert!(error.contains(has) && !error.contains(has_not), "{arguments}: {error}");
    }
    let (_, _, error) = simulate(dir.path(), "--ipv6 --name www.clam.example");
    assert!(error.contains("no AAAA records of mirrors; these have: "), "{error}");
    assert!(error.contains("ipv6.clam.example"), "{error}");
}

#[test]
fn a_wrong_demand_file_names_the_place() {
    let dir = directory(&with_demand());
    let path = dir.path().join("demand.toml");
    for (text, words) in [
        ("[[demand]]\ncountry = \"XX\"\nrate = \"1Gbit/s\"\n", &["demand.toml:2:11", "XX"][..]),
        ("[[demand]]\ncountry = \"IN\"\nrate = \"0Gbit/s\"\n", &["demand.toml:3:8", "rate"]),
        ("[[demand]]\ncountry = \"IN\"\nrate = 12\n", &["demand.toml:3:8", "rate"]),
        ("[[demand]]\ncountry = \"IN\"\n", &["demand.toml:1:1", "rate"]),
        ("[[demand]]\nrate = \"1Gbit/s\"\n", &["demand.toml:1:1", "country"]),
        (
            "[[demand]]\ncountry = \"IN\"\nrate = \"1Gbit/s\"\n\
             [[demand]]\ncountry = \"in\"\nrate = \"2Gbit/s\"\n",
            &["demand.toml:5:11", "twice"],
        ),
        ("[[demnd]]\ncountry = \"IN\"\n", &["demand.toml:1:3", "did you mean `demand`?"]),
        ("[[demand]]\ncountry = \"IN\"\nrates = \"1Gbit/s\"\n", &["demand.toml:3:1", "`rate`"]),
        ("[[demand]\n", &["demand.toml:1:"]),
    ] {
        std::fs::write(&path, text).expect("the file");
        refused(dir.path(), "--demand demand.toml", 1, words);
    }
    refused(dir.path(), "--demand missing.toml", 1, &["missing.toml"]);
}

/// A demand belongs to one fleet.
#[test]
fn a_demand_file_for_several_zones_needs_a_zone() {
    let config = files()
        .text("cvdns.toml")
        .replace("[[zone]]\nfile = \"short.toml\"\n", "[[zone]]\nfile = \"other.toml\"\n");
    let other = files()
        .text("clam.toml")
        .replace("clam.example", "other.example")
        .replace("clam.zone", "other.zone");
    let records = "$TTL 300\n@ SOA ns.clam.example. hostmaster 1 3600 900 1209600 300\n@ NS ns.clam.example.\n";
    let two = files()
        .with("cvdns.toml", config)
        .with("other.toml", other)
        .with("other.zone", records)
        .with("demand.toml", DEMAND);
    let dir = directory(&two);
    refused(dir.path(), "--demand demand.toml", 1, &["--zone", "clam.example, other.example"]);
    let report =
        json_of(dir.path(), "--demand demand.toml --zone other.example. --down country:DE");
    assert_eq!(zone(&report)["summary"]["demand"], 6_000_000);
    let both = json_of(dir.path(), "--down country:DE");
    let zones: Vec<&Value> =
        both["zones"].as_array().unwrap().iter().map(|zone| &zone["zone"]).collect();
    assert_eq!(zones, ["clam.example", "other.example"]);
    refused(
        dir.path(),
        "--zone clam.example --name db.local.other.example",
        1,
        &["not a name of the zone"],
    );
}

/// What the database has no clients of is said.
#[test]
fn a_demand_without_clients_counts_for_nothing() {
    let dir = directory(&files());
    std::fs::write(
        dir.path().join("demand.toml"),
        format!("{DEMAND}[[demand]]\ncountry = \"IN\"\nrate = \"1Gbit/s\"\n"),
    )
    .unwrap();
    let (code, out, error) = simulate(dir.path(), "--demand demand.toml --json");
    assert_eq!(code, Some(0));
    assert!(error.contains("no network in IN"), "{error}");
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(zone(&report)["summary"]["demand"], 6_000_000);
}
