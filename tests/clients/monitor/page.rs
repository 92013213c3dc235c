//! The pages that the monitor writes beside the feed: what they say, which files are written, and
//! what happens where they cannot be written (`obstacles`), and that they say what servers do, and
//! what they lack (`truth`).

mod obstacles;
mod truth;

use super::network::{self, Mirror, ORIGIN, QUICK, fill, mirror};
use super::web::{self, Nginx};
use crate::support::daemon::Files;
use crate::support::{ports, tools};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Output;

/// A moment in the past, at the start of an hour.
const START: i64 = 1_795_453_200;

/// The mirrors: one in good order, one that refuses, one that redirects to a page with markup, one
/// that the operator drained, and one in a downtime.
const HOSTS: [&str; 5] =
    ["good.example", "off.example", "moved.example", "drained.example", "away.example"];

/// Markup, a mark that turns the writing around, and a long word.
fn wicked() -> String {
    format!("<script>alert(1)</script>\u{202e}&\"'{}", "x".repeat(10_000))
}

fn ip(n: usize) -> String {
    format!("127.0.9.{n}")
}

fn fleet() -> Vec<Mirror> {
    (1..).zip(HOSTS).map(|(n, host)| mirror(host, &ip(n))).collect()
}

/// The files of the network. One name depends on the client, as the shares do.
fn files(port: u16, page: &str) -> Files {
    let files = network::files(&fleet(), port, &format!("{QUICK}fault-after = \"0s\"\n{page}"));
    let database = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip/country.mmdb");
    let config = files.text("cvdns.toml").replace(
        "source = \"feed.json\"",
        "source = \"feed.json\"\noverrides = \"overrides.toml\"",
    );
    let config = format!("{config}\n[geoip]\ndatabase = \"{}\"\n", database.display());
    let zone = format!(
        "{}[[name]]\nowner = \"db.local\"\npool = \"client\"\n",
        files.text("zone.toml").replace("max = 0", "max = 2")
    );
    let fleet = files.text("mirrors.toml").replacen("\"DE\"", "\"FR\"", 1);
    let away = "host = \"away.example\"";
    let downtime = "downtime = [{ from = 2026-11-01T00:00:00Z, to = 2026-12-31T00:00:00Z }]";
    let fleet = fleet.replace(away, &format!("{away}\n{downtime}"));
    files.with("cvdns.toml", config).with("zone.toml", zone).with("mirrors.toml", fleet)
}

/// Writes the files of the network into a directory.
fn place(dir: &Path, port: u16, page: &str) {
    let files = files(port, page);
    network::place(&files, dir);
    let overrides = format!(
        "[[override]]\nhost = \"drained.example\"\nstate = \"drained\"\nreason = {:?}\n\
         until = 2030-01-01T00:00:00Z\n",
        // TOML takes the escapes of JSON.
        "@"
    );
    let reason = serde_json::to_string(&wicked()).expect("a string");
    fs::write(dir.join("overrides.toml"), overrides.replace("\"@\"", &reason)).expect("overrides");
}

/// The web servers of the mirrors.
fn serve(dir: &Path, port: u16) -> Nginx {
    let mut servers = String::new();
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for (n, host) in (1..).zip(HOSTS).filter(|(_, host)| *host != "off.example") {
        let address = SocketAddr::new(ip(n).parse().expect("an address"), port);
        let root = dir.join(host);
        let time = jiff::Timestamp::from_second(START).expect("a moment").to_string();
        fill(&root, &time, [63, 28_129, 339]);
        let does = if host == "moved.example" {
            "return 301 'http://x.example/<script>alert(2)</script>';".to_owned()
        } else {
            format!("root {};", root.display())
        };
        servers.push_str(&web::mirror(ORIGIN, &format!("listen {address}; {does}")));
        addresses.push(address);
    }
    Nginx::with(&dir.join("nginx"), &servers, &addresses)
}

