//! What is asked for badly, and what the system does not let be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::answers::Outcome;
use super::checkers::check;
use super::exporting::{command, export, project, refused};
use super::servers::{knotd, named, nsd};
use crate::support::daemon::{Daemon, Files};
use crate::support::packet::Query;
use crate::support::rr;
use crate::support::tools::{output, tool, tool_of};

fn example() -> std::path::PathBuf {
    project().join("cvdns.toml")
}

/// All that is in a directory, links by where they lead.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).expect("a directory") {
            let path = entry.expect("an entry").path();
            let metadata = path.symlink_metadata().expect("metadata");
            let name = path.strip_prefix(dir).expect("inside").display().to_string();
            if metadata.is_symlink() {
                let target = fs::read_link(&path).expect("a link").display().to_string();
                all.insert(name, target.into_bytes());
            } else if metadata.is_dir() {
                open.push(path);
            } else {
                all.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    all
}

#[test]
fn a_directory_that_is_not_ours_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("precious"), "mine").expect("a file");
    let before = contents(dir.path());
    let said = refused(&example(), dir.path(), &[]);
    assert!(said.contains("was not made by an export: name a new or empty directory"), "{said}");
    assert_eq!(contents(dir.path()), before);
    let file = dir.path().join("precious");
    let said = refused(&example(), &file, &[]);
    assert!(said.contains("cannot create") && said.contains("precious"), "{said}");
    // A new one deep below, and an empty one, are taken.
    export(&example(), &dir.path().join("a/b/c"), &[]);
    let empty = tempfile::tempdir().expect("a directory");
    export(&example(), empty.path(), &[]);
    // The same again changes nothing.
    let before = contents(empty.path());
    let said = export(&example(), empty.path(), &[]);
    assert!(said.contains("0 changed"), "{said}");
    assert_eq!(contents(empty.path()), before);
}

/// A file system of its own that is full or read-only: said so, and the last export is what there
/// is.
#[test]
fn without_space_or_leave_to_write_the_last_export_stands() {
    let dir = tempfile::tempdir().expect("a directory");
    let feed = fs::read_to_string(project().join("feed.json")).expect("the feed");
    let next = dir.path().join("next.json");
    fs::write(&next, feed.replace("\"drained\"", "\"up\"").replace("1763800000", "1763900000"))
        .expect("a feed");
    // One export and a half fit.
    let sized = dir.path().join("sized");
    let mut plain = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
    plain.args(["export", "bind", "--config"]).arg(example()).arg("--out").arg(&sized);
    output(&mut plain);
    let size = contents(&sized).values().map(Vec::len).sum::<usize>() * 3 / 2;
    let full = format!("mount -t tmpfs -o size={size} none \"$1\"; later() {{ :; }}");
    for (how, mount, said) in [
        ("full", full.as_str(), "No space left on device"),
        (
            "ro",
            "mount -t tmpfs -o size=9m none \"$1\"; later() { mount -o remount,ro \"$1\"; }",
            "Read-only file system",
        ),
    ] {
        let out = dir.path().join(how);
        fs::create_dir(&out).expect("the mount point");
        let export = "\"$2\" export bind --config \"$3\" --out \"$1\"";
        let list = "(cd \"$1\" && find . | sort && cat current/zones/*)";
        let script = format!(
            "set -e; {mount}; {export} >/dev/null 2>&1; later \"$1\"; {list} > \"$5.before\"\n\
             if {export} --feed \"$4\" 2> \"$5.said\"; then exit 7; fi\n\
             {list} > \"$5.after\"; cmp \"$5.before\" \"$5.after\""
        );
        let report = dir.path().join(format!("{how}-report"));
        let status = tool_of("unshare", "install util-linux: tests need it")
            .args(["-r", "-m", "sh", "-c", &script, "sh"])
            .arg(&out)
            .arg(env!("CARGO_BIN_EXE_cvdns"))
            .arg(example())
            .arg(&next)
            .arg(&report)
            .status()
            .expect("unshare runs");
        let text =
            fs::read_to_string(dir.path().join(format!("{how}-report.said"))).unwrap_or_default();
        assert!(status.success(), "{how}: {status}: {text}");
        assert!(text.contains(said) && text.contains("nothing was exported"), "{how}: {text}");
    }
}

