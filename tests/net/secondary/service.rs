//! When a zone is served and when not.

use super::primary::{AXFR, IXFR, Primary, Zone, serves, serves_with_differences, www};
use super::{
    ORIGIN, ask, copy, extended_error, files, metrics, notify, status, until_served, until_told,
    zone_file, zone_status,
};
use crate::support::daemon::Daemon;
use crate::support::reply::Record;
use crate::support::{fixture, http, ports, rr};

/// RFC 8914 section 4.15, Not Ready, and 4.25, Invalid Data.
const NOT_READY: Option<u16> = Some(14);
const INVALID_DATA: Option<u16> = Some(24);

#[test]
fn a_zone_is_served_from_its_first_transfer_on_and_at_once_after_a_restart() {
    let (port, admin) = (ports::free(), ports::free());
    let mut daemon = Daemon::start(&files(&zone_file(&[port]), admin));
    let www_name = format!("www.{ORIGIN}");
    for (owner, rtype) in
        [(ORIGIN, rr::SOA), (ORIGIN, rr::ANY), (&*www_name, rr::A), ("a.b.z.example", rr::TXT)]
    {
        let reply = ask(&daemon, owner, rtype);
        assert_eq!((reply.rcode(), extended_error(&reply)), (rr::SERVFAIL, NOT_READY), "{owner}");
        assert!(!reply.has(crate::support::packet::AA), "no authority over what is not there");
    }
    assert_eq!(ask(&daemon, "other.example", rr::A).rcode(), rr::REFUSED);
    assert_eq!(http::get(admin, "/readyz").0, 503);
    daemon.until("the failure is told", || {
        zone_status(admin)["complaint"].as_str().is_some_and(|said| said.contains("SERVFAIL"))
    });
    let told = zone_status(admin);
    assert_eq!(told["state"], "not-transferred");
    assert_eq!(told["serial"], serde_json::Value::Null);
    assert!(status(admin)["not_ready"][0].as_str().unwrap().contains("not been transferred"));

    let first = Zone::new(ORIGIN, 7);
    let primary = Primary::start(port, serves(first.clone()));
    until_served(&daemon, 7);
    until_told(&daemon, admin, 7);
    assert_eq!(http::get(admin, "/readyz").0, 200);
    daemon.wait_for_log(0, &["serial 7 of the zone z.example is in force", "by axfr"]);
    let reply = ask(&daemon, ORIGIN, rr::SOA);
    assert_eq!(reply.rdata(rr::SOA), [first.soa().rdata]);
    assert!(reply.has(crate::support::packet::AA));
    // The copy is a master file that says what was transferred.
    let text = copy(&daemon);
    assert!(
        text.starts_with("; The zone z.example, serial 7, transferred from 127.0.0.1:"),
        "{text}"
    );
    assert!(text.contains("www.z.example. 300 IN A 198.51.100.7\n"), "{text}");
    let told = zone_status(admin);
    assert_eq!((&told["state"], &told["serial"]), (&"served".into(), &7.into()));
    assert_eq!(told["transfers"]["axfr"], 1);
    assert!(metrics(admin).contains("cvdns_transferred_zone_serial{zone=\"z.example\"} 7\n"));

    // Differences, once the primary says that there are some.
    primary.asked();
    let mut second = Zone::new(ORIGIN, 8);
    second.records.push(Record::new("new.z.example", 60, rr::TXT, rr::txt(&[b"a", b"\"b;"])));
    primary.does(serves_with_differences(second.clone(), Some(first)));
    assert_eq!(notify(&daemon, ORIGIN), (rr::NOERROR, 0xa400), "QR, opcode 4, AA");
    until_served(&daemon, 8);
    assert_eq!(primary.asked(), [rr::SOA, IXFR]);
    assert_eq!(ask(&daemon, "new.z.example", rr::TXT).rdata(rr::TXT), [rr::txt(&[b"a", b"\"b;"])]);
    until_told(&daemon, admin, 8);
    assert_eq!(zone_status(admin)["transfers"]["ixfr"], 1);
    // IXFR leads to the same copy as AXFR does.
    let lines = |text: String| text.lines().skip(2).map(str::to_owned).collect::<Vec<_>>();
    let by_ixfr = lines(copy(&daemon));
    drop(primary);

    // Killed and started again without its primary.
    daemon.kill();
    daemon.start_again();
    assert_eq!(ask(&daemon, &www_name, rr::A).rdata(rr::A), [www(8)]);
    assert_eq!(zone_status(admin)["state"], "served");
    let primary = Primary::start(port, serves(Zone { serial: 9, ..second }));
    notify(&daemon, ORIGIN);
    daemon.wait_for_log(0, &["serial 9 of the zone z.example is in force", "by axfr"]);
    assert_eq!(primary.asked(), [rr::SOA, IXFR, AXFR], "no differences, so the whole zone");
    let by_axfr = lines(copy(&daemon));
    assert_eq!(by_axfr[1..], by_ixfr[1..], "apart from the SOA record");
}