/// A round at a number of seconds after the start, which must go well.
fn round(dir: &Path, after: i64) -> Output {
    let time = jiff::Timestamp::from_second(START + after).expect("a moment").to_string();
    let output = network::run(dir, &["--once", "--json", "--at", &time]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// All files below a directory, with inode and content.
fn tree(root: &Path) -> BTreeMap<String, (u64, Vec<u8>)> {
    let mut out = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.symlink_metadata().expect("it").is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below").display().to_string();
                let inode = path.metadata().expect("it").ino();
                out.insert(name, (inode, fs::read(&path).expect("a file")));
            }
        }
    }
    out
}

fn json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("JSON")
}

fn metric(dir: &Path, name: &str) -> String {
    let text = fs::read_to_string(dir.join("state/monitor/metrics.prom")).expect("metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

fn page_of(dir: &Path, host: &str, file: &str) -> PathBuf {
    dir.join("pages/mirrors").join(host).join(file)
}

#[test]
fn pages_and_documents_tell_the_same_and_escape_what_others_wrote() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    place(dir, port, "page = \"pages\"");
    let _web = serve(dir, port);
    for step in 0..3 {
        round(dir, 600 * step);
    }
    check_files(dir);
    check_mirrors(dir);
    check_network(dir);
    assert_eq!(metric(dir, "cvdns_monitor_pages_failing"), "0");
    let written = metric(dir, "cvdns_monitor_pages_written_seconds");
    assert_eq!(written, (START + 1200).to_string());
}

/// Every file is there, readable by all, whole, and without markup or marks of others.
fn check_files(dir: &Path) {
    let tree = tree(&dir.join("pages"));
    for host in HOSTS {
        for file in ["index.html", "badge.svg", "changes.atom", "mirror.json"] {
            assert!(tree.contains_key(&format!("mirrors/{host}/{file}")), "{host} {file}");
        }
    }
    for name in ["index.html", "style.css", "network.json", "countries/DE.html"] {
        assert!(tree.contains_key(name), "{name}");
    }
    for (name, (_, content)) in &tree {
        let text = String::from_utf8(content.clone()).expect("text");
        assert!(!text.contains('\u{202e}') && !text.contains(&"x".repeat(1000)), "{name}");
        if !has_extension(name, "json") {
            assert!(!text.contains("<script"), "{name}");
        }
        let path = dir.join("pages").join(name);
        let mode = path.metadata().expect("it").permissions().mode();
        assert_eq!(mode & 0o444, 0o444, "{name}: {mode:o}");
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|of| of == extension)
}

fn check_mirrors(dir: &Path) {
    let feed = network::feed(dir);
    let of = |host: &str| json(&page_of(dir, host, "mirror.json"));
    let html = |host: &str| fs::read_to_string(page_of(dir, host, "index.html")).expect("a page");
    for (host, state, by, advice) in [
        ("good.example", "up", None, ""),
        ("off.example", "down", Some("checks"), "must be reachable by everyone"),
        ("moved.example", "down", Some("checks"), "Old clients follow no redirect"),
        ("drained.example", "drained", Some("operator"), ""),
        ("away.example", "drained", Some("downtime"), ""),
    ] {
        let document = of(host);
        assert_eq!(document["state"], state, "{host}: {document}");
        assert_eq!(document["out"]["by"].as_str(), by, "{host}: {document}");
        assert!(html(host).contains(advice), "{host}");
        let said: Vec<&str> = document["advice"]
            .as_array()
            .expect("advice")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(said.is_empty(), advice.is_empty(), "{host}: {document}");
        assert!(said.iter().all(|said| said.contains(advice)), "{host}: {said:?}");
        if by != Some("operator") && by != Some("downtime") {
            assert_eq!(document["state"], feed["mirrors"][host]["state"], "{host}");
        }
        let badge = fs::read_to_string(page_of(dir, host, "badge.svg")).expect("a badge");
        assert!(badge.contains(state), "{badge}");
        // The first state that was seen is an entry, so that no feed is empty or of no time.
        let atom = fs::read_to_string(page_of(dir, host, "changes.atom")).expect("a feed");
        assert!(atom.contains("<entry>") && !atom.contains("1970-"), "{host}: {atom}");
        let first = document["changes"]
            .as_array()
            .expect("changes")
            .iter()
            .find(|change| change["address"] == Value::Null && change["from"] == Value::Null);
        assert_eq!(first.expect("a first state")["at"], "2026-11-23T17:00:00Z", "{host}");
    }
    let off = of("off.example");
    assert!(off["out"]["reason"].as_str().expect("a reason").contains("the connection is refused"));
    assert_eq!(off["since"], feed["mirrors"]["off.example"]["since"]);
    let moved = html("moved.example");
    assert!(moved.contains("alert(2)") && moved.contains("&#60;script&#62;"), "{moved}");
    let drained = of("drained.example");
    assert_eq!(drained["out"]["until"], "2030-01-01T00:00:00Z");
    let reason = drained["out"]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("<script>alert(1)</script>") && reason.chars().count() < 500);
    let good = of("good.example");
    let versions: Vec<u64> = good["versions"]
        .as_array()
        .expect("versions")
        .iter()
        .filter_map(|row| row["held"].as_u64())
        .collect();
    assert_eq!(versions, [63, 28_129, 339]);
    assert_eq!(good["addresses"][0]["timestamp"], "2026-11-23T17:00:00Z");
    check_history(&good, &off, &of("away.example"));
}

