//! Coordinators that publish: one at a time, and only what is newer.

use super::network::{Network, command, feed_without, text, until_without};
use crate::support;

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::daemon::Daemon;
use support::fixture::{self, states};

/// A coordinator that goes on publishing the feed of its directory.
struct Coordinator {
    child: Child,
    dir: tempfile::TempDir,
}

impl Coordinator {
    fn start(network: &Network) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        network.files("", "[monitor]\nfeed = \"feed.json\"").write(dir.path(), 0);
        let _ = std::fs::remove_file(dir.path().join("feed.json"));
        let child = follow(dir.path());
        Self { child, dir }
    }

    fn start_again(&mut self) {
        self.child = follow(self.dir.path());
    }

    fn kill(&mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ended");
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn until_logged(&self, words: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.log().contains(words) {
            assert!(Instant::now() < deadline, "no {words:?} in {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(dir: &Path) -> Child {
    let log = File::options().create(true).append(true).open(dir.join("log")).expect("a log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(["feed", "publish", "--follow"]).current_dir(dir).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(log).spawn().expect("it runs")
}

/// A feed that is older than the published one, or has its serial and says something else.
#[test]
fn only_what_is_newer_is_published() {
    let network = Network::start();
    assert!(network.publish(1_001, "de1.example").contains("feed 1001 is published"));
    let again = network.command(&["feed", "publish", "feed.json"]);
    assert!(again.contains("was published in nats://"), "{again}");
    for (serial, host, says) in [
        (1_000, "de1.example", "feed 1001 is published, which is newer than 1000"),
        (1_001, "de2.example", "feed 1001 is published with other content"),
    ] {
        let told = network.publish(serial, host);
        assert!(told.contains("is not published") && told.contains(says), "{told}");
    }
    assert!(network.publish(1_002, "de2.example").contains("feed 1002 is published"));
    // What servers would refuse is not published either.
    let file = network.desk.path().join("feed.json");
    std::fs::write(&file, feed_without(1_003, "de1.example")).expect("a feed");
    let output = command(network.desk.path(), &["feed", "publish", "feed.json"]);
    let told = text(&output);
    assert!(told.contains("the feed would be refused") && !output.status.success(), "{told}");
    let output = command(network.desk.path(), &["feed", "publish", "nosuch.json"]);
    assert!(text(&output).contains("nosuch.json") && !output.status.success());
}

/// Two coordinators, which are killed in turn: the other one takes over, serials only rise, and the
/// last feed of each is not lost.
#[test]
fn of_two_coordinators_one_publishes_and_the_other_takes_over() {
    take_turns(1);
}

/// A coordinator that has stopped, or whose feed cannot be used, leaves the lease to the other one.
#[test]
fn a_coordinator_without_a_feed_leaves_it_to_the_other() {
    let network = Network::start();
    let server = Daemon::start(&network.files("", ""));
    let coordinators = [Coordinator::start(&network), Coordinator::start(&network)];
    let feed = |number: usize| coordinators[number].dir.path().join("feed.json");
    network.write_feed(&feed(0), 1_001, "de1.example");
    until_without(&server, "de1.example");
    network.write_feed(&feed(1), 1_002, "de2.example");
    coordinators[1].until_logged("this host stands by");
    std::fs::remove_file(feed(0)).expect("removed");
    until_without(&server, "de2.example");
    coordinators[0].until_logged("feed.json: No such file");
    // What is old is not what a coordinator has written that works.
    let old = fixture::feed_of(
        1_003,
        jiff::Timestamp::now() - jiff::SignedDuration::from_mins(16),
        &states(&[]),
    );
    std::fs::write(feed(0).with_extension("json.minisig"), network.sign("ours", &old))
        .expect("a file");
    std::fs::write(feed(0), old).expect("a feed");
    coordinators[0].until_logged("its coordinator has stopped");
    assert!(!coordinators[0].log().contains("feed 1003 is published"));
}

/// Where somebody else has put something in place of the feed, or the store was lost, the feed is
/// there again without a new one; what is newer stays.
#[test]
fn the_holder_of_the_lease_keeps_its_feed_published() {
    let mut network = Network::start();
    network.nats.kill();
    let coordinator = Coordinator::start(&network);
    let file = coordinator.dir.path().join("feed.json");
    network.write_feed(&file, 1_001, "de1.example");
    // It waits for NATS, whatever a command does.
    coordinator.until_logged("it is tried again");
    network.nats.start_again();
    let until = |network: &Network, text: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while network.published("feed").as_deref() != Some(text) {
            assert!(Instant::now() < deadline, "{}", coordinator.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let own = std::fs::read_to_string(&file).expect("the feed");
    until(&network, &own);
    network.put("feed", "no feed", None);
    until(&network, &own);
    let old = feed_without(1_000, "de2.example");
    network.put("feed", &old, Some(network.sign("ours", &old)));
    until(&network, &own);
    network.nats.spoil("feed");
    until(&network, &own);
    coordinator.until_logged("feed 1001 is published in nats://");
    coordinator.until_logged(" again: it was gone, or replaced by what servers would not take");
    network.nats.kill();
    network.nats.lose_store();
    network.nats.start_again();
    network.command(&["nats", "set-up"]);
    until(&network, &own);
    let new = feed_without(1_002, "de2.example");
    network.put("feed", &new, Some(network.sign("ours", &new)));
    coordinator.until_logged("feed 1002 is published, which is newer than 1001");
    until(&network, &new);
}

/// Two coordinators that are killed in turn, for minutes.
#[test]
#[ignore = "takes 5 minutes: cargo test --test clients -- --ignored coordinators_take_turns"]
fn coordinators_take_turns() {
    take_turns(15);
}

fn take_turns(turns: usize) {
    let network = Network::start();
    let server = Daemon::start(&network.files("", ""));
    let mut coordinators = [Coordinator::start(&network), Coordinator::start(&network)];
    let hosts = ["de1.example", "de2.example", "de3.example"];
    let mut serial = 1_000;
    let mut publish = |coordinators: &[Coordinator; 2]| {
        serial += 1;
        let host = hosts[serial as usize % hosts.len()];
        for coordinator in coordinators {
            network.write_feed(&coordinator.dir.path().join("feed.json"), serial, host);
        }
        until_without(&server, host);
    };
    publish(&coordinators);
    let mut holder = 0;
    server.until("one of them says that it publishes", || {
        let says = |one: &Coordinator| one.log().contains("from now on");
        coordinators.iter().position(says).inspect(|number| holder = *number).is_some()
    });
    coordinators[1 - holder].until_logged("this host stands by");
    for _ in 0..turns {
        publish(&coordinators);
        coordinators[holder].kill();
        // The other one takes over when the lease has ended.
        publish(&coordinators);
        coordinators[holder].start_again();
        holder = 1 - holder;
        publish(&coordinators);
    }
    // Each feed in its turn, none of them twice, none after a newer one.
    let log = server.log();
    let taken = log.lines().filter_map(|line| {
        let (_, rest) = line.split_once("INFO feed ")?;
        rest.contains("is in force").then(|| rest.split(' ').next()?.parse::<u64>().ok())?
    });
    let taken: Vec<u64> = taken.collect();
    assert!(taken.is_sorted_by(|a, b| a < b) && taken.last() == Some(&serial), "{taken:?}");
    assert!(!log.contains("is lower than"), "{log}");
}