#[test]
fn a_zone_expires_across_restarts_and_is_served_again_once_it_is_confirmed() {
    let (port, admin) = (ports::free(), ports::free());
    let timers = [2, 1, 3, 60];
    let zone = Zone::new(ORIGIN, 7).timers(timers);
    let primary = Primary::start(port, serves(zone.clone()));
    let mut daemon = Daemon::start(&files(&zone_file(&[port]), admin));
    until_served(&daemon, 7);
    // As long as the primary confirms it, it does not expire.
    daemon.until("confirmed", || {
        let series = "cvdns_transferred_zone_confirmations_total{zone=\"z.example\"}";
        http::samples(&metrics(admin))[series] >= 3.0
    });
    assert_eq!(ask(&daemon, ORIGIN, rr::SOA).rcode(), rr::NOERROR);
    drop(primary);
    daemon.until("expired", || ask(&daemon, ORIGIN, rr::SOA).rcode() == rr::SERVFAIL);
    assert_eq!(extended_error(&ask(&daemon, "x.y.z.example", rr::A)), INVALID_DATA);
    daemon.wait_for_log(0, &["the zone z.example is expired"]);
    // It is said a moment before the status has it.
    daemon.until("expired in the status", || zone_status(admin)["state"] == "expired");
    assert_eq!(http::get(admin, "/readyz").0, 503);
    assert!(
        metrics(admin)
            .contains("cvdns_transferred_zone_state{zone=\"z.example\",state=\"expired\"} 1\n")
    );
    daemon.kill();
    daemon.start_again();
    assert_eq!(ask(&daemon, ORIGIN, rr::SOA).rcode(), rr::SERVFAIL);
    // The same version, confirmed, needs no transfer.
    let primary = Primary::start(port, serves(zone));
    until_served(&daemon, 7);
    daemon.wait_for_log(0, &["no longer expired"]);
    assert!(primary.asked().iter().all(|qtype| *qtype == rr::SOA));
    daemon.until("ready", || http::get(admin, "/readyz").0 == 200);
}

/// Names with mirrors go with the zone: without its SOA record nobody knows its negative answers.
#[test]
fn names_with_mirrors_are_served_and_expire_with_their_zone() {
    let (port, admin) = (ports::free(), ports::free());
    let files = fixture::files();
    let text = files.text("clam.toml").to_owned();
    let line = text.lines().find(|line| line.starts_with("records")).expect("records");
    let table = format!("records = {{ primary = \"127.0.0.1:{port}\" }}");
    let config = files.text("cvdns.toml").to_owned();
    let config = format!("{config}\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n");
    let state = "[feed]\nstate = \"state\"";
    assert!(config.contains("[feed]"), "{config}");
    let config = if config.contains("state =") { config } else { config.replace("[feed]", state) };
    let files = files.with("clam.toml", text.replace(line, &table)).with("cvdns.toml", config);
    let daemon = Daemon::start(&files);
    let name = "db.de.clam.example";
    assert_eq!(extended_error(&ask(&daemon, name, rr::A)), NOT_READY);
    let _primary = Primary::start(port, serves(Zone::new(fixture::ORIGIN, 7)));
    daemon.until("served", || ask(&daemon, name, rr::A).rcode() == rr::NOERROR);
    assert!(!ask(&daemon, name, rr::A).rdata(rr::A).is_empty());
}

