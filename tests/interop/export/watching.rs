//! `--watch`: each change is exported and loaded, whatever ends or fails in between.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use super::answers::Outcome;
use super::checkers::check;
use super::exporting::{command, export, refused, serial, zone_files};
use super::servers::named;
use crate::support::fixture::{self, States, path, states, yields};
use crate::support::packet::Query;
use crate::support::{PATIENCE, rr, tools};

/// The fixture's files and an export of them.
struct Site {
    dir: tempfile::TempDir,
}

/// A running export.
struct Watch {
    child: Child,
    log: PathBuf,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        // Any feed is taken, whatever it takes away.
        let files = fixture::files();
        let config = files.text("cvdns.toml").replace("[feed]\n", "[feed]\nmax-loss = 1.0\n");
        files.with("cvdns.toml", config).write(dir.path(), 1);
        Self { dir }
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("cvdns.toml")
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn zone(&self, origin: &str) -> PathBuf {
        self.out().join(format!("current/zones/{origin}.zone"))
    }

    fn text(&self, origin: &str) -> String {
        fs::read_to_string(self.zone(origin)).expect("a zone file")
    }

    fn feed(&self, serial: u64, states: &States) {
        let new = self.dir.path().join("feed.json.new");
        fs::write(&new, fixture::feed(serial, states)).expect("the new feed");
        fs::rename(&new, self.dir.path().join("feed.json")).expect("the feed renamed");
    }

    fn watch(&self, more: &[&str]) -> Watch {
        let log = self.dir.path().join("log");
        let file = File::create(&log).expect("the log");
        let child = command(&self.config(), &self.out(), &["--watch"])
            .args(more)
            .stdout(file.try_clone().expect("the log twice"))
            .stderr(file)
            .spawn()
            .expect("the export started");
        Watch { child, log }
    }
}

