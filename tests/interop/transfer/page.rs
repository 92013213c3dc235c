//! docs/transfers.md: each configuration on it is used as it stands, with the test's addresses.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::secondaries::{serial, served_serial};
use crate::support::daemon::{Daemon, Files};
use crate::support::ports;
use crate::support::tools::{self, output, tool, tool_of};

/// The address of cvdns on the page.
const PRIMARY: &str = "192.0.2.1";

/// The address of the secondary on the page.
const SECONDARY: &str = "192.0.2.53";

/// The blocks of the page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    let all = page.split(&begin).skip(1);
    all.map(|rest| rest.split("\n```").next().expect("an end").to_owned() + "\n").collect()
}

/// A secondary that is ended with the test.
struct Running(Child, PathBuf);

impl Drop for Running {
    fn drop(&mut self) {
        if tools::stop(&mut self.0).is_none() {
            let _ = self.0.kill();
        }
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(&self.1).unwrap_or_default());
        }
    }
}

fn start(mut command: Command, dir: &Path) -> Running {
    let log = dir.join("log");
    let file = File::create(&log).expect("a log");
    command.stdin(Stdio::null()).stdout(file.try_clone().expect("twice")).stderr(file);
    Running(command.spawn().expect("started"), log)
}

/// A server by the page whose secondary listens on this port, with the key that the page makes.
fn primary(page: &str, secondary: u16) -> Daemon {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read(project.join(name)).expect("a file of the project");
    let [block] = blocks(page, "toml").try_into().expect("one block");
    let block = block.replace(SECONDARY, &format!("127.0.0.1:{secondary}"));
    // All mirrors of a country may go at once.
    let block = block.replacen("[feed]\n", "[feed]\nmax-loss = 1\n", 1);
    assert!(block.contains("max-loss"), "{block}");
    let config = format!(
        "[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\n[[zone]]\nfile = \"zones/clamav.net.toml\"\n\
         [geoip]\ndatabase = \"geoip/country.mmdb\"\n{block}"
    );
    let mut files =
        Files::default().with("cvdns.toml", config).with("feed.json", read("feed.json"));
    for name in ["geoip/country.mmdb", "zones/clamav.net.toml"] {
        files = files.with(name, read(name));
    }
    for entry in fs::read_dir(project.join("zones")).expect("the zones") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        files = files.with(&format!("zones/{name}"), read(&format!("zones/{name}")));
    }
    let made = tempfile::tempdir().expect("a directory");
    let first = blocks(page, "sh").first().expect("a block").clone();
    output(Command::new("sh").args(["-ec", &first]).current_dir(made.path()));
    let key = fs::read(made.path().join("transfer.key")).expect("the key");
    Daemon::start(&files.with("transfer.key", key))
}

/// Waits until the secondary has the zone as the server has it.
fn must_follow(daemon: &Daemon, port: u16) {
    daemon.until("the secondary has the zone", || {
        serial(port, "clamav.net") == Some(served_serial(daemon.port(), "clamav.net"))
    });
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/transfers.md");
    fs::read_to_string(path).expect("the page")
}

#[test]
fn bind_follows_by_the_page() {
    let page = page();
    let blocks = blocks(&page, "named");
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let port = ports::free();
        let daemon = primary(&page, port);
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().display();
        let own = format!(
            "options {{\n listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file none; \
             session-keyfile none;"
        );
        let config = block
            .replace(
                "/etc/bind/transfer.key",
                &daemon.path().join("transfer.key").display().to_string(),
            )
            .replace("/var/cache/bind", &path.to_string())
            .replace(PRIMARY, &format!("127.0.0.1 port {}", daemon.port()))
            .replace("options {", &own);
        fs::write(dir.path().join("named.conf"), config + "controls { };\n").expect("written");
        let mut command = tool("named");
        command.args(["-g", "-n", "1", "-c"]).arg(dir.path().join("named.conf"));
        let _running = start(command, dir.path());
        must_follow(&daemon, port);
    }
}

#[test]
fn knot_follows_by_the_page() {
    let page = page();
    let [block] = blocks(&page, "knot").try_into().expect("one block");
    let port = ports::free();
    let daemon = primary(&page, port);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().display().to_string();
    // The second shell block makes the file of the key.
    let second = blocks(&page, "sh").get(1).expect("a second block").clone();
    fs::copy(daemon.path().join("transfer.key"), dir.path().join("transfer.key")).expect("copied");
    output(Command::new("sh").args(["-ec", &second]).current_dir(dir.path()));
    let config = block
        .replace("/etc/knot", &path)
        .replace("/var/lib/knot", &path)
        .replacen(PRIMARY, &format!("127.0.0.1@{}", daemon.port()), 1)
        .replace(PRIMARY, "127.0.0.1");
    let own = format!(
        "server:\n  rundir: {path}\n  listen: 127.0.0.1@{port}\nlog:\n  - target: stderr\n    any: info\n\
         database:\n  storage: {path}\n"
    );
    fs::write(dir.path().join("knot.conf"), own + &config).expect("written");
    let mut command = tool("knotd");
    command.arg("-c").arg(dir.path().join("knot.conf"));
    let _running = start(command, dir.path());
    must_follow(&daemon, port);
}