/// The checks of three rounds, and what they come to.
fn check_history(good: &Value, off: &Value, away: &Value) {
    let found = |of: &Value| -> Vec<String> {
        let checks = of["checks"].as_array().expect("checks").iter();
        checks.map(|check| check["found"].as_str().expect("a finding").to_owned()).collect()
    };
    assert_eq!(found(good), ["serving"; 3]);
    assert_eq!(found(off), ["dead"; 3]);
    assert_eq!(off["checks"][0]["at"], "2026-11-23T17:20:00Z");
    for span in ["day", "month", "year"] {
        assert_eq!(good["availability"][span]["available"], 1.0, "{good}");
        assert_eq!(off["availability"][span]["available"], 0.0, "{off}");
        assert_eq!(away["availability"][span]["available"], Value::Null, "{away}");
    }
    let cells = |of: &Value| of["availability"]["day"]["cells"].as_array().expect("cells").clone();
    assert_eq!((cells(good).len(), cells(good).last()), (24, Some(&Value::from(1.0))));
    assert_eq!(cells(good).first(), Some(&Value::Null));
    assert_eq!(cells(away).last(), Some(&Value::from("planned")), "{away}");
    assert_eq!(good["addresses"][0]["available"], 1.0);
}

fn check_network(dir: &Path) {
    let (document, feed) = (json(&dir.join("pages/network.json")), network::feed(dir));
    assert_eq!(document["feed"]["serial"], feed["serial"]);
    assert_eq!(document["feed"]["generated"], feed["generated"]);
    assert_eq!(document["states"]["up"], 1);
    assert_eq!(document["states"]["down"], 2);
    assert_eq!(document["states"]["drained"], 2);
    assert_eq!(document["release"]["databases"][1]["released"], 28_129);
    assert_eq!(document["notices"], serde_json::json!([]));
    let record = document["records"][0]["text"].as_str().expect("a record");
    assert_eq!(document["records"][0]["owner"], format!("current.cvd.{ORIGIN}"));
    assert!(record.starts_with("1.4.6:63:28129:"), "{record}");
    // One mirror works: it leads all answers.
    let entries = document["mirrors"].as_array().expect("mirrors");
    let shares: BTreeMap<&str, f64> = entries
        .iter()
        .map(|entry| (entry["host"].as_str().expect("a host"), entry["share"].as_f64()))
        .map(|(host, share)| (host, share.expect("a share")))
        .collect();
    assert_eq!(shares.len(), HOSTS.len());
    for (host, share) in &shares {
        let expected = Value::from(if *host == "good.example" { 1.0 } else { 0.0 });
        assert_eq!(Value::from(*share), expected, "{shares:?}");
        let of = json(&page_of(dir, host, "mirror.json"));
        assert_eq!(of["share"].as_f64(), Some(*share));
    }
    let countries = document["countries"].as_array().expect("countries");
    let country = |code: &str| {
        countries.iter().find(|of| of["code"] == code).unwrap_or_else(|| panic!("no {code}"))
    };
    // FR has the only mirror that works, and DE the others: its clients go to FR.
    assert_eq!(country("FR")["answered-from"], serde_json::json!(["FR"]));
    assert_eq!(country("FR")["states"]["up"], 1);
    assert_eq!(country("DE")["states"]["up"], 0);
    assert_eq!(country("DE")["usable-capacity"], 0);
    let fallback = country("DE")["fallback"].as_array().expect("pools");
    assert_eq!(fallback.first().and_then(Value::as_str), Some("FR"), "{fallback:?}");
    assert_eq!(country("DE")["answered-from"], serde_json::json!(["FR"]));
    let index = fs::read_to_string(dir.join("pages/index.html")).expect("a page");
    assert!(index.contains(record) && index.contains("countries/DE.html"), "{index}");
    let row = fs::read_to_string(dir.join("pages/countries/DE.html")).expect("a page");
    assert!(row.contains("off.example") && row.contains("drained.example"));
}

