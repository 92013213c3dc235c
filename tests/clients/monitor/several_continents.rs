//! A mirror that a continent cannot reach, from the monitors there to what dig is answered.

use super::network::{self, ORIGIN, QUICK, fill};
use super::several::{Key, MIRRORS, fleet, ip, member};
use super::web::Nginx;
use crate::support::daemon::{Daemon, Files};
use crate::support::{fixture, ports, tools};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

const MONITORS: [(&str, &str); 5] =
    [("fra1", "DE"), ("par1", "FR"), ("nyc1", "US"), ("gru1", "BR"), ("tyo1", "JP")];

/// Clients, by the fixture's country database.
const EUROPE: [&str; 2] = ["198.51.100.1/32", "198.51.100.130/32"];
const ELSEWHERE: [&str; 3] = ["198.51.100.200/32", "203.0.113.1/32", "203.0.113.200/32"];

/// Monitors, the reports of which a coordinator combines round by round, and the server that
/// follows its feed.
struct World {
    /// The places of the monitors.
    dirs: Vec<PathBuf>,
    daemon: Daemon,
    start: i64,
}

impl World {
    /// The monitors in Europe come to the mirrors at a port of their own.
    fn new(all: &Path, europe: u16, elsewhere: u16, start: i64) -> Self {
        let mut sections = String::new();
        let mut dirs = Vec::new();
        for (name, country) in MONITORS {
            let dir = all.join(name);
            let key = Key::new(&dir);
            let port = if matches!(country, "DE" | "FR") { europe } else { elsewhere };
            let settings = format!(
                "{QUICK}name = \"{name}\"\nsecret-key = \"key\"\nreport = \"report.json\"\n"
            );
            network::place(&network::files(&fleet(), port, &settings), &dir);
            let report = dir.join("report.json").display().to_string();
            sections += &member(name, &report, &key, country, "");
            dirs.push(dir);
        }
        let daemon = Daemon::start(&server(&format!("{QUICK}{sections}")));
        Self { dirs, daemon, start }
    }

