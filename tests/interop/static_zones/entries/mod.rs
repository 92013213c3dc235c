//! Entries of master files are read as BIND and Knot read them, and what these refuse is refused.
//!
//! BIND's opinion is what `named-compilezone -F raw` writes, octet by octet; Knot's is whether
//! `kzonecheck` takes a file, and what knotd then transfers. Where the two disagree, or the server
//! deviates, the entry says why.

mod raw;
mod refused;
mod taken;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cvdns_core::problem::Problems;
use cvdns_core::wire::name::Name;
use cvdns_core::zone::include::{Include, IncludedFile};
use cvdns_core::zone::master;

use crate::support::daemon::Files;
use crate::support::tools::{Peer, output, tool, tool_of};
use crate::support::{ports, rr};
use refused::REFUSED;
use taken::TAKEN;

/// Which of the peers take an entry. The text says why it is not both, or why the server does
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takers {
    Both,
    Bind(&'static str),
    Knot(&'static str),
    Neither(&'static str),
    /// Both take it, and the server reads it as BIND does and Knot does not.
    BindsWay(&'static str),
}

impl Takers {
    fn has_bind(self) -> bool {
        matches!(self, Self::Both | Self::Bind(_) | Self::BindsWay(_))
    }

    fn has_knot(self) -> bool {
        matches!(self, Self::Both | Self::Knot(_) | Self::BindsWay(_))
    }
}

/// A record. Owners are in lower case, as servers may keep the case of one entry for all of an
/// owner's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    owner: Vec<u8>,
    rtype: u16,
    ttl: u32,
    rdata: Vec<u8>,
}

const ORIGIN: &str = "z.test";

/// What every zone begins with.
const APEX: &[u8] = b"$TTL 300\n@ SOA ns1 root 1 3600 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n";

/// Files that entries include.
const INCLUDED: &[(&str, &[u8])] = &[
    ("plain", b"y A 192.0.2.9\n$ORIGIN q\nr A 192.0.2.9\n"),
    ("two words", b"y 77 A 192.0.2.9\n"),
    ("quo\"te", b"y A 192.0.2.9\n"),
    ("ttl", b"$TTL 77\nttl A 192.0.2.40\n"),
    ("ttl of a record", b"w 99 TXT x\n"),
    ("outer", b"$INCLUDE plain in\nz A 192.0.2.9\n"),
    ("blank", b" A 192.0.2.9\n"),
    ("broken", b"ok A 192.0.2.1\nno A 192.0.2\n"),
];

/// Whole zones: what holds where there is no `$TTL`, and what an included file leaves.
const ZONES: &[(&[u8], Takers)] = &[
    (b"@ SOA ns1 root 1 3600 900 1209600 60\n@ NS ns1\nns1 A 192.0.2.1\n", Takers::Both),
    (b"@ SOA ns1 root 1 3600 900 1209600 60\n@ NS ns1\nns1 77 A 192.0.2.1\nx TXT x\n", Takers::Both),
    (b"@ 300 SOA ns1 root 1 3600 900 1209600 60\n@ NS ns1\nns1 77 A 192.0.2.1\nx TXT x\n\
      y 99 TXT x\nz TXT z\n$TTL 44\nw TXT x\nv 55 TXT x\nu TXT u\n", Takers::Both),
    (b"@ 300 SOA ns1 root 1 3600 900 1209600 60\n@ NS ns1\nns1 77 A 192.0.2.1\nx TXT y\n\
      $INCLUDE \"ttl of a record\"\nz TXT z\n", Takers::Both),
    (b"ns1 77 A 192.0.2.1\n@ SOA ns1 root 1 3600 900 1209600 60\n@ NS ns1\nx TXT x\n", Takers::Both),
    (b"$TTL 300\n@ SOA ns1 root 1 1h 15m 2w 5m\n@ NS ns1\nns1 A 192.0.2.1\n$INCLUDE ttl\nx TXT x\n$TTL 5\ny TXT y\n", Takers::Both),
    (b"$TTL 300\n@ SOA @ @ 1 3600 900 1209600 4294967295\n@ NS @\n@ A 192.0.2.1\n$INCLUDE blank\nx TXT y\n$INCLUDE blank\n TXT z\n", Takers::Bind(FIRST)),
];

const FIRST: &str = "Knot takes no owner from the file that includes";

struct Dir(PathBuf);

impl Include for Dir {
    fn include(&mut self, path: &[u8], _from: &str) -> Result<IncludedFile, String> {
        let file = String::from_utf8(path.to_vec()).expect("a name");
        let octets = fs::read(self.0.join(&file)).map_err(|error| format!("{file}: {error}"))?;
        Ok(IncludedFile { file, octets })
    }
}

fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, octets) in INCLUDED {
        fs::write(dir.path().join(name), octets).expect("a file to include");
    }
    dir
}

/// What the server reads of a file, and what it says is wrong with it.
fn ours(dir: &Path, zone: &[u8]) -> (BTreeSet<Row>, Vec<String>) {
    let mut problems = Problems::default();
    let origin = Name::parse(ORIGIN, &Name::root()).expect("a name");
    let records = master::parse("zone", zone, &origin, &mut Dir(dir.to_owned()), &mut problems);
    let row = |record: &cvdns_core::zone::records::ResourceRecord| Row {
        owner: record.owner.to_lower().wire().to_vec(),
        rtype: record.rtype,
        ttl: record.ttl,
        rdata: record.rdata.to_vec(),
    };
    (records.iter().map(row).collect(), problems.iter().map(ToString::to_string).collect())
}

/// What BIND reads of a file; none when it refuses it.
fn binds(dir: &Path, zone: &[u8]) -> Result<BTreeSet<Row>, String> {
    fs::write(dir.join("zone"), zone).expect("the zone");
    let compiled = tool("named-compilezone")
        // Judged is how entries are read, not whether hosts exist or owners look like hosts.
        .args(["-k", "ignore", "-m", "ignore", "-n", "ignore", "-r", "ignore", "-i", "none"])
        .args(["-F", "raw", "-o", "raw", ORIGIN, "zone"])
        .current_dir(dir)
        .output()
        .expect("named-compilezone");
    if !compiled.status.success() {
        return Err(
            String::from_utf8_lossy(&[compiled.stdout, compiled.stderr].concat()).into_owned()
        );
    }
    Ok(raw::rows(&fs::read(dir.join("raw")).expect("the compiled zone")).into_iter().collect())
}

/// Whether Knot takes a file.
fn knot_takes(dir: &Path, zone: &[u8]) -> Result<(), String> {
    fs::write(dir.join("zone"), zone).expect("the zone");
    let checked = tool_of("kzonecheck", "install knot-dnssecutils")
        .args(["-o", ORIGIN, "zone"])
        .current_dir(dir)
        .output()
        .expect("kzonecheck");
    if checked.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned())
}

