//! The whole chain in network namespaces: seven monitors in seven of them, one of which is cut off
//! and one of which lies, mirrors on nginx, a coordinator, and three servers, each asked by dig.

use super::network::{self, Mirror, ORIGIN, QUICK, command, fill, mirror};
use super::several::{Key, Process, explained, member};
use super::web::Nginx;
use crate::support::left_out::leave_out;
use crate::support::{PATIENCE, tools};
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Set inside the namespaces.
const INSIDE: &str = "CVDNS_TEST_INSIDE";

const MIRRORS: usize = 6;
const PORT: u16 = 80;
/// Where the servers are that the liar looks at: all of them are well.
const ELSEWHERE: u16 = 81;

const MONITORS: [(&str, &str); 7] = [
    ("fra1", "DE"),
    ("par1", "FR"),
    ("nyc1", "US"),
    ("gru1", "BR"),
    ("syd1", "AU"),
    ("liar", "NL"),
    ("lone", "JP"),
];

fn mirror_ip(n: usize) -> String {
    format!("10.77.100.{n}")
}

fn fleet() -> Vec<Mirror> {
    (1..=MIRRORS).map(|n| mirror(&format!("m{n}.example"), &mirror_ip(n))).collect()
}

fn ip(arguments: &str) {
    tools::output(tools::tool_of("ip", "install iproute2").args(arguments.split(' ')));
}

/// A network namespace that is joined to this one, held by a process.
struct Place {
    holder: Child,
    number: usize,
}

impl Place {
    fn new(number: usize) -> Self {
        let mut command = tools::tool_of("unshare", "install util-linux");
        let holder = command.args(["--net", "sleep", "infinity"]).spawn().expect("a namespace");
        let place = Self { holder, number };
        let own = fs::read_link("/proc/self/ns/net").expect("a namespace");
        let of = format!("/proc/{}/ns/net", place.holder.id());
        until("a namespace", Path::new("/"), || fs::read_link(&of).is_ok_and(|of| of != own));
        let pid = place.holder.id();
        ip(&format!("link add out{number} type veth peer name in{number}"));
        ip(&format!("link set in{number} netns {pid}"));
        ip(&format!("addr add 10.77.{number}.1/24 dev out{number}"));
        ip(&format!("link set out{number} up"));
        for arguments in [
            format!("addr add 10.77.{number}.2/24 dev in{number}"),
            format!("link set in{number} up"),
            format!("route add default via 10.77.{number}.1"),
        ] {
            tools::output(place.enter("ip").args(arguments.split(' ')));
        }
        place
    }

    /// A program in the namespace.
    fn enter(&self, program: &str) -> Command {
        let mut command = tools::tool_of("nsenter", "install util-linux");
        command.args(["-t", &self.holder.id().to_string(), "-n", "--", program]);
        command
    }

