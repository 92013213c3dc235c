//! The programs that check zone files and configurations have nothing to say about an export.

use std::path::Path;
use std::process::{Command, Stdio};

use super::exporting::{export, project, zone_files};
use crate::support::daemon::Files;
use crate::support::tools::{tool, tool_of};

const CHECKERS: &str = "install bind9-utils, knot-dnssecutils and nsd: tests need them";

/// Runs a checker; it must succeed and say no more than `expected`.
fn silent(command: &mut Command, expected: &[&str]) {
    let output = command.stdin(Stdio::null()).output().expect("a command that runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let lines: Vec<&str> =
        said.lines().filter(|line| !expected.iter().any(|e| line.starts_with(e))).collect();
    assert!(output.status.success() && lines.is_empty(), "{command:?}: {}\n{said}", output.status);
}

/// Has all programs check an export. Name servers elsewhere are not asked for: a test has no
/// network.
pub(crate) fn check(out: &Path) {
    for (name, file) in zone_files(out) {
        let origin = name.split('@').next().expect("a zone's name");
        let mut named = tool("named-checkzone");
        named.args([
            "-i", "local", "-k", "warn", "-m", "warn", "-n", "fail", "-r", "warn", "-S", "warn",
        ]);
        silent(named.arg(origin).arg(&file), &[&format!("zone {origin}/IN: loaded serial "), "OK"]);
        let mut knot = tool_of("kzonecheck", CHECKERS);
        silent(knot.args(["-v", "-o", origin]).arg(&file), &["No semantic error found"]);
        let mut nsd = tool_of("nsd-checkzone", CHECKERS);
        silent(nsd.arg(origin).arg(&file), &[&format!("zone {origin} is ok")]);
    }
    let mut conf = tool("named-checkconf");
    silent(conf.arg("-z").arg(out.join("current/named.conf")), &["zone "]);
}

#[test]
fn the_example_is_accepted_without_a_warning() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, more) in [
        ("plain", &[][..]),
        ("geoip", &["--views"]),
        // 1,152,000 networks are as much as the real database has.
        ("prefixes", &["--views", "--acl", "prefixes"]),
    ] {
        let out = dir.path().join(name);
        export(&project().join("cvdns.toml"), &out, more);
        check(&out);
    }
}

/// Zones beside and below each other, and one for each country.
#[test]
fn zones_for_each_country_are_accepted() {
    let dir = tempfile::tempdir().expect("a directory");
    country_zones().write(dir.path(), 1);
    let out = dir.path().join("out");
    export(&dir.path().join("cvdns.toml"), &out, &[]);
    let files = zone_files(&out);
    assert!(files.len() > 250, "{}", files.len());
    check(&out);
    let parent =
        std::fs::read_to_string(out.join("current/zones/clam.test.zone")).expect("the parent");
    for line in
        ["db.de.clam.test. 300 IN NS ns.db.de.clam.test.", "ns.db.de.clam.test. 300 IN A 192.0.2.7"]
    {
        assert!(parent.lines().any(|other| other == line), "no {line} in {parent}");
    }
}

/// Zones for each country, below one that does not delegate them.
pub(crate) fn country_zones() -> Files {
    let server = "$TTL 300\n@ SOA ns.example.net. host.example.net. 1 3600 900 604800 300\n@ NS ns.example.net.\n";
    let own = server.replace("@ NS ns.example.net.", "@ NS ns\nns A 192.0.2.7");
    Files::default()
        .with(
            "cvdns.toml",
            "[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\nworkers = 1\n\
             [[zone]]\nfile = \"parent.toml\"\n[[zone]]\nfile = \"country.toml\"\n",
        )
        .with("parent.toml", "format = 1\norigin = \"clam.test\"\nrecords = \"parent.zone\"\n")
        .with("parent.zone", format!("{server}gone NS ns.gone\nns.gone A 192.0.2.9\n"))
        .with("country.zone", own)
        .with("mirrors.toml", "[[mirror]]\nhost = \"de\"\ncountry = \"DE\"\nipv4 = [\"192.0.2.1\"]\n")
        .with(
            "country.toml",
            "format = 1\norigin = \"db.{cc}.clam.test\"\nrecords = \"country.zone\"\nmirrors = \"mirrors.toml\"\n\
             [[name]]\nowner = \"@\"\npool = \"{cc}\"\n\
             [[name]]\nowner = \"six\"\npool = \"{cc}\"\ntypes = [\"AAAA\"]\n",
        )
}
