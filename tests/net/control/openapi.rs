//! The description of the API (`OpenAPI` 3.1) against what the server answers, in both directions.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::Controlled;
use crate::support::fixture::{self, mirrors, states};
use crate::support::http::Answer;
use crate::support::ports;

/// Validates the description itself, then each exchange by it. Every property of an answer must be
/// described, and every described property must be in some answer.
const VALIDATE: &str = r##"
import json, sys
from openapi_spec_validator import validate
from jsonschema import Draft202012Validator

given = json.load(sys.stdin)
document = given["document"]
validate(document)

def resolve(schema):
    while "$ref" in schema:
        at = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            at = at[step]
        schema = at
    return schema

described, seen = set(), set()

def walk(schema, path, collect, depth=0):
    """Notes each property of a schema by the path of schemas that leads there."""
    if depth > 12:
        return
    schema = resolve(schema)
    for one in schema.get("anyOf", []):
        walk(one, path, collect, depth + 1)
    for name, below in schema.get("properties", {}).items():
        collect.add(f"{path}.{name}")
        walk(below, f"{path}.{name}", collect, depth + 1)
    if "items" in schema:
        walk(schema["items"], path + "[]", collect, depth + 1)

def note(value, schema, path):
    """Notes each property of an answer; one that is not described is a fault."""
    schema = resolve(schema)
    if value is None:
        return
    for one in schema.get("anyOf", []):
        if resolve(one).get("type") != "null":
            schema = resolve(one)
    if isinstance(value, dict) and "properties" in schema:
        for name, below in value.items():
            assert name in schema["properties"], f"{path}.{name} is not described"
            seen.add(f"{path}.{name}")
            note(below, schema["properties"][name], f"{path}.{name}")
    elif isinstance(value, list) and "items" in schema:
        for below in value:
            note(below, schema["items"], path + "[]")