/// What Knot serves of a zone.
fn knots(zone: &[u8]) -> BTreeSet<Row> {
    let (dir, port) = (directory(), ports::free());
    fs::write(dir.path().join("zone"), zone).expect("the zone");
    let path = dir.path().display();
    let config = format!(
        "server:\n  rundir: {path}\n  listen: 127.0.0.1@{port}\n\
         log:\n  - target: stderr\n    any: info\ndatabase:\n  storage: {path}\n\
         acl:\n  - id: all\n    address: 127.0.0.1\n    action: transfer\n\
         template:\n  - id: default\n    storage: {path}\n    semantic-checks: off\n    zonefile-sync: -1\n\
         zone:\n  - domain: {ORIGIN}\n    file: zone\n    acl: all\n"
    );
    fs::write(dir.path().join("knot.conf"), config).expect("knot.conf");
    let mut command = tool("knotd");
    command.arg("-c").arg(dir.path().join("knot.conf"));
    let peer = Peer::of(command, port, dir, [ORIGIN]);
    let transferred = output(tool("kdig").args([
        "@127.0.0.1",
        "-p",
        &peer.port.to_string(),
        ORIGIN,
        "AXFR",
        "+noall",
        "+answer",
        "+generic",
    ]));
    transferred
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(';'))
        .map(generic)
        .collect()
}