/// A zone without data hides neither zones below it nor zones above.
#[test]
fn other_zones_are_served_beside_one_that_is_not() {
    let (port, admin) = (ports::free(), ports::free());
    let files = files(&zone_file(&[port]), admin);
    let config = files.text("cvdns.toml").replace(
        "{ file = \"z.toml\" }",
        "{ file = \"z.toml\" }, { file = \"kid.toml\" }, { file = \"top.toml\" }",
    );
    let zone =
        |origin: &str| format!("format = 1\norigin = \"{origin}\"\nrecords = \"some.zone\"\n");
    let records = "@ 60 SOA ns.a. h.a. 1 2 3 4 60\n@ 60 NS ns.a.\nwww 60 A 192.0.2.1\n";
    let files = files
        .with("cvdns.toml", config)
        .with("kid.toml", zone("kid.z.example"))
        .with("top.toml", zone("example"))
        .with("some.zone", records);
    let daemon = Daemon::start(&files);
    for (owner, rtype, rcode) in [
        ("www.kid.z.example", rr::A, rr::NOERROR),
        ("kid.z.example", rr::SOA, rr::NOERROR),
        ("none.kid.z.example", rr::A, rr::NXDOMAIN),
        ("www.example", rr::A, rr::NOERROR),
        // The parent answers for DS (RFC 4035 section 3.1.4.1).
        ("kid.z.example", rr::DS, rr::SERVFAIL),
        ("z.example", rr::DS, rr::NOERROR),
        ("z.example", rr::NS, rr::SERVFAIL),
        ("other.z.example", rr::A, rr::SERVFAIL),
        ("_explain.www.z.example", rr::TXT, rr::SERVFAIL),
    ] {
        assert_eq!(ask(&daemon, owner, rtype).rcode(), rcode, "{owner} {rtype}");
    }
    let _primary = Primary::start(port, serves(Zone::new(ORIGIN, 7)));
    until_served(&daemon, 7);
    assert_eq!(ask(&daemon, "kid.z.example", rr::DS).rcode(), rr::NOERROR);
}

/// What exports and other commands make of zones of primaries.
#[test]
fn exports_are_made_of_the_copy() {
    let (port, admin) = (ports::free(), ports::free());
    let files = files(&zone_file(&[port]), admin);
    let export = |dir: &std::path::Path| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"))
            .args(["export", "bind", "--out", "out", "--config", "cvdns.toml"])
            .current_dir(dir)
            .output()
            .expect("export");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let dir = tempfile::tempdir().expect("a directory");
    files.write(dir.path(), ports::free());
    let (code, said) = export(dir.path());
    assert!(code == Some(1) && said.contains("z.example has not been transferred"), "{said}");
    let _primary = Primary::start(port, serves(Zone::new(ORIGIN, 7)));
    let daemon = Daemon::start(&files);
    until_served(&daemon, 7);
    let (code, said) = export(daemon.path());
    assert_eq!(code, Some(0), "{said}");
    let text = std::fs::read_to_string(daemon.path().join("out/current/zones/z.example.zone"));
    assert!(text.expect("the export").contains("www.z.example. 300 IN A 198.51.100.7"));
}

/// A reload keeps what was transferred, and takes a copy that was changed by hand or removed for
/// what it is.
#[test]
fn a_reload_keeps_the_records_and_reads_a_copy_that_was_replaced() {
    let (port, admin) = (ports::free(), ports::free());
    let primary = Primary::start(port, serves(Zone::new(ORIGIN, 7)));
    let daemon = Daemon::start(&files(&zone_file(&[port]), admin));
    until_served(&daemon, 7);
    drop(primary);
    let reload = |daemon: &Daemon| {
        let before = daemon.log().len();
        daemon.sighup();
        daemon.wait_for_log(before, &["reloaded "]);
    };
    reload(&daemon);
    until_served(&daemon, 7);
    let changed = copy(&daemon).replace("198.51.100.7", "198.51.100.77");
    daemon.write_file(&format!("state/{ORIGIN}.zone"), &changed);
    reload(&daemon);
    assert_eq!(ask(&daemon, "www.z.example", rr::A).rdata(rr::A), [www(77)]);
    // A damaged copy is as good as none.
    daemon.write_file(&format!("state/{ORIGIN}.zone"), "nonsense\n");
    reload(&daemon);
    assert_eq!(ask(&daemon, "www.z.example", rr::A).rcode(), rr::SERVFAIL);
    daemon.wait_for_log(0, &["the copy of the zone z.example cannot be used"]);
}