impl Watch {
    fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log")
    }

    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < deadline, "not in time: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn until_logged(&self, words: &str) {
        self.until(words, || self.log().contains(words));
    }

    /// Ends it by SIGTERM.
    fn stop(mut self) {
        let status = tools::stop(&mut self.child).expect("it ends");
        assert!(status.success(), "{status}\n{}", self.log());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file's own number and when it was written.
fn identity(path: &Path) -> (u64, i64, i64) {
    let metadata = fs::metadata(path).expect("a file");
    (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
}

#[test]
fn a_hundred_changes_are_loaded_one_by_one() {
    let site = Site::new();
    export(&site.config(), &site.out(), &[]);
    let named = named(&site.out(), "");
    let rndc = tools::tool("rndc").get_program().to_string_lossy().into_owned();
    let reload = format!("{rndc} -c {}/rndc.conf reload {{zone}}", named.path().display());
    let watch = site.watch(&["--reload", &reload, "--reconfigure", ""]);
    let unchanged = (identity(&site.zone("short.example")), serial(&site.text("short.example")));
    assert_eq!(unchanged.1, 7, "a static zone has its master file's serial");
    let query = Query::new("db.de.big.clam.example", rr::A).edns(4096);
    let soa = Query::new("clam.example", rr::SOA).edns(4096);
    let mut before = serial(&site.text("clam.example"));
    let mut last = States::new();
    let (mut times, mut changes) = (Vec::new(), 0);
    for round in 0..100u64 {
        let started = Instant::now();
        // Each fourth feed says nothing new.
        if round % 4 == 3 {
            let was = identity(&site.zone("clam.example"));
            site.feed(2_000 + round, &last);
            watch.until_logged(&format!("feed {} of", 2_000 + round));
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(identity(&site.zone("clam.example")), was, "round {round}");
            continue;
        }
        let host = format!("de{}.example", round % 4 + 1);
        last = states(&[(&host, "down")]);
        let wanted = yields(&path("DE"), &last, false).0;
        site.feed(2_000 + round, &last);
        changes += 1;
        watch.until("named has it", || {
            let reply = crate::support::client::Client { port: named.port }
                .ask(crate::support::client::Transport::Udp4, &query);
            reply.rdata(rr::A).into_iter().collect::<BTreeSet<_>>() == wanted
        });
        times.push(started.elapsed());
        let now = serial(&site.text("clam.example"));
        assert!((1..1 << 31).contains(&now.wrapping_sub(before)), "{now} after {before}");
        let loaded = Outcome::asked(named.port, &soa);
        assert_eq!(format!("{loaded:?}").matches("TYPE6").count(), 1);
        before = now;
        assert_eq!(
            (identity(&site.zone("short.example")), serial(&site.text("short.example"))),
            unchanged
        );
    }
    times.sort();
    println!(
        "from the rename of a feed to its answers by BIND: median {:?}, longest {:?}",
        times[times.len() / 2],
        times[times.len() - 1]
    );
    // Exports that change nothing are none; the stamp may have changed meanwhile.
    let generation =
        fs::read_link(site.out().join("current")).expect("a link").display().to_string();
    let exports: u64 = generation.strip_prefix("gen-").expect("gen-").parse().expect("a number");
    assert!((changes + 1..=changes + 3).contains(&exports), "{exports} exports, {changes} changes");
    watch.stop();
}

/// A view's zone is loaded in that view alone.
#[test]
fn a_change_is_loaded_in_the_views_that_it_concerns() {
    let site = Site::new();
    let views = ["--views", "--acl", "prefixes"];
    export(&site.config(), &site.out(), &views);
    let named = named(&site.out(), "");
    let rndc = tools::tool("rndc").get_program().to_string_lossy().into_owned();
    let told = site.dir.path().join("told");
    let reload = format!(
        "sh -c 'echo \"$@\" >> {}; exec {rndc} -c {}/rndc.conf reload \"$@\"' sh {{zone}} IN {{view}}",
        told.display(),
        named.path().display()
    );
    let watch = site.watch(&[&views[..], &["--reload", &reload, "--reconfigure", ""]].concat());
    let lines = || fs::read_to_string(&told).unwrap_or_default();
    let all = zone_files(&site.out()).len();
    watch.until("all is loaded at the start", || lines().lines().count() == all);
    // 127.0.0.1 is in the US (an override): `db.local` is answered there along the path of the US.
    let last = states(&[("us1.example", "down")]);
    site.feed(2_000, &last);
    let wanted = yields(&path("US"), &last, false).0;
    let query = Query::new("db.local.clam.example", rr::A).edns(4096);
    watch.until("named has it", || {
        let client = crate::support::client::Client { port: named.port };
        let reply = client.ask(crate::support::client::Transport::Udp4, &query);
        reply.rdata(rr::A).into_iter().collect::<BTreeSet<_>>() == wanted
    });
    assert_eq!(wanted.len(), 39);
    // `db.us` stands in every view, the static zone was loaded at the start alone.
    watch.until("all views", || lines().lines().count() == all * 2 - 1);
    assert_eq!(lines().matches("short.example").count(), 1);
    watch.stop();
}

/// All that a reader follows from named.conf is there, and every zone is whole.
fn is_complete(out: &Path, owners: &BTreeSet<String>) {
    let config = fs::read_to_string(out.join("current/named.conf")).expect("named.conf");
    let files: Vec<&str> =
        config.lines().filter_map(|line| line.split_once("file \"")?.1.split('"').next()).collect();
    assert_eq!(files.len(), zone_files(out).len());
    assert!(files.iter().all(|file| Path::new(file).exists()), "{files:?}");
    let clam = fs::read_to_string(out.join("current/zones/clam.example.zone")).expect("the zone");
    assert_eq!(&owners_of(&clam), owners);
    assert!(clam.ends_with('\n'));
}

fn owners_of(text: &str) -> BTreeSet<String> {
    let records = text.lines().filter(|line| line.contains(" IN "));
    records.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn killed_at_any_moment_it_leaves_a_whole_export() {
    let site = Site::new();
    export(&site.config(), &site.out(), &[]);
    let owners = owners_of(&site.text("clam.example"));
    let current = || fs::read_link(site.out().join("current")).expect("a link");
    let (mut next, mut round) = (2_000, 0u64);
    while round < 30 || current() == Path::new("gen-1") {
        assert!(round < 300, "no export was completed");
        let mut watch = site.watch(&["--reload", "", "--reconfigure", ""]);
        // Moments that nobody chose: some before the first export, most within one. They are later
        // on a machine that has completed none by then.
        let moment = (20_000 + round * 7_919 % 31 * 9_000) * (1 + round / 30);
        let end = Instant::now() + Duration::from_micros(moment);
        while Instant::now() < end {
            site.feed(next, &states(&[(&format!("de{}.example", next % 3 + 1), "down")]));
            next += 1;
            std::thread::sleep(Duration::from_millis(3));
            is_complete_now(&site.out(), &owners);
        }
        watch.child.kill().expect("killed");
        watch.child.wait().expect("gone");
        is_complete(&site.out(), &owners);
        if round % 10 == 0 {
            check(&site.out());
        }
        round += 1;
    }
    // What was left over is removed with the next export.
    site.feed(next, &states(&[("fr1.example", "down")]));
    export(&site.config(), &site.out(), &[]);
    let mut left: Vec<String> = fs::read_dir(site.out())
        .expect("the directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    let current = current().display().to_string();
    assert_eq!(left, [".cvdns-export", "current", &current, "state"]);
}

/// What a reader finds while exports replace each other: it opens the zone once, as a name server
/// does.
fn is_complete_now(out: &Path, owners: &BTreeSet<String>) {
    let clam = fs::read_to_string(out.join("current/zones/clam.example.zone")).expect("the zone");
    assert_eq!(&owners_of(&clam), owners);
}

#[test]
fn a_command_that_fails_or_hangs_stops_nothing() {
    let site = Site::new();
    for (line, said) in [
        ("sh -c 'exit 3'", "`sh -c exit 3` ended with exit status: 3"),
        ("sleep 600", "`sleep 600` was ended after 300ms"),
        ("/nonexistent/rndc {zone}", "cannot be started"),
    ] {
        let watch =
            site.watch(&["--reload", line, "--reconfigure", "", "--reload-timeout", "300ms"]);
        watch.until_logged(said);
        watch.until_logged("tried again with the next change");
        for serial in [1u64, 2] {
            let host = format!("de{serial}.example");
            let before = site.text("clam.example");
            let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).expect("a time");
            site.feed(now, &states(&[(&host, "down")]));
            watch.until("exported all the same", || site.text("clam.example") != before);
        }
        // A command under way ends with it.
        watch.stop();
    }
}

#[test]
fn everything_is_read_again_and_a_feed_never_goes_back() {
    let site = Site::new();
    let told = site.dir.path().join("told");
    let tell = |what: &str| format!("sh -c 'echo \"$@\" >> {}' sh {what}", told.display());
    let commands = [tell("{zone}"), tell("reconfigured")];
    let start = || site.watch(&["--reload", &commands[0], "--reconfigure", &commands[1]]);
    let watch = start();
    // Zones are loaded several at once, behind a reconfiguration.
    let since = |seen: usize| {
        let text = fs::read_to_string(&told).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().skip(seen).map(str::to_owned).collect();
        let behind = usize::from(lines.first().is_some_and(|first| first == "reconfigured"));
        lines[behind..].sort();
        lines
    };
    let all = ["reconfigured", "clam.example", "short.example"];
    watch.until("all is loaded at the start", || since(0) == all);
    site.feed(5_000, &states(&[("de1.example", "down")]));
    watch.until("the feed", || since(3) == ["clam.example"]);
    let zone = fs::read_to_string(site.dir.path().join("short.zone")).expect("the master file");
    fs::write(
        site.dir.path().join("short.zone"),
        zone.replace(" 7 ", " 8 ") + "new IN A 192.0.2.77\n",
    )
    .expect("the master file");
    let mut config = fs::read_to_string(site.config()).expect("the configuration");
    config.push_str("[[zone]]\nfile = \"third.toml\"\n");
    fs::write(site.config(), config).expect("the configuration");
    fs::write(
        site.dir.path().join("third.toml"),
        "format = 1\norigin = \"third.example\"\nrecords = \"third.zone\"\n",
    )
    .expect("a zone");
    fs::write(
        site.dir.path().join("third.zone"),
        "$TTL 60\n@ SOA ns.a. h.a. 3 1 1 1 1\n@ NS ns.a.\n",
    )
    .expect("a zone");
    tools::signal(watch.child.id(), "HUP");
    watch.until("SIGHUP", || since(4) == ["reconfigured", "short.example", "third.example"]);
    assert_eq!((serial(&site.text("short.example")), serial(&site.text("third.example"))), (8, 3));

    let before = site.text("clam.example");
    site.feed(4_999, &States::new());
    watch.until_logged("is not taken");
    watch.stop();
    // Nor does it after a restart.
    let watch = start();
    watch.until_logged("is not taken");
    assert_eq!(site.text("clam.example"), before);
    let said = refused(&site.config(), &site.out(), &[]);
    assert!(said.contains("another export is writing"), "{said}");
    watch.stop();
}

#[test]
fn without_a_feed_all_mirrors_are_up_where_no_export_stands_yet() {
    let site = Site::new();
    fs::remove_file(site.dir.path().join("feed.json")).expect("no feed");
    let start = || site.watch(&["--reload", "", "--reconfigure", ""]);
    let watch = start();
    watch.until("exported", || site.zone("clam.example").exists());
    let text = site.text("clam.example");
    assert!(
        yields(&path("DE"), &States::new(), false).0.len() > 1
            && text.contains("db.de.big.clam.example. ")
    );
    watch.stop();
    // One that stands is the better answer.
    let watch = start();
    watch.until_logged("the last export stays in place until there is a feed");
    site.feed(2_000, &states(&[("de1.example", "down")]));
    watch.until("the feed", || site.text("clam.example") != text);
    assert_eq!(watch.log().matches("the last export stays in place until").count(), 1);
    watch.stop();
}