/// A record as kdig prints it with `+generic`: `OWNER TTL IN TYPEnn \# LENGTH HEX`.
fn generic(line: &str) -> Row {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [owner, ttl, "IN", rtype, "\\#", _length, hex @ ..] = words.as_slice() else {
        panic!("not a record: {line}");
    };
    let hex = hex.concat();
    let octet = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    Row {
        owner: Name::parse(owner, &Name::root()).expect("a name").to_lower().wire().to_vec(),
        rtype: rtype.strip_prefix("TYPE").and_then(|number| number.parse().ok()).expect("a type"),
        ttl: ttl.parse().expect("a TTL"),
        rdata: (0..hex.len()).step_by(2).map(octet).collect(),
    }
}

/// An entry in a domain of its own, so that entries cannot meet.
fn apart(number: usize, text: &[u8]) -> Vec<u8> {
    [format!("$ORIGIN e{number}.{ORIGIN}.\n$TTL 300\n").as_bytes(), text, b"\n"].concat()
}

/// A zone of entries.
fn zone_of(wanted: impl Fn(Takers) -> bool) -> Vec<u8> {
    let chosen = TAKEN.iter().enumerate().filter(|(_, entry)| wanted(entry.takers));
    chosen.fold(APEX.to_vec(), |zone, (number, entry)| [zone, apart(number, entry.text)].concat())
}

/// The records of each entry that differ.
fn difference(ours: &BTreeSet<Row>, theirs: &BTreeSet<Row>) -> String {
    let mut out = String::new();
    for (who, rows) in [("cvdns alone", ours - theirs), ("the peer alone", theirs - ours)] {
        for Row { owner, rtype, ttl, rdata } in rows {
            let owner = Name::from_wire(&owner).expect("a name");
            let _ = writeln!(out, "{who}: {owner} {ttl} TYPE{rtype} {}", rdata.escape_ascii());
        }
    }
    out
}

fn shown(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}

#[test]
fn entries_are_read_octet_by_octet_as_bind_reads_them() {
    let dir = directory();
    let zone = zone_of(Takers::has_bind);
    let (read, problems) = ours(dir.path(), &zone);
    assert!(problems.is_empty(), "{problems:#?}");
    let bind = binds(dir.path(), &zone).unwrap_or_else(|error| panic!("BIND refuses it: {error}"));
    assert!(read.len() > 250, "{}", read.len());
    assert_eq!(difference(&read, &bind), "");
}

#[test]
fn entries_are_read_octet_by_octet_as_knot_serves_them() {
    let dir = directory();
    let zone = zone_of(|takers| matches!(takers, Takers::Both | Takers::Knot(_)));
    knot_takes(dir.path(), &zone).unwrap_or_else(|error| panic!("Knot refuses it: {error}"));
    let (read, problems) = ours(dir.path(), &zone);
    assert!(problems.is_empty(), "{problems:#?}");
    // Knot keeps names in data in lower case.
    let folded = |rows: BTreeSet<Row>| -> BTreeSet<Row> {
        rows.into_iter().map(|row| Row { rdata: row.rdata.to_ascii_lowercase(), ..row }).collect()
    };
    assert_eq!(difference(&folded(read), &folded(knots(&zone))), "");
}