    /// Cuts it off.
    fn isolate(&self) {
        ip(&format!("link set out{} down", self.number));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A program in a namespace that is ended when dropped.
fn started(mut command: Command, dir: &Path) -> Process {
    let log = fs::File::options().create(true).append(true).open(dir.join("monitor.log"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.expect("its log"));
    Process(command.spawn().expect("it started"))
}

fn until(what: &str, dir: &Path, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        let log = fs::read_to_string(dir.join("monitor.log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "not in time: {what}\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn web(dir: &Path, name: &str, numbers: &[usize], port: u16) -> Nginx {
    let root = dir.join("www");
    fill(&root, &jiff::Timestamp::now().to_string(), [63, 28_129, 339]);
    let address = |n: &usize| SocketAddr::new(mirror_ip(*n).parse().expect("an address"), port);
    let served: Vec<_> = numbers.iter().map(|n| (address(n), root.clone())).collect();
    Nginx::start(&dir.join(name), ORIGIN, &served)
}

/// What dig is answered by a server, from a monitor's namespace.
fn dig(place: &Place, server: usize, arguments: &[&str]) -> String {
    let server = format!("@10.77.200.{server}");
    let mut command = place.enter("dig");
    command.args([&server, "+short", "+time=1", "+tries=1"]).args(arguments);
    String::from_utf8_lossy(&command.output().expect("dig runs").stdout).into_owned()
}

fn answered(place: &Place, server: usize) -> BTreeSet<String> {
    let name = format!("db.de.{ORIGIN}");
    dig(place, server, &[&name, "A"]).lines().map(str::to_owned).collect()
}

fn addresses(numbers: &[usize]) -> BTreeSet<String> {
    numbers.iter().map(|n| mirror_ip(*n)).collect()
}

/// Three servers that follow the coordinator's feed.
fn servers(all: &Path, feed: &Path) -> Vec<Process> {
    let server = |number: usize| {
        let dir = all.join(format!("ns{number}"));
        fs::create_dir_all(&dir).expect("a directory");
        network::place(&network::files(&fleet(), PORT, ""), &dir);
        let config = fs::read_to_string(dir.join("cvdns.toml")).expect("a configuration");
        let config = config.replace("feed.json", &feed.display().to_string());
        fs::write(dir.join("cvdns.toml"), config).expect("a configuration");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
        let listen = format!("10.77.200.{number}:53");
        command.args(["serve", "--listen", &listen, "--config"]).arg(dir.join("cvdns.toml"));
        command.current_dir(&dir).env_remove("CVDNS_LOG");
        started(command, &dir)
    };
    (1..=3).map(server).collect()
}

fn chain() {
    ip("link set lo up");
    let servers_and_mirrors = (1..=MIRRORS).map(mirror_ip);
    for address in servers_and_mirrors.chain((1..=3).map(|n| format!("10.77.200.{n}"))) {
        ip(&format!("addr add {address}/32 dev lo"));
    }
    let places_of = tempfile::tempdir().expect("a directory");
    let all = places_of.path();
    let numbers: Vec<usize> = (1..=MIRRORS).collect();
    let _well = web(all, "well", &[1, 2, 4, 5, 6], PORT);
    let mut third = Some(web(all, "third", &[3], PORT));
    let _elsewhere = web(all, "elsewhere", &numbers, ELSEWHERE);

    let mut places = Vec::new();
    let (mut monitors, mut sections) = (Vec::new(), String::new());
    for (number, (name, country)) in MONITORS.into_iter().enumerate() {
        let place = Place::new(number + 1);
        let dir = all.join(name);
        let key = Key::new(&dir);
        let port = if name == "liar" { ELSEWHERE } else { PORT };
        let settings = format!(
            "{QUICK}name = \"{name}\"\nsecret-key = \"key\"\nreport = \"report.json\"\n\
             interval = \"4s\"\nretry-interval = \"1s\"\nconfirm = 2\npublish-every = \"1s\"\n"
        );
        network::place(&network::files(&fleet(), port, &settings), &dir);
        let report = dir.join("report.json").display().to_string();
        let own = format!("addresses = [\"10.77.{}.2\"]", number + 1);
        sections += &member(name, &report, &key, country, &own);
        let inner = command(&dir, &["--report"]);
        let mut outer = place.enter(env!("CARGO_BIN_EXE_cvdns"));
        outer.args(inner.get_args()).current_dir(&dir).env_remove("CVDNS_LOG");
        monitors.push(started(outer, &dir));
        places.push(place);
    }
    let dir: PathBuf = all.join("coordinator");
    fs::create_dir_all(&dir).expect("a directory");
    let settings = format!(
        "{QUICK}combine-interval = \"1s\"\nretry-interval = \"1s\"\npublish-every = \"1s\"\n{sections}"
    );
    network::place(&network::files(&fleet(), PORT, &settings), &dir);
    let _coordinator = Process::start(&dir, "--combine");
    until("the first feed", &dir, || dir.join("feed.json").exists());
    let _servers = servers(all, &dir.join("feed.json"));
    let everywhere = |expected: &[usize]| {
        (1..=3).all(|server| answered(&places[0], server) == addresses(expected))
    };
    until("all three servers answer all mirrors", &dir, || everywhere(&numbers));

    let log = || fs::read_to_string(dir.join("monitor.log")).unwrap_or_default();
    places[6].isolate();
    until("the one that is cut off has no vote", &dir, || {
        log().contains("lone has no vote on IPv4")
    });
    assert!(everywhere(&numbers), "{}", log());
    third.take();
    until("m3 is answered nowhere", &dir, || everywhere(&[1, 2, 4, 5, 6]));
    let name = format!("_pool.db.de.{ORIGIN}");
    for server in 1..=3 {
        let said = dig(&places[1], server, &["+tcp", &name, "TXT"]);
        assert!(said.contains("m3.example DE: ") && said.contains("down since"), "{said}");
    }
    until("it is said who saw it", &dir, || {
        let said = explained(&dir);
        said.contains("down since ")
            && said.contains(": 5 of 6 monitors: ")
            && said.contains("NL disagrees")
    });
    third = Some(web(all, "third", &[3], PORT));
    until("m3 is answered everywhere", &dir, || everywhere(&numbers));
    assert!(!log().contains("frozen: "), "{}", log());
    drop(third);
}

#[test]
fn seven_monitors_in_seven_places_and_three_servers() {
    if std::env::var_os(INSIDE).is_some() {
        return chain();
    }
    let name = "monitor::several_places::seven_monitors_in_seven_places_and_three_servers";
    if !nix::unistd::geteuid().is_root() {
        return leave_out(name, "only root makes such namespaces", false);
    }
    let apart = || {
        let mut command = tools::tool_of("unshare", "install util-linux");
        let own = ["--net", "--mount", "--propagation", "private", "--pid", "--fork"];
        command.args(own).args(["--kill-child", "--mount-proc"]);
        command
    };
    let tried = apart().args(["ip", "link", "set", "lo", "up"]).output().expect("unshare runs");
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
        return leave_out(name, &format!("no namespaces can be made here: {why}"), false);
    }
    let mut command = apart();
    command.arg(std::env::current_exe().expect("this test"));
    let inner = command.args([name, "--exact", "--nocapture"]).env(INSIDE, "1").output();
    let inner = inner.expect("the test runs again");
    let said = String::from_utf8_lossy(&[inner.stdout, inner.stderr].concat()).into_owned();
    assert!(inner.status.success() && said.contains("1 passed"), "{said}");
}