answered = set()
for exchange in given["exchanges"]:
    method, path, status = exchange["method"].lower(), exchange["path"], str(exchange["status"])
    operation = document["paths"][path][method]
    where = f"{method} {path} {status}"
    assert status in operation["responses"], f"{where} is not described"
    response = operation["responses"][status]
    kinds = response["content"]
    assert exchange["type"] in kinds, f"{where}: {exchange['type']} is none of {list(kinds)}"
    answered.add((path, method, status, exchange["type"]))
    for name in response.get("headers", {}):
        assert name.lower() in exchange["fields"], f"{where} has no {name}"
    schema = kinds[exchange["type"]]["schema"]
    is_json = exchange["type"] == "application/json"
    value = json.loads(exchange["body"]) if is_json else exchange["body"]
    whole = {**schema, "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    errors = [f"{where} {error.json_path}: {error.message}" for error in validator.iter_errors(value)]
    assert not errors, "\n".join(errors)
    name = schema.get("$ref")
    if name and is_json:
        walk(schema, name, described)
        note(value, schema, name)

# What is described is answered: each path by each method with each status, but for those that take
# a broken client or a server that stops.
for path, methods in document["paths"].items():
    for method, operation in methods.items():
        for status, response in operation["responses"].items():
            for kind in response["content"]:
                if status not in ("408", "413", "503") or path == "/readyz":
                    assert (path, method, status, kind) in answered, f"{method} {path} {status} {kind} was not answered"
# A mirror is stuck after hours, queues take a network card, and a bundle takes NATS: tests of their
# own look at these.
apart = (".stuck.", ".xdp[].queues[].", ".bundle.")
missing = sorted(name for name in described - seen if not any(part in name for part in apart))
assert not missing, f"no answer has {missing}"
print(len(answered), len(seen))
"##;

/// What was asked and answered.
#[derive(Default)]
struct Exchanges(Vec<Value>);

impl Exchanges {
    fn add(&mut self, method: &str, path: &str, answer: &Answer) {
        let names: Vec<&str> = answer.fields.iter().map(|(name, _)| name.as_str()).collect();
        self.0.push(json!({
            "method": method, "path": path, "status": answer.status, "fields": names,
            "type": answer.field("content-type").unwrap_or_default(), "body": answer.body,
        }));
    }
}

const JSON: &str = "Content-Type: application/json";

/// All that the server answers in a state in which there is something of everything.
fn exchanges(server: &Controlled) -> Exchanges {
    let mut out = Exchanges::default();
    let paths = [
        "/",
        "/who",
        "/style.css",
        "/icon.svg",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/v1/openapi.json",
        "/api/v1/status",
        "/api/v1/mirrors",
        "/api/v1/pools",
        "/api/v1/record",
        "/api/v1/feed",
    ];
    let open = "Accept: application/openmetrics-text";
    out.add("GET", "/metrics", &server.over_tcp("GET", "/metrics", &[open], ""));
    for path in paths {
        out.add("GET", path, &server.over_tcp("GET", path, &[], ""));
        out.add("GET", path, &server.over_tcp("GET", path, &["Host: evil.example"], ""));
    }
    for (path, target) in [("/", "/?state=x"), ("/who", "/who?name=a..b")] {
        out.add("GET", path, &server.over_tcp("GET", target, &[], ""));
    }
    let changes = [
        ("POST", "/api/v1/feed/accept", "{\"serial\": 1}", "{}"),
        ("POST", "/api/v1/reload", "", ""),
        ("PUT", "/api/v1/log-level", "{\"level\": \"info\"}", "{\"level\": \"x\"}"),
    ];
    for (method, path, good, bad) in changes {
        out.add(method, path, &server.over_tcp(method, path, &[JSON], good));
        out.add(method, path, &server.over_tcp(method, path, &[JSON, "Host: evil.example"], good));
        out.add(method, path, &server.over_socket(method, path, good));
        if path != "/api/v1/reload" {
            out.add(method, path, &server.over_socket(method, path, bad));
            let token = format!("Authorization: Bearer {}", crate::support::http::TOKEN);
            let fields = ["Content-Type: text/plain", token.as_str()];
            out.add(method, path, &server.over_tcp(method, path, &fields, good));
        }
    }
    out
}

/// A server in a state in which there is something of everything: a mirror that is stuck, one that
/// is left out, a release that waits and is held up, a feed that is held back, problems, an
/// interface that there is not, dnstap.
pub(super) fn eventful() -> Controlled {
    let (files, port) = super::files("token-file = \"admin.token\"");
    let more = "[xdp]\ninterfaces = [\"none0\"]\n[dnstap]\nsocket = \"tap.sock\"\n";
    let config = format!("{}\n{more}", files.text("cvdns.toml"));
    let ports = [(); 3].map(|()| ports::free());
    let files = crate::encrypted::with_tls(files.with("cvdns.toml", config), ports, "");
    let feed = |serial: u64, down: &[(&str, &'static str)]| {
        let mut feed: Value =
            serde_json::from_str(&fixture::feed(serial, &states(down))).expect("JSON");
        feed["release"]["daily"] = json!(28_130);
        for (number, mirror) in mirrors().into_iter().enumerate() {
            let state = down.iter().find(|(host, _)| *host == mirror.host);
            let state = state.map_or("up", |(_, state)| state);
            feed["mirrors"][&mirror.host] = json!({
                "state": state, "note": "as seen from here", "since": "2026-11-20T02:11:00Z", "not-for": ["CN"],
                "daily": if number < 20 { 28_129 } else { 28_130 }, "main": 63, "bytecode": 339,
            });
        }
        feed["frozen"] = json!("the network is gone");
        feed.to_string()
    };
    let first = feed(1_000, &[("de1.example", "down")]);
    let overrides = "[[override]]\nhost = \"nl*\"\naddresses = [\"192.0.2.250\"]\nstate = \"down\"\n\
                     reason = \"r\"\nuntil = 2099-12-02T00:00:00Z\n";
    let files = files.with("overrides.toml", overrides);
    let server = Controlled {
        daemon: crate::support::daemon::Daemon::start(&files.with("feed.json", first)),
        port,
    };
    let before = server.daemon.log().len();
    let all: Vec<(String, &str)> = mirrors().into_iter().map(|m| (m.host, "down")).collect();
    let all: Vec<(&str, &'static str)> =
        all.iter().map(|(host, state)| (&**host, *state)).collect();
    server.daemon.write_feed(&feed(1_001, &all));
    server.daemon.wait_for_log(before, &["feed 1001 is held back"]);
    server
}

#[test]
fn the_description_is_what_the_server_answers() {
    let server = eventful();
    let mut all = exchanges(&server);
    // Problems of a reload that succeeds, and of one that does not.
    let config = server.config();
    let changed = config.replace("tcp-idle = \"2s\"", "tcp-idle = \"3s\"");
    server.daemon.write_file("cvdns.toml", &changed);
    server.daemon.write_file(
        "overrides.toml",
        "[[override]]\nhost = \"nobody.example\"\nstate = \"up\"\nreason = \"r\"\n",
    );
    let answer = server.over_socket("POST", "/api/v1/reload", "");
    assert_eq!(answer.status, 200);
    all.add("POST", "/api/v1/reload", &answer);
    server.daemon.write_file("cvdns.toml", &config.replace("workers = 1", "workers = -1"));
    all.add("POST", "/api/v1/reload", &server.over_socket("POST", "/api/v1/reload", ""));
    server.daemon.write_file("cvdns.toml", &config);
    // The feed that is held back is accepted: no mirror is up then, and the server is not ready.
    let path = "/api/v1/feed/accept";
    all.add("POST", path, &server.over_socket("POST", path, "{\"serial\": 1001}"));
    all.add("GET", "/readyz", &server.over_tcp("GET", "/readyz", &[], ""));
    all.add("GET", "/api/v1/mirrors", &server.over_tcp("GET", "/api/v1/mirrors", &[], ""));
    // Overrides by URL, a zone from a primary and a secondary, where nobody answers.
    let by_url = config.replace("overrides.toml", "http://127.0.0.1:9/overrides.toml");
    assert_ne!(by_url, config);
    let with_state = by_url.replace("[feed]\n", "[feed]\nstate = \"state\"\n");
    let with_zone = format!(
        "{with_state}\n[[zone]]\nfile = \"hidden.toml\"\n[transfer]\nkeys = [\"transfer.key\"]\n\
         [[transfer.secondary]]\naddress = \"127.0.0.1:9\"\nkey = \"k\"\n"
    );
    let key = "key k { algorithm hmac-sha256; secret c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0; };\n";
    server.daemon.write_file("transfer.key", key);
    server.daemon.write_file(
        "hidden.toml",
        "format = 1\norigin = \"hidden.example\"\nrecords = { primary = \"127.0.0.1:9\" }\n",
    );
    server.daemon.write_file("cvdns.toml", &with_zone);
    assert_eq!(server.over_socket("POST", "/api/v1/reload", "").status, 200);
    all.add("GET", "/api/v1/status", &server.over_tcp("GET", "/api/v1/status", &[], ""));
    // A signed zone.
    let signed = fixture::signed(fixture::files());
    server.daemon.write_file("clam.toml", signed.text("clam.toml"));
    std::fs::create_dir(server.daemon.path().join("keys")).expect("the directory of keys");
    for (name, content) in signed.beneath("keys/") {
        server.daemon.write_file(name, content);
    }
    assert_eq!(server.over_socket("POST", "/api/v1/reload", "").status, 200);
    all.add("GET", "/api/v1/status", &server.over_tcp("GET", "/api/v1/status", &[], ""));
    // Over TCP without a token: another server.
    let without = Controlled::start("");
    for (method, path) in
        [("POST", "/api/v1/feed/accept"), ("POST", "/api/v1/reload"), ("PUT", "/api/v1/log-level")]
    {
        all.add(method, path, &without.over_tcp(method, path, &[JSON], "{}"));
    }

    let served = server.over_tcp("GET", "/api/v1/openapi.json", &[], "").body;
    let document: Value = serde_json::from_str(&served).expect("JSON");
    for path in ["/index.html", "/api", "/api/v1", "/api/v1/nothing", "/metrics/", "/api/v2/status"]
    {
        assert_eq!(server.over_tcp("GET", path, &[], "").status, 404, "{path}");
    }
    validated(&json!({ "document": document, "exchanges": all.0 }));
}

fn validated(given: &Value) {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    let mut child = Command::new(python)
        .args(["-c", VALIDATE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tests/run installs openapi-spec-validator in target/python");
    let mut stdin = child.stdin.take().expect("an input");
    stdin.write_all(given.to_string().as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("the validator");
    let error = String::from_utf8_lossy(&output.stderr);
    let last = error.lines().rev().take(40).collect::<Vec<_>>();
    assert!(output.status.success(), "{last:#?}");
}
