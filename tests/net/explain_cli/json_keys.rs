//! The keys of the JSON that docs/diagnose.md lists.

use super::*;

use super::support::json_keys::{KeyTypes, add_keys, documented};

/// `server.answer` has the keys of `answer`, which are described once.
fn described_once(found: KeyTypes) -> KeyTypes {
    let mut out = KeyTypes::new();
    for (key, types) in found {
        let described = key.strip_prefix("server.").filter(|rest| rest.starts_with("answer."));
        out.entry(described.unwrap_or(&key).to_owned()).or_default().extend(types);
    }
    out
}

/// The files of a server that has kept a history, by which this many mirrors are stuck, and whose
/// coordinator has frozen. Five others do not have the release yet.
fn remembering(files: &Files, stuck: usize) -> Files {
    let (mut listed, mut known) = (Vec::new(), Vec::new());
    for (number, mirror) in fixture::mirrors().iter().rev().take(stuck + 5).enumerate() {
        let (host, daily) = (&mirror.host, if number < stuck { 28_129 } else { 28_139 });
        listed.push(format!("\"{host}\": {{ \"state\": \"up\", \"daily\": {daily} }}"));
        known.push(format!(
            "\"{host}\": [null, {{ \"since\": \"2026-01-01T00:00:00Z\", \"version\": {daily} }}, null]"
        ));
    }
    let release = |month: u32, daily: u32| {
        format!("{{ \"since\": \"2026-0{month}-01T00:00:00Z\", \"versions\": [63, {daily}, 339] }}")
    };
    let history = format!(
        "{{ \"format\": 1, \"history\": {{ \"until\": \"2026-04-01T00:00:00Z\", \"releases\": [{}, {}], \
         \"mirrors\": {{ {} }} }} }}",
        release(1, 28_129),
        release(2, 28_140),
        known.join(", ")
    );
    let feed = fixture::feed(1_000, &states(&[])).replace("28129", "28140").replace(
        "\"mirrors\": { ",
        &format!("\"frozen\": \"no witness\", \"mirrors\": {{ {}", listed.join(", ")),
    );
    let config = files.text("cvdns.toml").replace("[feed]\n", "[feed]\nstate = \"state\"\n");
    let files = files.clone().with("cvdns.toml", config).with("feed.json", feed);
    files.with("state/versions.json", history)
}

#[test]
fn the_table_of_keys_is_what_json_has() {
    let mut found = KeyTypes::new();
    let mut add = |dir: &Path, asked: &str, status: i32| {
        let (code, out, error) = explain(dir, &format!("{asked} --json"));
        assert_eq!((code, error.as_str()), (Some(status), ""), "{asked}");
        add_keys("", &serde_json::from_str(&out).expect("JSON"), &mut found);
    };
    let said = fixture::feed(1_000, &some())
        .replace("\"mirrors\": { ", "\"mirrors\": { \"us1.example\": { \"state\": \"up\", \"since\": \"2026-11-20T02:11:00Z\", \"main\": 63, \"daily\": 28129, \"bytecode\": 339 },");
    let files = fixture::files().with("feed.json", said);
    let dir = directory(&files);
    for asked in [
        "db.de.clam.example",
        "db.us.clam.example",
        "db.us.ipv6.clam.example",
        "db.fr.clam.example AAAA",
        "db.local.clam.example --client 198.51.100.9",
        "db.local.clam.example --client 9.9.9.0/24",
        "db.local.clam.example --client 127.0.0.1",
        "current.cvd.clam.example",
        "test.cvd.clam.example",
        "www.clam.example",
        "mirror.clam.example",
        "www.old.clam.example",
        "nope.clam.example",
        "a.sub.clam.example",
        "other.test",
        "db.de.clam.example ANY",
        "x.ping.clam.example",
        "current.cvd.clam.example --at 2030-01-01T00:00:00Z",
    ] {
        add(dir.path(), asked, 0);
    }
    let config = files
        .text("cvdns.toml")
        .replace("source = \"feed.json\"\n", "")
        .replace("[server]\n", "[server]\necs = false\n");
    let without = directory(&files.clone().with("cvdns.toml", config));
    add(without.path(), "current.cvd.clam.example", 0);
    let restricted = files
        .text("mirrors.toml")
        .replace("host = \"de3.example\"\n", "host = \"de3.example\"\nnot-for = [\"FR\"]\n");
    let restricted = directory(&files.clone().with("mirrors.toml", restricted));
    add(restricted.path(), "db.de.clam.example --client 198.51.100.9", 0);
    let signed = directory(&fixture::signed(files.clone()));
    add(signed.path(), "db.de.clam.example", 0);
    // Beside a server that remembers one stuck mirror, and one that remembers too many.
    for (stuck, asked) in [
        (1, "db.us.clam.example"),
        (1, "current.cvd.clam.example"),
        (30, "current.cvd.clam.example"),
    ] {
        let remembering = directory(&remembering(&files, stuck));
        add(remembering.path(), asked, 0);
    }
    // No mirror is usable, so that nobody is known to hold a version, and the feed says why.
    let all: fixture::States =
        fixture::mirrors().into_iter().map(|mirror| (mirror.host, "down")).collect();
    let feed = fixture::feed(1_000, &all)
        .replace("28129", "28140")
        .replace("\"state\": \"down\"", "\"state\": \"down\", \"note\": \"no answer\"");
    let down = directory(&remembering(&files, 1).with("feed.json", feed));
    for asked in ["db.de.clam.example", "current.cvd.clam.example"] {
        add(down.path(), asked, 0);
    }
    let server = Daemon::start(
        &files.with("feed.json", fixture::feed(1_001, &states(&[("de3.example", "down")]))),
    );
    for asked in ["db.de.clam.example", "nope.clam.example"] {
        let status = i32::from(asked.starts_with("db"));
        add(dir.path(), &format!("{asked} --server 127.0.0.1:{}", server.port()), status);
    }
    let found = described_once(found);
    let table = documented("docs/diagnose.md", "## JSON of `cvdns explain`");
    let names = |of: &KeyTypes| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&table));
    // Each type that is found is documented, and the other way round.
    assert_eq!(found, table);
}