    /// All monitors check all mirrors, so many seconds after the start; their reports are combined
    /// ten seconds later, and the server takes the feed.
    fn round(&self, second: i64) {
        let at = |second: i64| {
            jiff::Timestamp::from_second(self.start + second).expect("a moment").to_string()
        };
        let run = |dir: &Path, role: &str, at: &str| {
            let output = network::run(dir, &[role, "--once", "--at", at]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        for dir in &self.dirs {
            run(dir, "--report", &at(second));
        }
        let before = self.daemon.log().len();
        run(self.daemon.path(), "--combine", &at(second + 10));
        let serial = network::feed(self.daemon.path())["serial"].as_u64().expect("a serial");
        self.daemon.wait_for_log(before, &[&format!("feed {serial} ")]);
    }

    fn dig(&self, client: &str, arguments: &[&str]) -> String {
        let mut command = tools::tool_of("dig", "install bind9-dnsutils");
        command.args(["@127.0.0.1", "-p", &self.daemon.port().to_string(), "+short"]);
        command.arg(format!("+subnet={client}")).args(arguments).env("HOME", "/nonexistent");
        tools::output(&mut command)
    }

    /// Clients of Europe are answered all mirrors but these, and all others are answered all.
    #[track_caller]
    fn answers_europe_without(&self, missing: &[usize]) {
        let all: BTreeSet<String> = (1..=MIRRORS).map(ip).collect();
        let missing: BTreeSet<String> = missing.iter().copied().map(ip).collect();
        let answered = |name: &str, client: &str| -> BTreeSet<String> {
            let name = format!("{name}.{ORIGIN}");
            self.dig(client, &[&name, "A"]).lines().map(str::to_owned).collect()
        };
        for client in EUROPE {
            for name in ["db.local", "db.us", "db.de"] {
                assert_eq!(answered(name, client), &all - &missing, "{name} {client}");
            }
        }
        for client in ELSEWHERE {
            for name in ["db.local", "db.us"] {
                assert_eq!(answered(name, client), all, "{name} {client}");
            }
            // That name has the mirrors that clients of DE get.
            assert_eq!(answered("db.de", client), &all - &missing, "{client}");
        }
    }

    fn not_for(&self, host: &str) -> serde_json::Value {
        network::feed(self.daemon.path())["mirrors"][host]["not-for"].clone()
    }
}

/// The server and the coordinator, which have a country database.
fn server(settings: &str) -> Files {
    let files = network::files(&fleet(), 80, settings);
    let zone =
        format!("{}[[name]]\nowner = \"db.local\"\npool = \"client\"\n", files.text("zone.toml"));
    let config = format!("{}\n[geoip]\ndatabase = \"country.mmdb\"\n", files.text("cvdns.toml"));
    files
        .with("zone.toml", zone)
        .with("cvdns.toml", config)
        .with("country.mmdb", fixture::country_mmdb())
}

fn mirrors(dir: &Path, name: &str, numbers: &[usize], port: u16, timestamp: &str) -> Nginx {
    let root = dir.join("www");
    fill(&root, timestamp, [63, 28_129, 339]);
    let address = |n: &usize| SocketAddr::new(ip(*n).parse().expect("an address"), port);
    let served: Vec<_> = numbers.iter().map(|n| (address(n), root.clone())).collect();
    Nginx::start(&dir.join(name), ORIGIN, &served)
}

#[test]
fn clients_of_a_continent_are_not_sent_where_its_monitors_cannot_come() {
    let places = tempfile::tempdir().expect("a directory");
    let all = places.path();
    let (europe, elsewhere) = (ports::free(), ports::free());
    let start = jiff::Timestamp::now().as_second() - 3_600;
    let timestamp = jiff::Timestamp::from_second(start).expect("a moment").to_string();
    let web = |name: &str, numbers: &[usize], port| mirrors(all, name, numbers, port, &timestamp);
    let _elsewhere = web("elsewhere", &[1, 2, 3, 4, 5, 6], elsewhere);
    let _europe = web("europe", &[1, 2, 4, 5, 6], europe);
    let third = web("third", &[3], europe);
    let world = World::new(all, europe, elsewhere, start);
    world.round(0);
    world.answers_europe_without(&[]);

    drop(third);
    world.round(600);
    assert_eq!(world.not_for("m3.example"), json!(["continent:EU"]));
    assert_eq!(network::states(&network::feed(world.daemon.path()))["m3.example"], "up");
    world.answers_europe_without(&[3]);
    let why = "not for continent:EU: 2 monitors in EU cannot reach it: ";
    let told = |client: &str, topic: &str| {
        world.dig(client, &["+tcp", &format!("{topic}.db.us.{ORIGIN}"), "TXT"])
    };
    for client in EUROPE {
        for (topic, head) in [("_explain", "left out: m3.example "), ("_pool", "left out: ")] {
            let said = told(client, topic);
            assert!(said.contains(&format!("{head}{why}")), "{said}");
        }
        let mut explain = Command::new(env!("CARGO_BIN_EXE_cvdns"));
        explain.args(["explain", &format!("db.us.{ORIGIN}"), "--client", client, "--config"]);
        explain.arg(world.daemon.path().join("cvdns.toml")).env_remove("CVDNS_LOG");
        let said = tools::output(&mut explain);
        assert!(said.contains(&format!("m3.example: left out: {why}")), "{said}");
    }
    for client in ELSEWHERE {
        let said = told(client, "_explain");
        assert!(said.contains("pool=DE 6 of 6 usable") && !said.contains("m3."), "{said}");
        let said = told(client, "_pool");
        assert!(said.contains("; up since ") && said.contains(&format!(", {why}")), "{said}");
    }

    // It is seen again, and counts once it was seen for 15 minutes.
    let _third = web("third", &[3], europe);
    for (second, missing) in [(1_200, &[3][..]), (2_090, &[3]), (2_100, &[])] {
        world.round(second);
        world.answers_europe_without(missing);
    }
    assert_eq!(world.not_for("m3.example"), serde_json::Value::Null);
}
