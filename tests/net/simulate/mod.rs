//! `cvdns simulate` by the real binary: a fleet whose numbers can be worked out by hand, bad input,
//! the shipped example, and the answers of a server whose mirrors have failed.

mod bad_input;
mod json_keys;
mod page;
mod served;

use std::path::Path;
use std::process::Command;

use crate::support;
use serde_json::{Value, json};
use support::daemon::Files;
use support::fixture;

/// Exit status, standard output and error.
type Done = (Option<i32>, String, String);

/// Runs the command with these arguments, none of which has blanks.
fn simulate(dir: &Path, arguments: &str) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let done = command.arg("simulate").args(arguments.split_whitespace()).current_dir(dir).output();
    let done = done.expect("cvdns");
    let text = |octets| String::from_utf8(octets).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[track_caller]
fn json_of(dir: &Path, arguments: &str) -> Value {
    let (code, out, error) = simulate(dir, &format!("{arguments} --json"));
    assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments}");
    serde_json::from_str(&out).expect("JSON")
}

/// Host, country, capacity and IPv6 address of a mirror.
type MirrorLine = (&'static str, &'static str, &'static str, &'static str);

/// Germany has 4 Gbit/s, France 2, Japan 2, the United States 8; two of the French have no IPv6.
const FLEET: [MirrorLine; 9] = [
    ("de1.example", "DE", "1Gbit/s", "2001:db8:1::1"),
    ("de2.example", "DE", "1Gbit/s", "2001:db8:1::2"),
    ("de3.example", "DE", "2Gbit/s", "2001:db8:1::3"),
    ("fr1.example", "FR", "1Gbit/s", ""),
    ("fr2.example", "FR", "1Gbit/s", ""),
    ("jp1.example", "JP", "1Gbit/s", "2001:db8:1::6"),
    ("jp2.example", "JP", "1Gbit/s", "2001:db8:1::7"),
    ("us1.example", "US", "4Gbit/s", "2001:db8:1::8"),
    ("us2.example", "US", "4Gbit/s", "2001:db8:1::9"),
];

/// Each of them alone is met by its country's mirrors.
const DEMAND: &str = "[[demand]]\ncountry = \"DE\"\nrate = \"4Gbit/s\"\n\
                      [[demand]]\ncountry = \"FR\"\nrate = \"1Gbit/s\"\n\
                      [[demand]]\ncountry = \"JP\"\nrate = \"1Gbit/s\"\n";

/// The fixture's network with [`FLEET`] for its mirrors. Clients are in Germany (path DE FR US),
/// France (FR DE US), Japan (JP US DE), the United States (US DE FR), Brazil and Argentina (US DE),
/// or unknown.
fn files() -> Files {
    files_of(&FLEET)
}

/// The same with other mirrors.
fn files_of(fleet: &[MirrorLine]) -> Files {
    let mirror = |(number, (host, country, capacity, ipv6)): (u8, &MirrorLine)| {
        let ipv6 = if ipv6.is_empty() { String::new() } else { format!("ipv6 = [\"{ipv6}\"]\n") };
        format!(
            "[[mirror]]\nhost = \"{host}\"\ncountry = \"{country}\"\ncapacity = \"{capacity}\"\n\
             ipv4 = [\"192.0.2.{number}\"]\n{ipv6}"
        )
    };
    let fleet: String = (1..).zip(fleet).map(mirror).collect();
    fixture::files().with("mirrors.toml", fleet)
}

fn with_demand() -> Files {
    let zone = format!("{}\n{DEMAND}", files().text("clam.toml"));
    files().with("clam.toml", zone)
}

fn directory(files: &Files) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    files.write(dir.path(), 5300);
    dir
}

/// The zone of a report that has one.
fn zone(report: &Value) -> &Value {
    assert_eq!(report["zones"].as_array().expect("zones").len(), 1);
    &report["zones"][0]
}

/// The path of a country's clients in a report.
#[track_caller]
fn path<'r>(report: &'r Value, country: &str) -> &'r Value {
    let paths = zone(report)["paths"].as_array().expect("paths");
    let of = |path: &&Value| path["countries"].as_array().unwrap().contains(&json!(country));
    paths.iter().find(of).unwrap_or_else(|| panic!("no path of {country}: {report:#}"))
}

