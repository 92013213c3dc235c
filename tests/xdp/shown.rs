//! What people are shown of AF_XDP: status, metrics, and `cvdns check --xdp`.

#![allow(clippy::float_cmp, reason = "counters are whole numbers")]

use crate::support::client::UDP;
use crate::support::daemon::Daemon;
use crate::support::lab::{CARD, Lab, SERVER, at_clients, at_server, hex, in_servers};
use crate::support::packet::Query;
use crate::support::{fixture, http, place, ports, rr, tools};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

/// What `/metrics` shows in the clients' namespace.
fn metrics(port: u16) -> BTreeMap<String, f64> {
    let get = "curl -sS -H 'Accept: application/openmetrics-text'";
    http::samples(&at_clients(port, &format!("{get} http://{}:8053/metrics", SERVER[0])))
}

/// The sum of a counter over the queues of the card.
fn of_queues(samples: &BTreeMap<String, f64>, name: &str, with: &str) -> f64 {
    let prefix = format!("{name}{{interface=\"{CARD}\",queue=\"");
    let of = samples.iter().filter(|(sample, _)| sample.starts_with(&prefix));
    of.filter(|(sample, _)| sample.contains(with)).map(|(_, count)| count).sum()
}

fn cvdns(port: u16, directory: &Path, arguments: &[&str]) -> Output {
    place::cvdns(port).args(arguments).current_dir(directory).output().expect("the command ran")
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn status_and_metrics_count_what_comes_past_the_sockets() {
    if !place::is_lab() {
        return;
    }
    let files = fixture::files();
    let config = format!(
        "{}\n[admin]\nlisten = \"127.0.0.1:8053\"\n\n[xdp]\ninterfaces = [\"{CARD}\", \"none0\"]\n",
        files.text("cvdns.toml")
    );
    let server = Daemon::start(&files.with("cvdns.toml", config));
    let port = server.port();
    let before = metrics(port);
    for transport in UDP.into_iter().cycle().take(6) {
        let query = Query::new("www.clam.example", rr::A);
        assert_eq!(server.client().ask(transport, &query).rcode(), rr::NOERROR);
    }
    let after = metrics(port);
    for name in ["cvdns_xdp_received_total", "cvdns_xdp_answers_sent_total"] {
        assert_eq!(of_queues(&after, name, "") - of_queues(&before, name, ""), 6.0, "{name}");
    }
    // They are among those of the server.
    for (name, labels) in [
        ("cvdns_queries_received_total", "{transport=\"udp\"}"),
        ("cvdns_answers_sent_total", "{transport=\"udp\"}"),
        (
            "cvdns_queries_total",
            "{transport=\"udp\",class=\"static\",type=\"A\",rcode=\"NOERROR\"}",
        ),
    ] {
        let sample = format!("{name}{labels}");
        let count = |page: &BTreeMap<String, f64>| page.get(&sample).copied().unwrap_or(0.0);
        assert_eq!(count(&after) - count(&before), 6.0, "{sample}");
    }
    for reason in ["unsupported", "length", "checksum", "address"] {
        let with = format!("reason=\"{reason}\"");
        assert_eq!(of_queues(&after, "cvdns_xdp_frames_refused_total", &with), 0.0);
    }
    assert_eq!(of_queues(&after, "cvdns_xdp_frames_lost_total", ""), 0.0);
    assert_eq!(after.get("cvdns_xdp_up{interface=\"vs\",mode=\"native\"}"), Some(&1.0));
    assert_eq!(after.get("cvdns_xdp_up{interface=\"none0\",mode=\"native\"}"), Some(&0.0));

    let output = cvdns(port, server.path(), &["status", "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let [card, none] = &status["xdp"].as_array().expect("interfaces")[..] else { panic!() };
    assert_eq!((&card["mode"], &card["fallback"]), (&json!("native"), &Value::Null));
    let queues = card["queues"].as_array().expect("queues");
    let sum = |of: &str| queues.iter().map(|queue| queue[of].as_f64().unwrap()).sum::<f64>();
    // With the queries by which the server was seen to be ready.
    let all = of_queues(&after, "cvdns_xdp_received_total", "");
    assert_eq!((queues.len(), sum("received"), sum("answered")), (2, all, all));
    // As it is described.
    let described = include_str!("../../docs/openapi.json");
    let described: Value = serde_json::from_str(described).expect("JSON");
    let names = |value: &Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    let schemas = &described["components"]["schemas"];
    for (shown, schema) in [(card, "XdpInterface"), (&queues[0], "XdpQueue")] {
        assert_eq!(names(shown), names(&schemas[schema]["properties"]), "{schema}");
    }
    let why = none["fallback"].as_str().expect("a reason");
    assert!(why.starts_with("there is no such interface"), "{why}");
    assert!(why.ends_with("; once that has changed, restart the server"), "{why}");
    assert_eq!(none["queues"], json!([]));
    let page = text(&cvdns(port, server.path(), &["status"]).stdout);
    let line = format!("\nxdp       vs: native, 2 queues; {all} received, {all} answered\n");
    assert!(page.contains(&line), "{page}");
    assert!(page.contains("\n          none0: FALLBACK to sockets: there is no such"), "{page}");
    // Its own program is no obstacle.
    let checked = cvdns(port, server.path(), &["check", "--xdp=vs"]);
    let (printed, said) = (text(&checked.stdout), text(&checked.stderr));
    assert!(checked.status.success() && printed.contains("a running cvdns has"), "{printed}{said}");
}

/// The kernel counts a frame that finds no place by two of its words.
#[test]
fn a_lost_frame_is_counted_once() {
    if !place::is_lab() {
        return;
    }
    place::set_kind("1 native");
    let files = fixture::files();
    let config = format!(
        "{}\n[admin]\nlisten = \"127.0.0.1:8053\"\n\n[xdp]\ninterfaces = [\"{CARD}\"]\n",
        files.text("cvdns.toml")
    );
    let server = Daemon::start(&files.with("cvdns.toml", config));
    let port = server.port();
    let counts = || {
        let samples = metrics(port);
        let of = |name: &str| of_queues(&samples, name, "");
        (of("cvdns_xdp_received_total"), of("cvdns_xdp_frames_lost_total"))
    };
    let (received, lost) = counts();
    assert_eq!(lost, 0.0);
    // More than the frames of a queue, of which there are 2,048.
    let sent = 6000;
    tools::signal(server.pid(), "STOP");
    let to = format!("(\"{}\", {port})", SERVER[0]);
    let query = hex(&Query::new("www.clam.example", rr::A).build());
    let send = format!(
        "import socket; s = socket.socket(type=socket.SOCK_DGRAM); \
         [s.sendto(bytes.fromhex(\"{query}\"), {to}) for _ in range({sent})]"
    );
    at_clients(port, &format!("python3 -c '{send}'"));
    tools::signal(server.pid(), "CONT");
    server.until("losses are counted", || counts().1 > 0.0);
    let (received, lost) = (counts().0 - received, counts().1);
    assert!(received > 0.0 && received + lost <= f64::from(sent), "{received} and {lost}");
}

/// The command tries what can be tried, and leaves the interface as it was.
#[test]
fn check_says_which_interfaces_can_be_served() {
    if !place::is_lab() {
        return;
    }
    let port = ports::free();
    let _lab = Lab::new(port, 2);
    let dir = tempfile::tempdir().unwrap();
    fixture::files().write(dir.path(), port);
    let check = |arguments: &[&str]| {
        let output = cvdns(port, dir.path(), &[&["check"], arguments].concat());
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (good, printed, said) = check(&["--xdp"]);
    let line = format!(
        "vs can be served by AF_XDP (native)\n  answers for {}:{port}, [{}]:{port}\n",
        SERVER[0], SERVER[1]
    );
    assert!(good && printed.contains(&line), "{printed}{said}");
    assert!(printed.contains("\n  2 of 2 receive queues, a thread for each\n"), "{printed}");
    assert!(printed.contains("\n  not tested: whether the driver veth takes it"), "{printed}");
    // Each queue takes 4 MiB, and all of them are tried.
    let mut limited = in_servers(port, "setpriv");
    limited.args(["--inh-caps=-ipc_lock", "--bounding-set=-ipc_lock"]);
    limited.args(["prlimit", "--memlock=6291456:6291456", env!("CARGO_BIN_EXE_cvdns")]);
    limited.args(["check", "--xdp"]).current_dir(dir.path());
    let limited = limited.output().expect("the command ran");
    let why = "queue 1 cannot be served";
    let said = text(&limited.stderr);
    assert!(!limited.status.success() && said.contains(why) && said.contains("MEMLOCK"), "{said}");
    let (good, printed, said) = check(&["--xdp=none0,vs"]);
    assert!(!good && printed.contains(&line), "{printed}");
    let why = "none0 cannot be served by AF_XDP (native): there is no such interface";
    assert!(said.contains(why), "{said}");
    let (good, printed, _) = check(&["--xdp=lo", "--json"]);
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    assert!(!good && report["can_be_served"] == json!(true), "{report}");
    let [looked_at] = &report["xdp"].as_array().expect("interfaces")[..] else { panic!() };
    assert_eq!((&looked_at["interface"], &looked_at["facts"]), (&json!("lo"), &json!([])));
    assert!(looked_at["why_not"].as_str().expect("why").contains("Ethernet"), "{looked_at}");
    assert!(!at_server(port, "ip link show vs").contains("xdp"));
    let (_, printed, _) = check(&["--json"]);
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    assert!(report.get("xdp").is_none(), "{report}");
}
