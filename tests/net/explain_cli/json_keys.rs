//! The keys of the JSON that docs/diagnose.md lists.

use super::*;

/// The table of docs/diagnose.md: each key's types.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnose.md"));
    let page = page.expect("the page");
    let table = page.split_once("## JSON of `cvdns explain`").expect("the section").1;
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let row = |row: &str| {
        let (key, rest) = row.split_once("` | ").expect("a key");
        let (types, meaning) = rest.split_once(" | ").expect("types");
        assert!(meaning.len() > 4, "{key}");
        (key.to_owned(), types.split(" or ").map(str::to_owned).collect())
    };
    rows.map(row).collect()
}

/// The types that each key has in an output, by path.
fn keys(at: &str, value: &Value, out: &mut BTreeMap<String, BTreeSet<String>>) {
    let mut is = |name: &str| {
        out.entry(at.to_owned()).or_default().insert(name.to_owned());
    };
    match value {
        Value::Null => is("null"),
        Value::Bool(_) => is("bool"),
        Value::Number(_) => is("number"),
        Value::String(_) => is("string"),
        Value::Array(elements) => {
            is("array");
            for element in elements {
                keys(&format!("{at}[]"), element, out);
            }
        }
        Value::Object(object) => {
            is("object");
            for (key, value) in object {
                let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                // Described once.
                if path.starts_with("server.answer.") {
                    keys(path.trim_start_matches("server."), value, out);
                } else {
                    keys(&path, value, out);
                }
            }
        }
    }
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
    let mut found = BTreeMap::new();
    let mut add = |dir: &Path, asked: &str, status: i32| {
        let (code, out, error) = explain(dir, &format!("{asked} --json"));
        assert_eq!((code, error.as_str()), (Some(status), ""), "{asked}");
        keys("", &serde_json::from_str(&out).expect("JSON"), &mut found);
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
    // Beside a server that remembers one stuck mirror, and one that remembers too many.
    for (stuck, asked) in [
        (1, "db.us.clam.example"),
        (1, "current.cvd.clam.example"),
        (30, "current.cvd.clam.example"),
    ] {
        let remembering = directory(&remembering(&files, stuck));
        add(remembering.path(), asked, 0);
    }
    let server = Daemon::start(
        &files.with("feed.json", fixture::feed(1_001, &states(&[("de3.example", "down")]))),
    );
    for asked in ["db.de.clam.example", "nope.clam.example"] {
        let status = i32::from(asked.starts_with("db"));
        add(dir.path(), &format!("{asked} --server 127.0.0.1:{}", server.port()), status);
    }
    found.remove("");
    let table = documented();
    let names = |of: &BTreeMap<String, BTreeSet<String>>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&table));
    // Each type that is found is documented, and the other way round.
    assert_eq!(found, table);
}