#[track_caller]
fn mirror<'r>(report: &'r Value, host: &str) -> &'r Value {
    let mirrors = zone(report)["mirrors"].as_array().expect("mirrors");
    mirrors.iter().find(|mirror| mirror["host"] == host).expect("the mirror")
}

/// Hosts and shares of an answer.
fn shares(answer: &Value) -> Value {
    let one =
        |mirror: &Value| (mirror["host"].as_str().unwrap().to_owned(), mirror["share"].clone());
    answer["mirrors"]
        .as_array()
        .expect("mirrors")
        .iter()
        .map(one)
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Without Germany, its clients get the French mirrors up to their 2 Gbit/s and then the American
/// ones, which take the other 2 (FORMATS: `[[demand]]`). With the 500 Mbit/s of their own country,
/// the French mirrors are over capacity by 500 Mbit/s each.
#[test]
fn a_country_down_overloads_the_next() {
    let dir = directory(&with_demand());
    let report = json_of(dir.path(), "--down country:DE");
    let down: Vec<&Value> =
        report["down"].as_array().unwrap().iter().map(|mirror| &mirror["host"]).collect();
    assert_eq!(down, ["de1.example", "de2.example", "de3.example"]);
    assert_eq!(zone(&report)["name"], "db.local.clam.example");
    let germany = path(&report, "DE");
    assert_eq!(germany["path"], json!(["DE", "FR", "US", "continent:EU", "world"]));
    assert_eq!((&germany["change"], &germany["demand"]), (&json!("falls back"), &json!(4_000_000)));
    assert_eq!(
        shares(&germany["before"]),
        json!({ "de1.example": 0.25, "de2.example": 0.25, "de3.example": 0.5 })
    );
    assert_eq!(
        shares(&germany["after"]),
        json!({ "fr1.example": 0.25, "fr2.example": 0.25, "us1.example": 0.25, "us2.example": 0.25 })
    );
    for (host, before, after, exceeded, works) in [
        ("de3.example", 2_000_000, 0, false, false),
        ("fr1.example", 500_000, 1_500_000, true, true),
        ("us2.example", 0, 1_000_000, false, true),
    ] {
        let mirror = mirror(&report, host);
        assert_eq!(mirror["rate"], json!({ "before": before, "after": after }), "{host}");
        assert_eq!(mirror["exceeded"], json!({ "before": false, "after": exceeded }), "{host}");
        assert_eq!(mirror["works"], json!({ "before": true, "after": works }), "{host}");
        let share = |rate: i32| f64::from(rate) / 6_000_000.0;
        assert_eq!(mirror["share"], json!({ "before": share(before), "after": share(after) }));
    }
    let hosts = zone(&report)["mirrors"].as_array().unwrap();
    assert!(hosts.iter().all(|mirror| mirror["host"] != "jp1.example"), "nothing changes there");
    assert_eq!(
        zone(&report)["summary"],
        json!({
            "fall_back": ["DE"], "countries": 6, "demand": 6_000_000,
            "exceeded": { "before": 0, "after": 2 }, "unmet": { "before": 0, "after": 1_000_000 },
        })
    );
    let (code, out, error) = simulate(dir.path(), "--down country:DE");
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(out.starts_with("3 mirrors fail: de1.example, de2.example, de3.example\n"), "{out}");
    let cells = |host: &str| {
        let line = out.lines().find(|line| line.starts_with(host)).expect("its row");
        line.split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(
        cells("fr1.example"),
        [
            "fr1.example",
            "FR",
            "8.3%",
            "25.0%",
            "500Mbit/s",
            "1.5Gbit/s",
            "1Gbit/s",
            "150.0%",
            "EXCEEDED"
        ]
    );
    assert_eq!(cells("de1.example").last(), Some(&"down"));
    assert!(
        out.ends_with(
            "1 of 6 countries falls back (DE), and 2 mirrors are over capacity (0 before). Of the \
             demand of 6Gbit/s, 1Gbit/s is unmet.\n"
        ),
        "{out}"
    );
}

/// Without Europe, the American mirrors get 5 Gbit/s of their 8.
#[test]
fn a_continent_down_is_taken_by_the_next_that_has_room() {
    let dir = directory(&with_demand());
    let report = json_of(dir.path(), "--down continent:EU");
    for country in ["DE", "FR"] {
        assert_eq!(path(&report, country)["change"], "falls back");
        assert_eq!(
            shares(&path(&report, country)["after"]),
            json!({ "us1.example": 0.5, "us2.example": 0.5 })
        );
    }
    assert_eq!(mirror(&report, "us1.example")["rate"], json!({ "before": 0, "after": 2_500_000 }));
    let summary = &zone(&report)["summary"];
    assert_eq!(summary["fall_back"], json!(["DE", "FR"]));
    assert_eq!(summary["exceeded"], json!({ "before": 0, "after": 0 }));
    assert_eq!(summary["unmet"], json!({ "before": 0, "after": 0 }));
}

/// With no mirror left, all are answered as if they were up (FORMATS "Answers"), and take nothing.
#[test]
fn all_down_leaves_all_demand_unmet() {
    let dir = directory(&with_demand());
    let report = json_of(dir.path(), "--down *");
    for country in ["AR", "BR", "DE", "FR", "JP", "US"] {
        let of = path(&report, country);
        assert_eq!((&of["change"], &of["after"]["reach"]), (&json!("falls back"), &json!("open")));
    }
    assert_eq!(path(&report, "AR")["countries"], json!(["AR", "BR"]), "they share a path");
    assert_eq!(zone(&report)["summary"]["unmet"], json!({ "before": 0, "after": 6_000_000 }));
}

/// France has one mirror, and answers have at least two (`min`): the German ones fill up. It falls
/// back when its clients are led to another country, and not when others fill up (docs/simulate.md
/// "What is asked").
#[test]
fn a_country_falls_back_when_its_first_places_do() {
    let fleet: Vec<MirrorLine> =
        FLEET.into_iter().filter(|(host, ..)| *host != "fr2.example").collect();
    let dir = directory(&files_of(&fleet));
    for (down, change, before, after, falling) in [
        ("fr1.example", "falls back", "FR 1, DE 3 drawn", "DE 3", &["FR"][..]),
        ("de1.example", "loses", "FR 1, DE 3 drawn", "FR 1, DE 2 drawn", &[]),
        // The path is followed further, to the United States.
        ("country:DE", "changes", "FR 1, DE 3 drawn", "FR 1, US 2 drawn", &["DE"]),
    ] {
        let report = json_of(dir.path(), &format!("--down {down}"));
        let france = path(&report, "FR");
        assert_eq!(france["change"], change, "{down}");
        assert_eq!(zone(&report)["summary"]["fall_back"], json!(falling), "{down}");
        let leads = |answer: &Value| -> Vec<Value> {
            let mirrors = answer["mirrors"].as_array().expect("mirrors");
            let leads = mirrors.iter().filter(|mirror| mirror["share"].as_f64() > Some(0.0));
            leads.map(|mirror| mirror["pool"].clone()).collect()
        };
        let moved = leads(&france["before"]).first() != leads(&france["after"]).first();
        assert_eq!(moved, change == "falls back", "{down}");
        let (_, out, _) = simulate(dir.path(), &format!("--down {down}"));
        let row = out.lines().find(|line| line.starts_with("FR ")).expect("its row");
        let cells: Vec<&str> =
            row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells.get(2..5), Some(&[change, before, after][..]), "{down}");
    }
}

/// The French have no IPv6: where their pool is used, AAAA is NODATA (FORMATS "Home first").
#[test]
fn no_data_is_a_fall_back() {
    let dir = directory(&files());
    let report = json_of(dir.path(), "--ipv6 --down DE?.example --all");
    assert_eq!(report["type"], "AAAA");
    let germany = path(&report, "DE");
    assert_eq!(
        (&germany["change"], &germany["after"]["reach"]),
        (&json!("falls back"), &json!("nodata"))
    );
    assert_eq!(germany["after"]["mirrors"], json!([]));
    let france = path(&report, "FR");
    assert_eq!((&france["change"], &france["before"]["reach"]), (&json!("same"), &json!("nodata")));
}

/// Rates need a demand: without one there are shares alone.
#[test]
fn without_a_demand_there_are_shares_of_each_path_alone() {
    let dir = directory(&files());
    let report = json_of(dir.path(), "--down fr1.example");
    let france = path(&report, "FR");
    assert_eq!(france["demand"], Value::Null);
    assert_eq!(zone(&report)["mirrors"], json!([]));
    let summary = &zone(&report)["summary"];
    assert_eq!([&summary["demand"], &summary["exceeded"], &summary["unmet"]], [&Value::Null; 3]);
    let (_, out, _) = simulate(dir.path(), "--down fr1.example");
    assert!(out.contains("Rates need a demand: [[demand]] in the zone file, or --demand FILE.\n"));
    assert!(!out.contains("CAPACITY"), "{out}");
}

/// A file has the place of the zone's demand, and shapes the answers as that does.
#[test]
fn a_demand_file_has_the_place_of_the_zones() {
    let dir = directory(&with_demand());
    // 8 Gbit/s: 4 from Germany, 2 from France, the rest from the United States.
    let file = "[[demand]]\ncountry = \"DE\"\nrate = \"8Gbit/s\"\n";
    std::fs::write(dir.path().join("more.toml"), file).expect("the file");
    let report = json_of(dir.path(), "--demand more.toml --all");
    let germany = path(&report, "DE");
    assert_eq!((&germany["change"], &germany["demand"]), (&json!("same"), &json!(8_000_000)));
    assert_eq!(
        shares(&germany["after"]),
        json!({
            "de1.example": 0.125, "de2.example": 0.125, "de3.example": 0.25,
            "fr1.example": 0.125, "fr2.example": 0.125, "us1.example": 0.125, "us2.example": 0.125,
        })
    );
    assert_eq!(zone(&report)["summary"]["demand"], 8_000_000);
    let zone_with_file = format!("{}\n{file}", files().text("clam.toml"));
    let in_zone = directory(&files().with("clam.toml", zone_with_file));
    assert_eq!(json_of(in_zone.path(), "--all")["zones"], report["zones"]);
}

/// Nothing fails: nothing differs. `--all` has every path and mirror.
#[test]
fn only_what_differs_is_shown_unless_all_is_asked_for() {
    let dir = directory(&with_demand());
    let nothing = json_of(dir.path(), "");
    assert_eq!((&nothing["down"], &zone(&nothing)["paths"]), (&json!([]), &json!([])));
    assert_eq!(zone(&nothing)["mirrors"], json!([]));
    let all = json_of(dir.path(), "--all");
    assert_eq!(zone(&all)["mirrors"].as_array().unwrap().len(), FLEET.len());
    let paths = zone(&all)["paths"].as_array().unwrap();
    // AR and BR share one; clients that the database does not know have one.
    assert_eq!(paths.len(), 6);
    assert!(paths.iter().any(|path| path["unknown"] == true && path["path"] == json!(["world"])));
    for path in paths {
        assert_eq!((&path["change"], &path["before"]), (&json!("same"), &path["after"]));
        let whole: f64 =
            shares(&path["after"]).as_object().unwrap().values().filter_map(Value::as_f64).sum();
        assert!((whole - 1.0).abs() < 1e-9, "{path}");
    }
}

/// A name for each country, and a name that is the same for all clients.
#[test]
fn other_names_can_be_asked_for() {
    let dir = directory(&with_demand());
    let report = json_of(dir.path(), "--name db.{cc}.clam.example --down country:JP");
    assert_eq!(path(&report, "JP")["change"], "falls back");
    assert!(
        zone(&report)["summary"]["countries"].as_u64().unwrap() > 200,
        "there are no clients, but names"
    );
    let report = json_of(dir.path(), "--name DB.europe.clam.example. --down country:JP --all");
    assert_eq!(zone(&report)["paths"].as_array().unwrap().len(), 1);
    assert_eq!(path(&report, "JP")["countries"], json!(["AR", "BR", "DE", "FR", "JP", "US"]));
}

/// Downtimes and overrides count as of the moment; a mirror that was down before changes nothing.
#[test]
fn the_moment_and_the_feed_are_those_asked_for() {
    let dir = directory(&files());
    let feed = fixture::feed(1_001, &fixture::states(&[("fr1.example", "down")]));
    std::fs::write(dir.path().join("other.json"), feed).expect("the feed");
    let report =
        json_of(dir.path(), "--feed other.json --at 2030-01-01T00:00:00Z --down fr1.example");
    assert_eq!(report["at"], "2030-01-01T00:00:00Z");
    assert_eq!(report["feed"], json!({ "source": "other.json", "serial": 1001 }));
    assert_eq!(report["down"][0]["before"], "down");
    assert_eq!(zone(&report)["paths"], json!([]));
}