#[test]
fn a_directory_that_named_conf_cannot_name_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().expect("a directory");
    for name in [&b"a\"b"[..], b"a\\b", b"a\nb", b"a\xff"] {
        let out = dir.path().join(std::ffi::OsStr::from_bytes(name));
        let said = refused(&example(), &out, &[]);
        assert!(said.contains("so named.conf cannot name it"), "{said}");
        assert!(!out.exists());
    }
}

/// A zone whose name has a quote in it is one that BIND reads.
#[test]
fn a_quote_in_the_name_of_a_zone_comes_through() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = Files::default()
        .with(
            "cvdns.toml",
            "[server]\nlisten = [\"127.0.0.1:5300\"]\n[[zone]]\nfile = \"odd.toml\"\n",
        )
        .with("odd.toml", "format = 1\norigin = 'q\\\"x.test'\nrecords = \"odd.zone\"\n")
        .with("odd.zone", "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n");
    files.write(dir.path(), 1);
    let out = dir.path().join("out");
    export(&dir.path().join("cvdns.toml"), &out, &[]);
    let mut check = tool("named-checkconf");
    let said = output(check.arg("-z").arg(out.join("current/named.conf")));
    assert!(said.contains("loaded serial 1"), "{said}");
}

/// Addresses of name servers come from the zone that they are in, whatever copies other files have.
#[test]
fn glue_is_what_the_served_zones_say() {
    let dir = tempfile::tempdir().expect("a directory");
    let zone = |name: &str| format!("format = 1\norigin = \"{name}\"\nrecords = \"{name}.zone\"\n");
    let files = Files::default()
        .with(
            "cvdns.toml",
            "[server]\nlisten = [\"127.0.0.1:5300\"]\n[[zone]]\nfile = \"p.test.toml\"\n\
             [[zone]]\nfile = \"c.p.test.toml\"\n",
        )
        .with("p.test.toml", zone("p.test"))
        .with("c.p.test.toml", zone("c.p.test"))
        .with(
            "p.test.zone",
            "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nc NS ns1.c\nns1.c 300 A 192.0.2.99\n\
             other NS ns1.c\nother NS ns.other\nns.other 300 A 192.0.2.4\n",
        )
        .with(
            "c.p.test.zone",
            "$TTL 60\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\n@ NS ns.deep\nns1 A 192.0.2.2\ndeep NS ns.deep\n\
             ns.deep A 192.0.2.3\n",
        );
    files.write(dir.path(), 1);
    let out = dir.path().join("out");
    export(&dir.path().join("cvdns.toml"), &out, &[]);
    let text = fs::read_to_string(out.join("current/zones/p.test.zone")).expect("the zone");
    let mut addresses: Vec<&str> = text.lines().filter(|line| line.contains(" IN A ")).collect();
    addresses.sort_unstable();
    assert_eq!(
        addresses,
        [
            "ns.deep.c.p.test. 60 IN A 192.0.2.3",
            "ns.other.p.test. 300 IN A 192.0.2.4",
            "ns.p.test. 60 IN A 192.0.2.1",
            "ns1.c.p.test. 60 IN A 192.0.2.2",
        ]
    );
    check(&out);
}

