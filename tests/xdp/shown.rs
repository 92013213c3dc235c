//! What people are shown of AF_XDP: status, metrics, and `cvdns check --xdp`.

#![allow(clippy::float_cmp, reason = "counters are whole numbers")]

use crate::support::client::UDP;
use crate::support::daemon::Daemon;
use crate::support::lab::{CARD, Lab, SERVER, at_clients, at_server};
use crate::support::packet::Query;
use crate::support::{fixture, http, place, ports, rr};
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