/// The same shares as `cvdns simulate` finds, by the demand of the zone file.
#[test]
fn shares_are_those_of_simulate() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    place(dir, port, "page = \"pages\"");
    fs::remove_file(dir.join("overrides.toml")).expect("the overrides");
    let fleet = fs::read_to_string(dir.join("mirrors.toml")).expect("the fleet");
    let fleet: Vec<&str> = fleet.lines().filter(|line| !line.starts_with("downtime")).collect();
    fs::write(dir.join("mirrors.toml"), fleet.join("\n")).expect("the fleet");
    let demand = [("DE", "3Gbit/s"), ("FR", "1Gbit/s"), ("JP", "500Mbit/s"), ("CH", "200Mbit/s")];
    let demand = demand
        .map(|(country, rate)| format!("[[demand]]\ncountry = {country:?}\nrate = {rate:?}\n"));
    let zone = fs::read_to_string(dir.join("zone.toml")).expect("the zone file");
    fs::write(dir.join("zone.toml"), zone + &demand.concat()).expect("the zone file");
    let _web = serve(dir, port);
    round(dir, 0);
    let time = jiff::Timestamp::from_second(START).expect("a moment").to_string();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(["simulate", "--all", "--json", "--name", &format!("db.local.{ORIGIN}")]);
    let said = tools::output(command.args(["--at", &time]).current_dir(dir));
    let simulated: Value = serde_json::from_str(&said).expect("JSON");
    let expected: BTreeMap<&str, f64> = simulated["zones"][0]["mirrors"]
        .as_array()
        .expect("mirrors")
        .iter()
        .map(|of| (of["host"].as_str().expect("a host"), of["share"]["before"].as_f64()))
        .map(|(host, share)| (host, share.expect("a share")))
        .collect();
    let used = expected.values().filter(|share| **share > 0.0).count();
    assert_eq!((expected.len(), used), (HOSTS.len(), 3), "{expected:?}");
    let document = json(&dir.join("pages/network.json"));
    for of in document["mirrors"].as_array().expect("mirrors") {
        let (host, share) = (of["host"].as_str().expect("a host"), of["share"].as_f64());
        let differs = (share.expect("a share") - expected[host]).abs();
        assert!(differs < 1e-5, "{host}: {share:?}, {expected:?}");
    }
    // Without a country database, the page says so, and has the rest.
    let config = fs::read_to_string(dir.join("cvdns.toml")).expect("the configuration");
    fs::write(dir.join("cvdns.toml"), config.replace("country.mmdb", "none.mmdb")).expect("it");
    round(dir, 60);
    let document = json(&dir.join("pages/network.json"));
    let notice = document["notices"][0]["text"].as_str().expect("a notice");
    assert!(notice.contains("no country database"), "{document}");
    assert!(document["mirrors"][0]["share"].is_null());
    assert_eq!(document["records"].as_array().map(Vec::len), Some(1));
}