#[test]
fn nsd_follows_by_the_page() {
    let page = page();
    let [block] = blocks(&page, "nsd").try_into().expect("one block");
    let port = ports::free();
    let daemon = primary(&page, port);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().display();
    let key = fs::read_to_string(daemon.path().join("transfer.key")).expect("the key");
    let secret = key.split("secret \"").nth(1).and_then(|rest| rest.split('"').next());
    let config = block
        .replace("SECRET", secret.expect("a secret"))
        .replacen(PRIMARY, &format!("127.0.0.1@{}", daemon.port()), 1)
        .replace(PRIMARY, "127.0.0.1");
    let own = format!(
        "server:\n  ip-address: 127.0.0.1\n  port: {port}\n  server-count: 1\n  username: \"\"\n  zonesdir: \"{path}\"\n  \
         database: \"\"\n  pidfile: \"{path}/pid\"\n  xfrdfile: \"{path}/xfrd\"\n  xfrdir: \"{path}\"\n  \
         zonelistfile: \"{path}/zones\"\nremote-control:\n  control-enable: no\n"
    );
    fs::write(dir.path().join("nsd.conf"), own + &config).expect("written");
    let mut command = tool_of("nsd", "install nsd: tests need it");
    command.args(["-d", "-c"]).arg(dir.path().join("nsd.conf"));
    let _running = start(command, dir.path());
    must_follow(&daemon, port);
}

/// The octets of a transfer, as dig counts them.
fn octets(daemon: &Daemon, kind: &str) -> u64 {
    let key = fs::read_to_string(daemon.path().join("transfer.key")).expect("the key");
    let secret = key.split("secret \"").nth(1).and_then(|rest| rest.split('"').next());
    let key = format!("hmac-sha256:transfer:{}", secret.expect("a secret"));
    let port = daemon.port().to_string();
    let mut dig = tool("dig");
    let said = output(dig.args(["@127.0.0.1", "-p", &port, "-y", &key, "clamav.net", kind]));
    let size = said.split("bytes ").nth(1).and_then(|rest| rest.split(')').next());
    size.and_then(|size| size.parse().ok()).unwrap_or_else(|| panic!("no size: {said}"))
}

/// The page's table of octets: differences against whole zones, of the example's network. Its
/// figures are these, to one part in five.
#[test]
fn differences_are_as_short_as_the_page_says() {
    let page = page();
    let daemon = primary(&page, ports::free());
    let feed = fs::read_to_string(daemon.path().join("feed.json")).expect("the feed");
    let mut feed: serde_json::Value = serde_json::from_str(&feed).expect("JSON");
    let fleet = fs::read_to_string(daemon.path().join("zones/mirrors.toml")).expect("the fleet");
    let fleet: toml::Table = fleet.parse().expect("TOML");
    let mirrors = fleet["mirror"].as_array().expect("mirrors");
    let hosts = |country: Option<&str>| -> Vec<String> {
        let is_of = |mirror: &&toml::Value| {
            country.is_none_or(|country| mirror["country"].as_str() == Some(country))
        };
        let of = mirrors.iter().filter(is_of);
        of.map(|mirror| mirror["host"].as_str().expect("a host").to_owned()).collect()
    };
    let mut change = |down: &[String]| {
        let before = served_serial(daemon.port(), "clamav.net");
        feed["serial"] = (feed["serial"].as_u64().expect("a serial") + 1).into();
        feed["generated"] = jiff::Timestamp::now().strftime("%FT%TZ").to_string().into();
        let states = down.iter().map(|host| (host.clone(), serde_json::json!({"state": "down"})));
        feed["mirrors"] = serde_json::Value::Object(states.collect());
        daemon.write_feed(&feed.to_string());
        daemon.until("another serial", || served_serial(daemon.port(), "clamav.net") != before);
        octets(&daemon, &format!("IXFR={before}"))
    };
    change(&[]);
    let one = change(&hosts(Some("JP"))[..1]);
    change(&[]);
    let country = change(&hosts(Some("JP")));
    change(&[]);
    let half = hosts(None);
    let half = change(&half[..half.len() / 2]);
    let whole = octets(&daemon, "AXFR");
    let found = [
        ("one mirror", one),
        ("all mirrors of a country", country),
        ("half of all mirrors", half),
        ("the whole zone (AXFR)", whole),
    ];
    for (what, octets) in found {
        let row = page.lines().find_map(|line| line.strip_prefix(&format!("| {what} | ")));
        let stated =
            row.and_then(|rest| rest.split(' ').next()).map(|number| number.replace(',', ""));
        let stated: Option<u64> = stated.and_then(|number| number.parse().ok());
        let stated = stated.unwrap_or_else(|| panic!("no row for {what}: {found:?}"));
        assert!(
            octets.abs_diff(stated) * 5 <= stated,
            "{what}: {octets}, the page says {stated}: {found:?}"
        );
    }
}
