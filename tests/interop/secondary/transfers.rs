//! First transfers, changes, and what is left when either side is killed.

use super::servers::{BOTH, Hidden, KEY, Kind, compiled, key};
use super::{ORIGIN, ask, files, until_served, until_told, zone, zone_status};
use crate::support::daemon::Daemon;
use crate::support::{ports, rr};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn copy(daemon: &Daemon) -> PathBuf {
    daemon.path().join(format!("state/{ORIGIN}.zone"))
}

/// The copy has the records of this text.
fn must_be(daemon: &Daemon, text: &str, what: &str) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("the zone");
    let (found, expected) = (compiled(ORIGIN, &copy(daemon)), compiled(ORIGIN, file.path()));
    assert!(!found.is_empty());
    assert_eq!(found, expected, "{what}");
}

/// Lines of a version: some stay, some change, some go and come again.
fn lines(serial: u32) -> String {
    let mut out = String::new();
    for number in 0..40u32 {
        // Of eight lines one changes: BIND sends no differences that are larger than the zone.
        let serial = serial.saturating_sub((serial + number) % 8);
        let mixed = serial.wrapping_mul(2_654_435_761).wrapping_add(number.wrapping_mul(40_503));
        match mixed / 7 % 5 {
            0 => {}
            1 => writeln!(out, "h{number} A 198.51.100.{}", mixed / 3 % 200 + 1).expect("a line"),
            2 => writeln!(out, "h{number} {} MX 10 h{number}.mx", 60 + serial % 3).expect("a line"),
            _ => writeln!(out, "h{number} TXT \"n {number}\" \"a;b\\\"\"").expect("a line"),
        }
    }
    out
}

#[test]
fn every_change_arrives_by_differences() {
    for kind in BOTH {
        let (port, admin) = (ports::free(), ports::free());
        let key = key(KEY, "hmac-sha256");
        let first = zone(1, &lines(1));
        let hidden = Hidden::start(kind, (ORIGIN, &first), &key, port);
        let daemon = Daemon::start_on(port, &files(hidden.port, &key, admin));
        until_served(&daemon, 1);
        must_be(&daemon, &first, &format!("{kind:?}: the first transfer"));
        for serial in 2..=12 {
            let text = zone(serial, &lines(serial));
            hidden.change(&text);
            until_served(&daemon, serial);
            must_be(&daemon, &text, &format!("{kind:?}: serial {serial}"));
        }
        until_told(&daemon, admin, 12);
        let told = zone_status(admin);
        assert_eq!(told["transfers"]["axfr"], 1, "{kind:?}: {told}");
        assert_eq!(told["transfers"]["ixfr"], 11, "{kind:?}: {told}");
        assert_eq!(told["complaint"], serde_json::Value::Null, "{told}");
        daemon.wait_for_log(0, &["serial 12 of the zone z.example is in force", "by ixfr"]);
    }
}

/// A zone of some megabytes, and one with every type that BIND knows.
#[test]
fn large_and_rare_zones_arrive_whole() {
    let mut large = String::new();
    for number in 0..20_000 {
        writeln!(large, "n{number} TXT \"{}\"", "x".repeat(100)).expect("a line");
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/static_zones");
    let rare = std::fs::read_to_string(project.join("types.test.zone")).expect("the zone");
    for (origin, text) in [(ORIGIN, zone(1, &large)), ("types.test", rare)] {
        for kind in BOTH {
            if kind == Kind::Knot && origin != ORIGIN {
                // Knot does not know some types by name.
                continue;
            }
            let (port, admin) = (ports::free(), ports::free());
            let key = key(KEY, "hmac-sha512");
            let hidden = Hidden::start(kind, (origin, &text), &key, port);
            let files = files(hidden.port, &key, admin);
            let zone = files.text("z.toml").replace(ORIGIN, origin);
            let daemon = Daemon::start_on(port, &files.with("z.toml", zone));
            daemon.until("served", || ask(&daemon, origin, rr::SOA).rcode() == rr::NOERROR);
            let copy = daemon.path().join(format!("state/{origin}.zone"));
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), &text).expect("the zone");
            assert_eq!(compiled(origin, &copy), compiled(origin, file.path()), "{kind:?} {origin}");
        }
    }
}

#[test]
fn either_side_may_be_killed() {
    for kind in BOTH {
        let (port, admin) = (ports::free(), ports::free());
        let key = key(KEY, "hmac-sha384");
        let mut hidden = Hidden::start(kind, (ORIGIN, &zone(1, &lines(1))), &key, port);
        let mut daemon = Daemon::start_on(port, &files(hidden.port, &key, admin));
        until_served(&daemon, 1);
        for serial in 2..8 {
            if serial % 2 == 1 {
                hidden.kill();
                hidden.run();
            }
            hidden.change(&zone(serial, &lines(serial)));
            if serial % 2 == 0 {
                // In the midst of whatever it does.
                std::thread::sleep(std::time::Duration::from_millis(u64::from(serial) * 7));
                daemon.kill();
                daemon.start_again();
                // What is there is whole, the version before or the one now.
                let served = ask(&daemon, "serial.z.example", rr::TXT).rdata(rr::TXT);
                let texts = [serial - 1, serial].map(|serial| serial.to_string());
                let texts = texts.map(|text| rr::txt(&[text.as_bytes()]));
                assert!(texts.contains(&served[0]), "{kind:?} {serial}: {served:?}");
            }
            until_served(&daemon, serial);
            must_be(&daemon, &zone(serial, &lines(serial)), &format!("{kind:?}: serial {serial}"));
        }
    }
}

/// A version that does not fit the names of the zone file, which the primary does not know.
#[test]
fn a_version_that_is_no_zone_changes_nothing() {
    let (port, admin) = (ports::free(), ports::free());
    let key = key(KEY, "hmac-sha256");
    let first = zone(1, "a A 192.0.2.1\n");
    let hidden = Hidden::start(Kind::Bind, (ORIGIN, &first), &key, port);
    let files = files(hidden.port, &key, admin);
    let zone_file = files.text("z.toml").to_owned() + "[[name]]\nowner = \"*.ping\"\nping = true\n";
    let daemon = Daemon::start_on(port, &files.with("z.toml", zone_file));
    until_served(&daemon, 1);
    // A name that the zone file has too.
    hidden.change(&zone(2, "*.ping A 192.0.2.2\n"));
    daemon.until("the reason is told", || {
        let said = zone_status(admin)["complaint"].as_str().unwrap_or_default().to_owned();
        said.contains("*.ping.z.example") && said.contains("serial 1 is served until")
    });
    until_served(&daemon, 1);
    must_be(&daemon, &first, "the copy stays");
    hidden.change(&zone(3, "a A 192.0.2.3\n"));
    until_served(&daemon, 3);
}