/// A file is replaced if its content changed, and else left alone. Pages of mirrors that left the
/// fleet go; what others put there stays.
#[test]
fn only_changed_files_are_written_and_those_of_former_mirrors_go() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    place(dir, port, "page = \"pages\"");
    let _web = serve(dir, port);
    round(dir, 0);
    let first = tree(&dir.join("pages"));
    fs::remove_file(dir.join("pages/style.css")).expect("a lost file");
    fs::write(page_of(dir, "good.example", "index.html"), "half").expect("a damaged file");
    fs::write(dir.join("pages/robots.txt"), "another's").expect("another's file");
    fs::write(dir.join("pages/.index.html.Abc.tmp"), "half").expect("a temporary file");
    round(dir, 60);
    let second = tree(&dir.join("pages"));
    for (name, (inode, content)) in &first {
        let damaged = name == "style.css" || name == "mirrors/good.example/index.html";
        let (after, text) = second.get(name).unwrap_or_else(|| panic!("{name} is gone"));
        assert!(damaged || (content == text) == (inode == after), "{name}");
        assert!(!text.is_empty() && text != b"half", "{name}");
    }
    let same = first.iter().filter(|(name, (inode, _))| second[*name].0 == *inode).count();
    assert!(same > 200, "{same} of {} files were left alone", first.len());
    let new: BTreeSet<&String> = second.keys().filter(|name| !first.contains_key(*name)).collect();
    assert_eq!(new, BTreeSet::from([&"robots.txt".to_owned()]));

    let fleet = fs::read_to_string(dir.join("mirrors.toml")).expect("the fleet");
    let (kept, _) = fleet.rsplit_once("[[mirror]]").expect("the last mirror");
    fs::write(dir.join("mirrors.toml"), kept).expect("a smaller fleet");
    round(dir, 120);
    let third = tree(&dir.join("pages"));
    assert!(!dir.join("pages/mirrors/away.example").exists());
    assert!(third.contains_key("robots.txt"));
    assert!(third.keys().all(|name| !name.contains("away.example")));
}

/// With the URL of the pages nothing that others read is relative. The operator's overrides come
/// from a web server here, as servers get them.
#[test]
fn with_a_url_links_are_whole_and_overrides_may_come_by_one() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    place(dir, port, "page = \"pages\"\npage-url = \"https://status.example/net\"");
    let publisher = crate::support::nginx::Nginx::start();
    let document = |serial: &str| {
        format!(
            "{serial}\n[[override]]\nhost = \"good.example\"\nstate = \"drained\"\n\
             reason = \"by URL\"\n"
        )
    };
    publisher.publish("o.toml", &document("serial = 1"));
    let config = fs::read_to_string(dir.join("cvdns.toml")).expect("the configuration");
    let named = format!("overrides = \"{}\"\nca-file = \"ca.pem\"", publisher.https("o.toml"));
    fs::write(dir.join("ca.pem"), publisher.authority()).expect("written");
    fs::write(dir.join("cvdns.toml"), config.replace("overrides = \"overrides.toml\"", &named))
        .expect("written");
    let _web = serve(dir, port);
    round(dir, 0);
    let good = json(&page_of(dir, "good.example", "mirror.json"));
    assert_eq!((&good["state"], &good["out"]["reason"]), (&"drained".into(), &"by URL".into()));
    let url = "https://status.example/net/mirrors/good.example/";
    assert_eq!(good["url"], format!("{url}index.html"));
    assert_eq!(
        json(&dir.join("pages/network.json"))["url"],
        "https://status.example/net/index.html"
    );
    let text = |file| fs::read_to_string(page_of(dir, "good.example", file)).expect("a file");
    let atom = text("changes.atom");
    for link in ["index.html\"", "changes.atom\""] {
        assert!(atom.contains(&format!(" href=\"{url}{link}")), "{atom}");
    }
    let page = text("index.html");
    assert!(page.contains(&format!("src=&#34;{url}badge.svg&#34;")), "{page}");
    assert!(!page.contains("PAGE"), "{page}");
    // What servers would refuse is not shown: the pages stay, and the feed is written.
    publisher.publish("o.toml", &document(""));
    let before = (tree(&dir.join("pages")), network::feed(dir)["serial"].as_u64());
    let output = round(dir, 600);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("the overrides cannot be used") && log.contains("no serial"), "{log}");
    assert_eq!(metric(dir, "cvdns_monitor_pages_failing"), "1");
    assert_eq!(tree(&dir.join("pages")), before.0);
    assert!(network::feed(dir)["serial"].as_u64() > before.1);
}