/// What `check` would say, and what an export leaves out, is said with it.
#[test]
fn warnings_and_records_that_are_left_out_are_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = Files::default()
        .with(
            "cvdns.toml",
            "[server]\nlisten = [\"127.0.0.1:5300\"]\n[[zone]]\nfile = \"w.toml\"\n",
        )
        .with(
            "w.toml",
            "format = 1\norigin = \"w.test\"\nrecords = \"w.zone\"\n\
             [[name]]\nowner = \"current.cvd\"\ntxt = \"record\"\n",
        )
        .with("w.zone", "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\n");
    files.write(dir.path(), 1);
    let config = dir.path().join("cvdns.toml");
    let output = command(&config, &dir.path().join("out"), &[]).output().expect("the command runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let checked = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"))
        .args(["check", "--config"])
        .arg(&config)
        .output()
        .expect("the check runs");
    let warnings = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(
        warnings.contains("0 errors, 1 warning") && said.contains(&warnings),
        "{warnings}{said}"
    );
    assert!(
        said.contains("the TXT record of current.cvd.w.test is left out: no release is known"),
        "{said}"
    );
}

/// Names and strings that mean something to a master file, or to named.conf.
const STRANGE: &str = r#"$TTL 60
@ SOA ns h\.o.st 1 2 3 4 5
@ NS ns
ns A 192.0.2.1
a\.b TXT "dot in a label"
semi\;colon TXT "a;b" "c\"d" "e\\f" "" "g\010h\000\255"
at\@sign TXT "@" "$ORIGIN" "(" ")"
sp\032ace CNAME quo\"te
quo\"te TXT "\"" "\\" "\\\""
\(paren\) MX 10 b\\ack
b\\ack A 192.0.2.2
\$dollar TXT "$TTL 1"
nul\000l TXT " leading and trailing "
caf\195\169 TXT "caf\195\169"
*.w\;ild TXT "for all"
"#;

#[test]
fn names_and_strings_that_need_escapes_come_through() {
    let strange = r#"format = 1
origin = "odd.test"
records = "odd.zone"
mirrors = "mirrors.toml"
[[name]]
owner = 'po\;ol\"s.{cc}'
pool = "{cc}"
"#;
    let files = Files::default()
        .with(
            "cvdns.toml",
            "[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\nworkers = 1\n[[zone]]\nfile = \"odd.toml\"\n",
        )
        .with("odd.toml", strange)
        .with("odd.zone", STRANGE)
        .with("mirrors.toml", "[[mirror]]\nhost = \"de\"\ncountry = \"DE\"\nipv4 = [\"192.0.2.3\"]\n");
    let ours = Daemon::start(&files);
    // The path of the export stands in named.conf.
    let out = ours.path().join("an 'out' ; here");
    export(&ours.path().join("cvdns.toml"), &out, &[]);
    let plain = ours.path().join("plain");
    export(&ours.path().join("cvdns.toml"), &plain, &[]);
    let peers = [named(&out, ""), knotd(&plain), nsd(&plain)];
    let owners = [
        r"a\.b",
        r"semi\;colon",
        r"at\@sign",
        r"sp\032ace",
        r#"quo\"te"#,
        r"\(paren\)",
        r"b\\ack",
        r"\$dollar",
        r"nul\000l",
        r"caf\195\169",
        r"x.w\;ild",
        r#"po\;ol\"s.de"#,
        r#"po\;ol\"s.zz"#,
        r"none\.such",
    ];
    for owner in owners {
        let wire = cvdns_core::wire::name::Name::parse(
            &format!("{owner}.odd.test."),
            &cvdns_core::wire::name::Name::root(),
        );
        let name = wire.expect("a name");
        for qtype in [rr::A, rr::TXT, rr::MX, rr::CNAME] {
            let mut query = Query::new("odd.test", qtype).edns(4096);
            query.name = name.wire().to_vec();
            let our = Outcome::asked(ours.port(), &query);
            for peer in &peers {
                assert_eq!(Outcome::asked(peer.port, &query), our, "{owner} {qtype}");
            }
        }
    }
}

