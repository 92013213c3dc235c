//! Several monitors: each reports what it finds, and a coordinator combines the reports.

use super::network::{self, Mirror, ORIGIN, QUICK, command, fill, mirror, states};
use super::web::Nginx;
use crate::support::client::Transport;
use crate::support::daemon::Daemon;
use crate::support::nats::NatsServer;
use crate::support::packet::Query;
use crate::support::{PATIENCE, ports, rr, tools};
use minisign::KeyPair;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const MIRRORS: usize = 6;

pub fn ip(n: usize) -> String {
    format!("127.0.7.{n}")
}

pub fn fleet() -> Vec<Mirror> {
    (1..=MIRRORS).map(|n| mirror(&format!("m{n}.example"), &ip(n))).collect()
}

/// A key pair of minisign; the secret key lies in the directory.
pub struct Key(KeyPair);

impl Key {
    pub fn new(dir: &Path) -> Self {
        let pair = KeyPair::generate_unencrypted_keypair().expect("a key");
        fs::create_dir_all(dir).expect("a directory");
        fs::write(dir.join("key"), pair.sk.to_box(None).expect("a box").into_string())
            .expect("a key file");
        Self(pair)
    }

    fn public(&self) -> String {
        self.0.pk.to_base64()
    }

    /// Writes a document with its signature.
    pub fn publish(&self, path: &Path, octets: &[u8]) {
        let signed = minisign::sign(None, &self.0.sk, octets, Some("serial"), None);
        let signature = PathBuf::from(format!("{}.minisig", path.display()));
        fs::write(signature, signed.expect("a signature").into_string()).expect("its file");
        fs::write(path, octets).expect("the document");
    }
}

pub fn member(name: &str, source: &str, key: &Key, country: &str, more: &str) -> String {
    format!(
        "[[monitor.member]]\nname = \"{name}\"\nsource = \"{source}\"\npublic-key = \"{}\"\n\
         country = \"{country}\"\n{more}\n",
        key.public()
    )
}

/// A process of `cvdns monitor`, ended when dropped.
pub struct Process(pub Child);