/// Where a peer refuses an entry, it still does; else the entry is to say so no longer.
#[test]
fn deviations_are_still_such() {
    let dir = directory();
    let mut wrong = String::new();
    for entry in TAKEN.iter().filter(|entry| entry.takers != Takers::Both) {
        let zone = [APEX, &apart(0, entry.text)].concat();
        let (rows, problems) = ours(dir.path(), &zone);
        let bind = binds(dir.path(), &zone);
        let knot = knot_takes(dir.path(), &zone);
        if !problems.is_empty() || rows.len() < 4 {
            let _ = writeln!(wrong, "{}: {problems:?}", shown(entry.text));
        }
        if (bind.is_ok(), knot.is_ok()) != (entry.takers.has_bind(), entry.takers.has_knot()) {
            let _ = writeln!(wrong, "{}: {:?}: {bind:?} {knot:?}", shown(entry.text), entry.takers);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_peers_refuse_is_refused_and_said() {
    let dir = directory();
    let mut wrong = String::new();
    for refused in REFUSED {
        let zone = [APEX, &apart(0, refused.text)].concat();
        let (_, problems) = ours(dir.path(), &zone);
        let text = shown(refused.text);
        match problems.as_slice() {
            [problem] if problem.contains(refused.says) => {}
            _ => {
                let _ = writeln!(wrong, "{text}: `{}` is to be said: {problems:?}", refused.says);
            }
        }
        let (bind, knot) = (binds(dir.path(), &zone), knot_takes(dir.path(), &zone));
        if (bind.is_ok(), knot.is_ok()) != (refused.takers.has_bind(), refused.takers.has_knot()) {
            let _ = writeln!(wrong, "{text}: {:?}: {bind:?} {knot:?}", refused.takers);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn whole_zones_have_the_ttls_that_bind_gives_them() {
    let dir = directory();
    for (zone, takers) in ZONES {
        let (read, problems) = ours(dir.path(), zone);
        assert!(problems.len() <= 1, "{problems:?}");
        let is_said =
            problems.iter().any(|problem| problem.contains("the MINIMUM of its SOA record"));
        assert_eq!(is_said, zone.starts_with(b"@ SOA"), "{}: {problems:?}", shown(zone));
        let bind =
            binds(dir.path(), zone).unwrap_or_else(|error| panic!("{}: {error}", shown(zone)));
        assert_eq!(difference(&read, &bind), "", "{}", shown(zone));
        assert_eq!(knot_takes(dir.path(), zone).is_ok(), takers.has_knot(), "{}", shown(zone));
    }
}

/// What the server writes as a master file, it reads again, and BIND reads it, as the same octets.
#[test]
fn what_is_exported_is_read_back() {
    let dir = directory();
    let zone = zone_of(|_| true);
    let config = "[server]\nlisten = [\"127.0.0.1:@PORT@\"]\n[[zone]]\nfile = \"z.toml\"\n";
    let files = Files::default()
        .with("cvdns.toml", config)
        .with("z.toml", format!("format = 1\norigin = \"{ORIGIN}\"\nrecords = \"z.zone\"\n"))
        .with("z.zone", zone.clone());
    files.write(dir.path(), ports::free());
    let out = dir.path().join("out");
    output(
        Command::new(env!("CARGO_BIN_EXE_cvdns"))
            .current_dir(dir.path())
            .args(["--config", "cvdns.toml", "export", "bind", "--out"])
            .arg(&out),
    );
    let exported =
        fs::read(out.join(format!("current/zones/{ORIGIN}.zone"))).expect("the exported zone");
    let (written, problems) = ours(dir.path(), &exported);
    assert!(problems.is_empty(), "{problems:#?}");
    let (mut read, _) = ours(dir.path(), &zone);
    // A name that has nothing but NSEC3 does not exist for who asks (RFC 5155 section 7.2.8), so
    // that nobody misses it.
    read.retain(|row| row.rtype != rr::number("NSEC3"));
    assert_eq!(difference(&read, &written), "");
    let bind =
        binds(dir.path(), &exported).unwrap_or_else(|error| panic!("BIND refuses it: {error}"));
    assert_eq!(difference(&written, &bind), "");
}
