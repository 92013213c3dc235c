//! A mirror network on loopback: its files, and the monitor run over it.

use crate::support::daemon::Files;
use crate::support::{ports, tools};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

pub const ORIGIN: &str = "clam.example";

/// A mirror of the fleet.
pub struct Mirror {
    pub host: String,
    pub addresses: Vec<IpAddr>,
}

/// A mirror with one address.
pub fn mirror(host: &str, address: &str) -> Mirror {
    Mirror { host: host.to_owned(), addresses: vec![address.parse().expect("an address")] }
}

/// The files of a server and a coordinator for these mirrors, all of them in DE; `settings` are
/// lines of `[monitor]`.
pub fn files(mirrors: &[Mirror], port: u16, settings: &str) -> Files {
    let mut fleet = String::new();
    for Mirror { host, addresses } in mirrors {
        let of = |v4: bool| -> Vec<String> {
            addresses
                .iter()
                .filter(|a| a.is_ipv4() == v4)
                .map(|a| format!("{:?}", a.to_string()))
                .collect()
        };
        let _ = writeln!(
            fleet,
            "[[mirror]]\nhost = {host:?}\ncountry = \"DE\"\nipv4 = [{}]\nipv6 = [{}]",
            of(true).join(","),
            of(false).join(",")
        );
    }
    let config = format!(
        "[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\nworkers = 1\n\
         [[zone]]\nfile = \"zone.toml\"\n\
         [feed]\nsource = \"feed.json\"\ninterval = \"1s\"\nmax-age = \"2000h\"\n\
         [monitor]\nport = {port}\n{settings}\n"
    );
    let zone = format!(
        "format = 1\norigin = \"{ORIGIN}\"\nrecords = \"zone.zone\"\nmirrors = \"mirrors.toml\"\n\
         [answer]\nmax = 0\n[[name]]\nowner = \"db.{{cc}}\"\npool = \"{{cc}}\"\n\
         [[name]]\nowner = \"current.cvd\"\ntxt = \"record\"\n"
    );
    let master = "@ 3600 IN SOA ns1 hostmaster 1 3600 600 86400 60\n@ 3600 IN NS ns1\nns1 3600 IN A 127.0.0.1\n";
    Files::default()
        .with("cvdns.toml", config)
        .with("zone.toml", zone)
        .with("zone.zone", master)
        .with("mirrors.toml", fleet)
        .with("release.json", RELEASE)
}

pub const RELEASE: &str =
    r#"{ "software": "1.4.6", "main": 63, "daily": 28129, "bytecode": 339, "flevel": 90 }"#;

/// Settings with which failures show quickly.
pub const QUICK: &str = "release = \"release.json\"\nconfirm-interval = \"10ms\"\nconnect-timeout = \"2s\"\ntimeout = \"2s\"\n";

/// Writes the files where no server runs.
pub fn place(files: &Files, dir: &Path) {
    for name in ["cvdns.toml", "zone.toml", "zone.zone", "mirrors.toml", "release.json"] {
        let text = files.text(name).replace("@PORT@", &ports::free().to_string());
        fs::write(dir.join(name), text).expect("a file");
    }
}

/// The header of a database, and some octets behind it.
pub fn database(version: u32) -> Vec<u8> {
    let header = format!(
        "ClamAV-VDB:16 Dec 2025 23-18 +0000:{version}:3287027:90:9c353a6b32555186a45a61c6441f38c0:gI9w:tomjudge:1765927102"
    );
    let mut octets = format!("{header:512}").into_bytes();
    octets.resize(3000, 7);
    octets
}

/// What a mirror serves that holds these versions.
pub fn fill(root: &Path, timestamp: &str, [main, daily, bytecode]: [u32; 3]) {
    fs::create_dir_all(root).expect("a mirror's directory");
    fs::write(root.join("timestamp"), timestamp).expect("a timestamp");
    for (name, version) in [("main", main), ("daily", daily), ("bytecode", bytecode)] {
        fs::write(root.join(format!("{name}.cvd")), database(version)).expect("a database");
    }
}

/// `cvdns monitor` with these arguments.
pub fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.arg("monitor").args(arguments).arg("--config").arg(dir.join("cvdns.toml"));
    command.current_dir(dir).env_remove("CVDNS_LOG").stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(dir: &Path, arguments: &[&str]) -> Output {
    command(dir, arguments).output().expect("the monitor runs")
}

/// One round at a moment, which must go well; the feed that it wrote.
pub fn round(dir: &Path, at: i64) -> Feed {
    round_and_log(dir, at).0
}

/// The same, with what it logged.
pub fn round_and_log(dir: &Path, at: i64) -> (Feed, String) {
    let time = jiff::Timestamp::from_second(at).expect("a moment").to_string();
    let output = run(dir, &["--once", "--json", "--at", &time]);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {log}", output.status);
    (feed(dir), log)
}

pub type Feed = serde_json::Value;

/// The feed that is there now.
pub fn feed(dir: &Path) -> Feed {
    serde_json::from_slice(&fs::read(dir.join("feed.json")).expect("the feed")).expect("JSON")
}

/// The state of each mirror, and that of addresses which differ, as the feed has them.
pub fn states(feed: &Feed) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for (host, entry) in feed["mirrors"].as_object().expect("mirrors") {
        out.insert(host.clone(), entry["state"].as_str().expect("a state").to_owned());
        for (address, state) in entry["addresses"].as_object().into_iter().flatten() {
            out.insert(format!("{host} {address}"), state.as_str().expect("a state").to_owned());
        }
    }
    out
}

/// A monitor that runs on, ended when dropped.
pub struct Running(pub Child);

impl Running {
    pub fn start(dir: &Path) -> Self {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(dir.join("monitor.log"))
            .expect("its log");
        let mut command = command(dir, &[]);
        Self(command.stdout(Stdio::null()).stderr(log).spawn().expect("the monitor started"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if tools::stop(&mut self.0).is_none() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
