//! The whole chain: web servers, the running monitor, the server that follows its feed.

use super::network::{self, Mirror, ORIGIN, QUICK, Running, fill, mirror, run, states};
use super::web::Nginx;
use crate::support::client::Transport;
use crate::support::daemon::Daemon;
use crate::support::packet::Query;
use crate::support::{PATIENCE, ports, rr, tools};
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

fn ip(n: usize) -> String {
    format!("127.0.3.{n}")
}

fn fleet() -> Vec<Mirror> {
    (1..=4).map(|n| mirror(&format!("m{n}.example"), &ip(n))).collect()
}

fn start(dir: &Path, n: usize, port: u16) -> Nginx {
    let root = dir.join(format!("m{n}"));
    fill(&root, &jiff::Timestamp::now().to_string(), [63, 28_129, 339]);
    let address = SocketAddr::new(ip(n).parse().expect("an address"), port);
    Nginx::start(&dir.join(format!("nginx{n}")), ORIGIN, &[(address, root)])
}

fn until(what: &str, dir: &Path, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        let log = fs::read_to_string(dir.join("monitor.log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "not in time: {what}\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn answered(daemon: &Daemon) -> BTreeSet<Vec<u8>> {
    let query = Query::new(&format!("db.de.{ORIGIN}"), rr::A);
    daemon.client().ask(Transport::Udp4, &query).rdata(rr::A).into_iter().collect()
}

fn addresses(numbers: &[usize]) -> BTreeSet<Vec<u8>> {
    numbers.iter().map(|n| rr::a(&ip(*n))).collect()
}

#[test]
fn a_stopped_web_server_leaves_the_answers_and_comes_back() {
    let port = ports::free();
    let settings = format!(
        "{QUICK}interval = \"1s\"\nretry-interval = \"1s\"\nconfirm = 2\npublish-every = \"1s\"\n\
         on-change = [\"/bin/sh\", \"-c\", \"cat >> told\"]"
    );
    let daemon = Daemon::start(&network::files(&fleet(), port, &settings));
    let dir = daemon.path();
    let mut servers: Vec<Option<Nginx>> = (1..=4).map(|n| Some(start(dir, n, port))).collect();
    let mut monitor = Running::start(dir);
    until("the first feed", dir, || dir.join("feed.json").exists());
    until("the record", dir, || {
        let query = Query::new(&format!("current.cvd.{ORIGIN}"), rr::TXT);
        !daemon.client().ask(Transport::Udp4, &query).answer.is_empty()
    });
    assert_eq!(answered(&daemon), addresses(&[1, 2, 3, 4]));

    servers[1] = None;
    until("m2 is not answered", dir, || answered(&daemon) == addresses(&[1, 3, 4]));
    servers[1] = Some(start(dir, 2, port));
    until("m2 is answered again", dir, || answered(&daemon) == addresses(&[1, 2, 3, 4]));

    // FORMATS: a new serial and time even when nothing changes.
    let serial = || network::feed(dir)["serial"].as_u64().expect("a serial");
    let before = serial();
    until("the feed is renewed", dir, || serial() >= before + 2);

    // The memory is one monitor's alone.
    let second = run(dir, &["--once"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another monitor works with"));

    // SIGHUP reads everything again: m4 leaves, and what is wrong changes nothing.
    let fleet = fs::read_to_string(dir.join("mirrors.toml")).expect("the fleet");
    fs::write(dir.join("mirrors.toml"), fleet.replace("\"127.0.3.4\"", "\"127.0.3.9\""))
        .expect("another fleet");
    tools::signal(monitor.0.id(), "HUP");
    until("another address is checked", dir, || {
        states(&network::feed(dir))["m4.example"] == "down"
    });
    fs::write(dir.join("mirrors.toml"), "[[mirror]]\n").expect("a bad fleet");
    tools::signal(monitor.0.id(), "HUP");
    let log = || fs::read_to_string(dir.join("monitor.log")).expect("a log");
    until("a bad fleet is refused", dir, || {
        log().contains("not reloaded, what was read before goes on")
    });
    fs::write(dir.join("mirrors.toml"), &fleet).expect("the first fleet");
    tools::signal(monitor.0.id(), "HUP");
    until("the first fleet is back", dir, || states(&network::feed(dir))["m4.example"] == "up");

    // It survives the end: what is down when it ends is down until it was good twice, whoever
    // checks.
    servers[1] = None;
    until("m2 is down", dir, || states(&network::feed(dir))["m2.example"] == "down");
    assert_eq!(tools::stop(&mut monitor.0).and_then(|status| status.code()), Some(0));
    servers[1] = Some(start(dir, 2, port));
    for expected in ["down", "up"] {
        assert!(run(dir, &["--once"]).status.success());
        assert_eq!(states(&network::feed(dir))["m2.example"], expected);
    }
    until("the last feed is taken", dir, || answered(&daemon) == addresses(&[1, 2, 3, 4]));
    let log = fs::read_to_string(dir.join("monitor.log")).expect("a log");
    assert!(log.contains("m2.example 127.0.3.2 is down, it was up: "), "{log}");
    assert!(log.contains("m2.example 127.0.3.2 is up again; it was down"), "{log}");
    check_told(dir);
}

/// What the command was told, change by change.
fn check_told(dir: &Path) {
    let told = fs::read_to_string(dir.join("told")).expect("what it was told");
    let told: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).expect("JSON on each line")).collect();
    // Beside it stands the address that m4 had for a while.
    let told: Vec<_> = told.into_iter().filter(|change| change["mirror"] == "m2.example").collect();
    let changes: Vec<[&str; 2]> = told
        .iter()
        .map(|change| ["from", "to"].map(|key| change[key].as_str().expect("a state")))
        .collect();
    assert_eq!(changes, [["up", "down"], ["down", "up"], ["up", "down"], ["down", "up"]]);
    for change in &told {
        assert_eq!(change["address"], *ip(2));
        assert_eq!(change["mirror-state"], change["to"]);
    }
}

/// FORMATS: `SOURCE.minisig`. Whoever reads the feed and then the signature never has a feed
/// without its signature.
#[test]
fn the_feed_is_signed_and_its_signature_is_there_before_it() {
    use minisign::{KeyPair, SignatureBox, verify};
    let port = ports::free();
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let settings = format!("{QUICK}publish-every = \"1s\"\nsecret-key = \"key\"");
    network::place(&network::files(&fleet(), port, &settings), dir);
    let locked = KeyPair::generate_encrypted_keypair(Some("secret".to_owned())).expect("a key");
    fs::write(dir.join("key"), locked.sk.to_box(None).expect("a box").into_string())
        .expect("a key file");
    let refused = run(dir, &["--once"]);
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(error.contains("key has a password") && error.contains("minisign -G -W"), "{error}");
    assert!(!dir.join("feed.json").exists());

    let pair = KeyPair::generate_unencrypted_keypair().expect("a key");
    fs::write(dir.join("key"), pair.sk.to_box(None).expect("a box").into_string())
        .expect("a key file");
    let _servers: Vec<Nginx> = (1..=4).map(|n| start(dir, n, port)).collect();
    let _monitor = Running::start(dir);
    until("the first feed", dir, || dir.join("feed.json").exists());
    let (mut fits, mut serials) = (0, BTreeSet::new());
    let deadline = Instant::now() + PATIENCE;
    // Without a pause: the moment between the two renames is short.
    while serials.len() < 4 {
        assert!(Instant::now() < deadline, "four feeds with their signatures, {fits} looks");
        let feed = fs::read(dir.join("feed.json")).expect("the feed");
        let text =
            fs::read_to_string(dir.join("feed.json.minisig")).expect("its signature, before it");
        let signature = SignatureBox::from_string(&text).expect("minisign's format");
        let content: serde_json::Value = serde_json::from_slice(&feed).expect("JSON");
        let serial = content["serial"].as_u64().expect("a serial");
        let comment = signature.trusted_comment().expect("a comment");
        let signed: u64 =
            comment.split("serial:").nth(1).expect("a serial").parse().expect("a number");
        if signed == serial && serials.insert(serial) {
            verify(&pair.pk, &signature, std::io::Cursor::new(&feed), true, false, false)
                .expect("it fits");
        }
        assert!(signed >= serial, "the signature is behind the feed: {signed} {serial}");
        fits += 1;
    }
}

/// The set-up of docs/monitor.md, with keys and checks by the program that its readers have.
#[test]
fn keys_of_minisign_work_as_the_page_on_the_monitor_has_them() {
    let port = ports::free();
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let settings = format!("{QUICK}secret-key = \"monitor.key\"");
    let files = network::files(&fleet(), port, &settings);
    network::place(&files, dir);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/monitor.md"))
        .expect("the page");
    let documented = "minisign -G -W -s monitor.key -p monitor.pub";
    assert!(page.contains(documented), "the page says something else");
    let minisign = |arguments: &str| {
        let mut command = tools::tool_of("minisign", "install minisign");
        tools::output(command.args(arguments.split(' ')).current_dir(dir))
    };
    minisign(documented.strip_prefix("minisign ").expect("the program"));
    let key = dir.join("monitor.key");
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("another mode");
    let _servers: Vec<Nginx> = (1..=4).map(|n| start(dir, n, port)).collect();
    let output = run(dir, &["--once"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !error.contains("secret key"), "{error}");
    minisign("-V -m feed.json -p monitor.pub");

    // The servers' part: the last line of the public key's file.
    let public = fs::read_to_string(dir.join("monitor.pub")).expect("the public key");
    let public = public.lines().last().expect("the key").to_owned();
    assert!(page.contains("`public-key`"), "the page says where it goes");
    let config = fs::read_to_string(dir.join("cvdns.toml")).expect("the configuration");
    let signed = |key: &str| {
        let config = config.replace("[feed]\n", &format!("[feed]\npublic-key = \"{key}\"\n"));
        fs::write(dir.join("cvdns.toml"), config).expect("the configuration");
        let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
        let done = check.arg("check").current_dir(dir).output().expect("cvdns");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, error) = signed(&public);
    assert!(code == Some(0) && !error.contains("key"), "{error}");
    let (code, error) = signed("RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5");
    assert!(code == Some(1) && error.contains("key other than `public-key`"), "{error}");
    assert!(error.contains("servers would refuse its feeds"), "{error}");
}

/// Who writes a shorter interval need not wait for the longer one's end: neither at SIGHUP, nor at
/// a start.
#[test]
fn a_shorter_interval_holds_at_once() {
    let port = ports::free();
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let settings = format!("{QUICK}publish-every = \"1s\"\ninterval = \"1000h\"");
    network::place(&network::files(&fleet(), port, &settings), dir);
    let _servers: Vec<Nginx> = (1..=4).map(|n| start(dir, n, port)).collect();
    let mut monitor = Running::start(dir);
    let checks = || {
        let memory = fs::read(dir.join("state/monitor/memory.json")).unwrap_or_default();
        let memory: serde_json::Value = serde_json::from_slice(&memory).unwrap_or_default();
        memory["checks"]["serving"].as_u64().unwrap_or_default()
    };
    until("each is checked once", dir, || checks() == 4);
    let interval = |interval: &str| {
        let config = fs::read_to_string(dir.join("cvdns.toml")).expect("the configuration");
        let lines = config.lines().map(|line| {
            if line.starts_with("interval = \"1") && !line.ends_with("\"1s\"") {
                interval
            } else {
                line
            }
        });
        fs::write(dir.join("cvdns.toml"), lines.flat_map(|line| [line, "\n"]).collect::<String>())
            .expect("written");
    };
    interval("interval = \"2s\"");
    tools::signal(monitor.0.id(), "HUP");
    until("each is checked again", dir, || checks() >= 8);
    assert_eq!(tools::stop(&mut monitor.0).and_then(|status| status.code()), Some(0));
}

/// A memory that cannot be read is put aside, and learned anew.
#[test]
fn a_broken_memory_stops_nothing() {
    let port = ports::free();
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    network::place(&network::files(&fleet(), port, QUICK), dir);
    let _servers: Vec<Nginx> = (1..=3).map(|n| start(dir, n, port)).collect();
    let up = || states(&network::feed(dir)).values().filter(|state| *state == "up").count();
    let output = run(dir, &["--once"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The summary, a line for each address.
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!((table.lines().count(), up()), (5, 3), "{table}");
    let line = table.lines().find(|line| line.starts_with("m4.example")).expect("a line");
    assert!(
        line.contains("127.0.3.4") && line.contains("down") && line.contains("refused"),
        "{line}"
    );

    let memory = dir.join("state/monitor/memory.json");
    fs::write(&memory, "{ \"format\": 1, ").expect("written");
    let serial = network::feed(dir)["serial"].as_u64();
    let output = run(dir, &["--once", "--json"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.contains("is put aside as"), "{error}");
    assert!(dir.join("state/monitor/memory.json.broken").exists());
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(rows.as_array().map(Vec::len), Some(4));
    assert_eq!((up(), network::feed(dir)["serial"].as_u64() > serial), (3, true));
    let metrics = fs::read_to_string(dir.join("state/monitor/metrics.prom")).expect("metrics");
    let moment = |name: &str| -> i64 {
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.expect(name).parse().expect("a number")
    };
    // Nobody knows when the next single round comes: servers want it within `max-age`.
    let written = moment("cvdns_monitor_feed_written_seconds");
    assert_eq!(moment("cvdns_monitor_feed_overdue_seconds"), written + 2000 * 3600);
    for line in [
        "cvdns_monitor_mirrors{state=\"up\"} 3",
        "cvdns_monitor_mirrors{state=\"down\"} 1",
        "cvdns_monitor_checks_total{found=\"dead\"} 1",
        "cvdns_monitor_address_up{mirror=\"m4.example\",address=\"127.0.3.4\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

#[test]
fn what_it_is_told_wrong_is_exit_status_1_or_2() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let files = network::files(&fleet(), ports::free(), "intervall = \"1h\"");
    network::place(&files, dir);
    let says = |status: i32, words: &str| {
        let output = run(dir, &["--once"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{error}");
        assert!(error.contains(words), "{words}: {error}");
    };
    says(1, "did you mean `interval`?");
    let config = files
        .text("cvdns.toml")
        .replace("intervall = \"1h\"", "")
        .replace("source = \"feed.json\"", "");
    network::place(&files.clone().with("cvdns.toml", config), dir);
    says(1, "there is no place for the feed");
    assert_eq!(run(dir, &["--twice"]).status.code(), Some(2));
}