#[test]
fn the_next_primary_is_asked_where_one_fails() {
    let (first, second, admin) = (ports::free(), ports::free(), ports::free());
    let _primary = Primary::start(second, serves(Zone::new(ORIGIN, 7)));
    let daemon = Daemon::start(&files(&zone_file(&[first, second]), admin));
    until_served(&daemon, 7);
    daemon.until("the failure is told", || {
        let said = zone_status(admin)["complaint"].as_str().unwrap_or_default().to_owned();
        said.contains(&format!("127.0.0.1:{first}: it cannot be connected to"))
    });
    assert_eq!(zone_status(admin)["failures"]["connect"], 1);
    assert_eq!(http::get(admin, "/readyz").0, 200);
}

#[test]
fn check_reads_the_copy_and_says_what_is_missing() {
    let (port, admin) = (ports::free(), ports::free());
    let files = files(&zone_file(&[port]), admin);
    let check = |dir: &std::path::Path| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"))
            .args(["check", "--config", "cvdns.toml"])
            .current_dir(dir)
            .output()
            .expect("check");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let dir = tempfile::tempdir().expect("a directory");
    files.write(dir.path(), ports::free());
    let (code, said) = check(dir.path());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the zone z.example has not been transferred yet"), "{said}");

    let primary = Primary::start(port, serves(Zone::new(ORIGIN, 7)));
    let daemon = Daemon::start(&files);
    until_served(&daemon, 7);
    let (code, said) = check(daemon.path());
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("transferred yet") && !said.contains("expired"), "{said}");
    let note = format!("state/{ORIGIN}.zone.json");
    let text = std::fs::read_to_string(daemon.path().join(&note)).expect("the note");
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    value["checked"] = "2026-01-01T00:00:00Z".into();
    drop(primary);
    let dir = daemon.path().to_owned();
    std::fs::write(dir.join(&note), value.to_string()).expect("the note");
    let (code, said) = check(&dir);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("is expired: it was last confirmed at 2026-01-01T00:00:00Z"), "{said}");

    let wrong = |zone: &str, config: Option<&str>| {
        let dir = tempfile::tempdir().expect("a directory");
        let files = files.clone().with("z.toml", zone);
        let text = files.text("cvdns.toml").to_owned();
        let files = match config {
            Some(from) => files.with("cvdns.toml", text.replace(from, "")),
            None => files,
        };
        files.write(dir.path(), ports::free());
        check(dir.path())
    };
    let head = format!("format = 1\norigin = \"{ORIGIN}\"\n");
    for (records, config, words) in [
        ("{ primary = \"192.0.2.7\" }", Some("state = \"state\""), "`state = \"state\"` in [feed]"),
        (
            "{ primary = \"192.0.2.7\", key = \"k\" }",
            None,
            "there is no key k in the files of `keys`",
        ),
        ("{ primary = \"primary.example\" }", None, "this is no address"),
        ("{ primary = \"192.0.2.7:0\" }", None, "nobody listens on port 0"),
        ("{ primary = \"0.0.0.0\" }", None, "not the address of a host"),
        ("{ primary = [] }", None, "the zone has no primary"),
        ("{ primary = [\"192.0.2.7\"], keys = \"k\" }", None, "unknown key `keys`"),
        ("{ key = \"k\" }", None, "`records` has no `primary`"),
        ("7", None, "`records` is an integer"),
    ] {
        let (code, said) = wrong(&format!("{head}records = {records}\n"), config);
        assert!(code == Some(1) && said.contains(words), "{records}: {said}");
    }
    let (code, said) = wrong(
        &format!("{head}records = {{ primary = [\"192.0.2.7\", \"192.0.2.7:53\"] }}\n"),
        None,
    );
    assert!(code == Some(0) && said.contains("the primary 192.0.2.7 is given twice"), "{said}");
}