impl Process {
    pub fn start(dir: &Path, argument: &str) -> Self {
        let log = fs::File::options().create(true).append(true).open(dir.join("monitor.log"));
        let mut command = command(dir, &[argument]);
        let log = log.expect("its log");
        Self(command.stdout(Stdio::null()).stderr(log).spawn().expect("the monitor started"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if tools::stop(&mut self.0).is_none() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

fn log(dir: &Path) -> String {
    fs::read_to_string(dir.join("monitor.log")).unwrap_or_default()
}

fn until(what: &str, dir: &Path, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}\n{}", log(dir));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn note(dir: &Path, host: &str) -> String {
    network::feed(dir)["mirrors"][host]["note"].as_str().unwrap_or_default().to_owned()
}

fn state(dir: &Path, host: &str) -> String {
    states(&network::feed(dir)).remove(host).unwrap_or_default()
}

fn frozen(dir: &Path) -> Option<String> {
    network::feed(dir)["frozen"].as_str().map(str::to_owned)
}

/// Web servers of mirrors with these numbers.
fn mirrors(dir: &Path, name: &str, numbers: &[usize], port: u16) -> Nginx {
    let root = dir.join("www");
    fill(&root, &jiff::Timestamp::now().to_string(), [63, 28_129, 339]);
    let address = |n: &usize| SocketAddr::new(ip(*n).parse().expect("an address"), port);
    let served: Vec<_> = numbers.iter().map(|n| (address(n), root.clone())).collect();
    Nginx::start(&dir.join(name), ORIGIN, &served)
}

/// Sets up a monitor that reports, which checks at this port.
fn reporter(dir: &Path, name: &str, port: u16) -> (PathBuf, Key) {
    let dir = dir.join(name);
    let key = Key::new(&dir);
    let settings = format!(
        "{QUICK}name = \"{name}\"\nsecret-key = \"key\"\nreport = \"report.json\"\n\
         interval = \"4s\"\nretry-interval = \"1s\"\nconfirm = 2\npublish-every = \"1s\"\n"
    );
    network::place(&network::files(&fleet(), port, &settings), &dir);
    (dir, key)
}

fn answered(daemon: &Daemon) -> BTreeSet<Vec<u8>> {
    let query = Query::new(&format!("db.de.{ORIGIN}"), rr::A);
    daemon.client().ask(Transport::Udp4, &query).rdata(rr::A).into_iter().collect()
}

/// What `cvdns explain` says by the feed that is there.
pub fn explained(dir: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(["explain", &format!("db.de.{ORIGIN}"), "--config"]).arg(dir.join("cvdns.toml"));
    tools::output(command.current_dir(dir).env_remove("CVDNS_LOG"))
}

fn addresses(numbers: &[usize]) -> BTreeSet<Vec<u8>> {
    numbers.iter().map(|n| rr::a(&ip(*n))).collect()
}

/// Five monitors: three that are right, one that says "up" whatever happens, as it looks at other
/// servers, and one that is cut off.
#[test]
fn liars_and_the_isolated_change_nothing_and_too_few_freeze_all() {
    let (port, elsewhere) = (ports::free(), ports::free());
    let places = tempfile::tempdir().expect("a directory");
    let all = places.path();
    let closed = {
        let gone = TcpListener::bind("127.0.7.250:0").expect("a port");
        gone.local_addr().expect("bound").port()
    };
    let countries = [("a1", "DE"), ("b1", "FR"), ("c1", "US"), ("liar", "NL"), ("lone", "JP")];
    let mut sections = String::new();
    let mut dirs = Vec::new();
    let (web, web_port) = (all.join("c1"), ports::free());
    for (name, country) in countries {
        let at = match name {
            "liar" => elsewhere,
            "lone" => closed,
            _ => port,
        };
        let (dir, key) = reporter(all, name, at);
        let file = dir.join("report.json").display().to_string();
        let source =
            if name == "c1" { format!("http://127.0.7.240:{web_port}/report.json") } else { file };
        sections += &member(name, &source, &key, country, "");
        dirs.push(dir);
    }
    let settings = format!(
        "{QUICK}combine-interval = \"1s\"\nretry-interval = \"1s\"\npublish-every = \"1s\"\n{sections}"
    );
    let daemon = Daemon::start(&network::files(&fleet(), port, &settings));
    let dir = daemon.path();
    let numbers: Vec<usize> = (1..=MIRRORS).collect();
    let _elsewhere = mirrors(all, "elsewhere", &numbers, elsewhere);
    let _well = mirrors(all, "well", &[1, 2, 4, 5, 6], port);
    let mut third = Some(mirrors(all, "third", &[3], port));
    let server = format!("server {{ listen 127.0.7.240:{web_port}; root {}; }}", web.display());
    let _web = Nginx::with(
        &all.join("web"),
        &server,
        &[format!("127.0.7.240:{web_port}").parse().expect("an address")],
    );
    let mut reporters: Vec<Option<Process>> =
        dirs.iter().map(|dir| Some(Process::start(dir, "--report"))).collect();
    let _combiner = Process::start(dir, "--combine");
    until("the first feed", dir, || dir.join("feed.json").exists());
    until("all are up", dir, || answered(&daemon) == addresses(&numbers));
    until("the isolated one has no vote", dir, || {
        log(dir).contains("lone has no vote on IPv4: of 6 addresses that most others call up")
    });

    third.take();
    until("m3 is down", dir, || answered(&daemon) == addresses(&[1, 2, 4, 5, 6]));
    // The monitors see it one after the other.
    until("all but the liar say so", dir, || {
        let note = note(dir, "m3.example");
        note.starts_with("3 of 4 monitors: ") && note.ends_with("; NL disagrees")
    });
    let said = explained(dir);
    assert!(
        said.contains("left out: down since ") && said.contains(": 3 of 4 monitors: "),
        "{said}"
    );
    third = Some(mirrors(all, "third", &[3], port));
    until("m3 is up again", dir, || answered(&daemon) == addresses(&numbers));
    assert_eq!(frozen(dir), None, "{}", log(dir));

    // Two of five can be counted: nothing changes, and feeds stay fresh.
    for gone in [1, 2] {
        reporters[gone].take();
    }
    until("it freezes", dir, || frozen(dir).is_some());
    let text = frozen(dir).expect("a reason");
    assert!(text.starts_with("2 of 5 monitors can be counted for IPv4 since "), "{text}");
    third.take();
    let serial = || network::feed(dir)["serial"].as_u64().expect("a serial");
    let of_a = |dir: &Path| {
        let report = fs::read(dir.join("report.json")).expect("a report");
        let report: Value = serde_json::from_slice(&report).expect("JSON");
        report["mirrors"]["m3.example"][ip(3)]["found"].as_str().map(str::to_owned)
    };
    until("a monitor sees m3 fail", dir, || of_a(&dirs[0]).as_deref() == Some("dead"));
    let before = serial();
    until("three more feeds", dir, || {
        assert_eq!(state(dir, "m3.example"), "up");
        serial() >= before + 3
    });
    let metric = |line: &str| {
        let metrics = dir.join("state/monitor/metrics.prom");
        fs::read_to_string(metrics).unwrap_or_default().lines().any(|of| of == line)
    };
    for line in [
        "cvdns_monitor_frozen 1",
        "cvdns_monitor_member_fresh{monitor=\"b1\"} 0",
        "cvdns_monitor_member_counted{monitor=\"a1\"} 1",
        "cvdns_monitor_member_sane{monitor=\"lone\",family=\"4\"} 0",
        "cvdns_monitor_member_fresh{monitor=\"lone\"} 1",
    ] {
        until(line, dir, || metric(line));
    }
    reporters[1] = Some(Process::start(&dirs[1], "--report"));
    reporters[2] = Some(Process::start(&dirs[2], "--report"));
    until("it thaws", dir, || frozen(dir).is_none());
    until("m3 is down after all", dir, || answered(&daemon) == addresses(&[1, 2, 4, 5, 6]));
    let log = log(dir);
    assert!(
        log.contains("frozen: 2 of 5 monitors can be counted for IPv4. All states stay"),
        "{log}"
    );
    assert!(log.contains("b1 is late, and has no vote: its last report is of "), "{log}");
    assert_eq!(log.matches("lone has no vote on IPv4").count(), 1, "once, not each time: {log}");
}

/// Reports that are published through NATS: by monitors that run, and by one of a single round.
#[test]
fn reports_come_through_nats() {
    let nats = NatsServer::start();
    let section = format!("[nats]\nservers = [\"{}\"]\n", nats.url());
    let places = tempfile::tempdir().expect("a directory");
    let all = places.path();
    let port = ports::free();
    let _web = mirrors(all, "web", &[1, 2, 3, 4, 5], port);
    let more = |dir: &Path, text: &str| {
        let config = dir.join("cvdns.toml");
        let before = fs::read_to_string(&config).expect("a configuration");
        fs::write(config, format!("{before}\n{text}")).expect("a configuration");
    };
    let names = [("fra1", "DE"), ("nyc1", "US"), ("syd1", "AU")];
    let reporters = names.map(|(name, _)| reporter(all, name, port));
    for (dir, _) in &reporters {
        more(dir, &section);
    }
    let mut set_up = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    tools::output(set_up.args(["nats", "set-up"]).current_dir(&reporters[0].0));
    let _running: Vec<Process> =
        reporters[..2].iter().map(|(dir, _)| Process::start(dir, "--report")).collect();
    let once = command(&reporters[2].0, &["--report", "--once"]).output().expect("it ran");
    assert!(once.status.success(), "{}", String::from_utf8_lossy(&once.stderr));

    let members: String = names
        .iter()
        .zip(&reporters)
        .map(|((name, country), (_, key))| member(name, "nats://", key, country, ""))
        .collect();
    let coordinator = all.join("coordinator");
    let _key = Key::new(&coordinator);
    let settings = format!("{QUICK}secret-key = \"key\"\ncombine-interval = \"1s\"\n{members}");
    network::place(&network::files(&fleet(), port, &settings), &coordinator);
    more(&coordinator, &section);
    let _combining = Process::start(&coordinator, "--combine");
    // It may begin before all reports have come.
    until("m6 is down, as all three say", &coordinator, || {
        coordinator.join("feed.json").exists()
            && state(&coordinator, "m6.example") == "down"
            && note(&coordinator, "m6.example").contains("3 of 3 monitors")
    });
    assert_eq!(state(&coordinator, "m1.example"), "up");

    // What takes a report's place, and ends each reader's connection, is replaced by its monitor;
    // nobody does that for the one that has ended.
    nats.spoil("reports.fra1");
    nats.spoil("reports.syd1");
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
        let output = command.arg("check").current_dir(&coordinator).output().expect("it ran");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    until("the report of fra1 is back", &reporters[0].0, || {
        let told = check();
        told.contains("the report of syd1 would not be used") && !told.contains("report of fra1")
    });
}