#[test]
fn what_is_wrong_with_the_feed_is_said_and_the_last_export_stands() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().join("out");
    let config = fs::read_to_string(example()).expect("the configuration");
    let at = project().display().to_string();
    let config = config
        .replace("file = \"zones/", &format!("file = \"{at}/zones/"))
        .replace("database = \"geoip/", &format!("database = \"{at}/geoip/"));
    let write =
        |text: &str| fs::write(dir.path().join("cvdns.toml"), text).expect("the configuration");
    write(&config);
    fs::copy(project().join("feed.json"), dir.path().join("feed.json")).expect("the feed");
    let path = dir.path().join("cvdns.toml");
    export(&path, &out, &[]);
    let before = contents(&out);
    fs::write(dir.path().join("feed.json"), "{ \"format\": 1").expect("half a feed");
    let said = refused(&path, &out, &[]);
    assert!(said.contains("feed.json") && said.contains("line 1"), "{said}");
    fs::copy(project().join("feed.json"), dir.path().join("feed.json")).expect("the feed");
    write(&config.replacen("# public-key", "public-key", 1));
    let said = refused(&path, &out, &[]);
    assert!(said.contains("signature") || said.contains("signed"), "{said}");
    write(&config.replace("[[zone]]", "[[zones]]"));
    let said = refused(&path, &out, &[]);
    assert!(said.contains("zones"), "{said}");
    assert_eq!(contents(&out), before);
}

#[test]
fn what_is_asked_for_badly_is_a_usage_error_or_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().join("out");
    let usage = |more: &[&str]| {
        let output = command(&example(), &out, more).output().expect("the command runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for more in [
        &["--acl", "prefixes"][..],
        &["--reload", "x"],
        &["--watch", "--at", "2026-11-22T17:00:00Z"],
        &["--acl", "x", "--views"],
    ] {
        assert_eq!(usage(more).0, Some(2), "{more:?}");
    }
    for (more, word) in [
        (&["--watch", "--reload", "x {view}"][..], "{view} is not a placeholder here"),
        (&["--watch", "--reload", "x 'y"], "not closed"),
        (&["--watch", "--reload-timeout", "0s"], "--reload-timeout"),
    ] {
        let (status, said) = usage(more);
        assert!(status == Some(1) && said.contains(word), "{more:?}: {status:?} {said}");
    }
    assert!(!out.join("current").exists());
}

/// The trap is said on the terminal and in every file; with `ecs = false` it is said that it is
/// none.
#[test]
fn every_export_says_what_ecs_means_beside_bind() {
    let dir = tempfile::tempdir().expect("a directory");
    let zone = project().join("zones/clamav.net.toml");
    let database = project().join("geoip/country.mmdb");
    for (ecs, word) in
        [(true, "The setting is `ecs = true` now."), (false, "The setting is `ecs = false` now.")]
    {
        let config = dir.path().join(format!("{ecs}.toml"));
        let text = format!(
            "[server]\necs = {ecs}\n[[zone]]\nfile = '{}'\n[geoip]\ndatabase = '{}'\n",
            zone.display(),
            database.display()
        );
        fs::write(&config, text).expect("the configuration");
        let out = dir.path().join(ecs.to_string());
        let output =
            command(&config, &out, &["--views", "--acl", "prefixes"]).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.contains("scope 0") && said.contains(word),
            "{said}"
        );
        for (path, octets) in contents(&out.join("current/")) {
            let text = String::from_utf8(octets).expect("text");
            assert!(text.contains("scope 0") && text.contains(word), "{path}");
        }
    }
}

/// What is answered at a time of one's own, with a feed of one's own.
#[test]
fn a_feed_and_a_time_can_be_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let feed = fs::read_to_string(project().join("feed.json")).expect("the feed");
    let other = dir.path().join("other.json");
    fs::write(&other, feed.replace("28129", "28200")).expect("a feed");
    let out = dir.path().join("out");
    export(
        &example(),
        &out,
        &["--feed", &other.display().to_string(), "--at", "2026-11-22T17:40:00Z"],
    );
    let text = fs::read_to_string(out.join("current/zones/clamav.net.zone")).expect("the zone");
    let line = "current.cvd.clamav.net. 1800 IN TXT \"1.4.6:63:28200:1795368600:1:90:49192:339\"";
    assert!(text.lines().any(|other| other == line), "{text}");
    check(&out);
}
