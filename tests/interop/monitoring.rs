//! The alert rules and the dashboard of docs/: what promtool says of them, and whether they ask for
//! what the server shows.

use crate::dnssec::{Keys, with_keys};
use crate::encrypted::with_tls;
use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::bad_web::{BadWeb, Way};
use support::client::Transport;
use support::daemon::Daemon;
use support::packet::{Query, RD};
use support::{fixture, http, ports, rr, tools};

fn project(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(project(name)).expect("a file of the project")
}

fn promtool() -> Command {
    tools::tool_of("promtool", "install prometheus: tests need its promtool")
}

fn dashboard() -> Value {
    serde_json::from_str(&read("docs/grafana-dashboard.json")).expect("JSON")
}

/// What the dashboard asks for, its variables filled in.
fn expressions() -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let fill = |text: &str| {
        text.replace("$__rate_interval", "5m").replace("$job", "cvdns").replace("$instance", ".*")
    };
    targets.map(|target| fill(target["expr"].as_str().expect("an expression"))).collect()
}

#[test]
fn promtool_accepts_the_rules() {
    let said = tools::output(promtool().args(["check", "rules"]).arg(project("docs/alerts.yml")));
    let alerts = read("docs/alerts.yml").matches("- alert: ").count();
    assert!(said.contains(&format!("SUCCESS: {alerts} rules found")), "{said}");
}

/// Each alert, in a time in which it must fire and in one in which it must not.
#[test]
fn alerts_fire_when_they_must_and_no_sooner() {
    let tests = read("tests/alerts/rules.test.yml");
    let names = |text: &str, before: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| line.trim_start().strip_prefix(before))
            .map(str::to_owned)
            .collect()
    };
    let alerts = names(&read("docs/alerts.yml"), "- alert: ");
    let expected: Vec<String> =
        alerts.iter().flat_map(|name| [format!("{name} quiet"), format!("{name} fires")]).collect();
    assert_eq!(names(&tests, "- name: "), expected);
    let said = tools::output(
        promtool().args(["test", "rules"]).arg(project("tests/alerts/rules.test.yml")),
    );
    assert!(said.contains("SUCCESS"), "{said}");
}

/// The dashboard's expressions are `PromQL`: as recording rules promtool takes them.
#[test]
fn promtool_accepts_what_the_dashboard_asks() {
    let rules: Vec<Value> = expressions()
        .iter()
        .enumerate()
        .map(|(number, expr)| serde_json::json!({ "record": format!("dashboard:panel_{number}"), "expr": expr }))
        .collect();
    let count = rules.len();
    assert!(count > 30, "{count}");
    // JSON is YAML.
    let file = tempfile::NamedTempFile::with_suffix(".yml").expect("a file");
    let groups = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    fs::write(file.path(), groups.to_string()).expect("written");
    let said = tools::output(promtool().args(["check", "rules"]).arg(file.path()));
    assert!(said.contains(&format!("SUCCESS: {count} rules found")), "{said}");
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64() >= Some(38), "Grafana 10");
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let names: Vec<_> =
        variables.iter().map(|variable| variable["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["datasource", "job", "instance"]);
    assert_eq!(
        (&variables[0]["type"], &variables[0]["query"]),
        (&"datasource".into(), &"prometheus".into())
    );
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in panels {
        let number = |value: &Value| value.as_u64().expect("a number");
        assert!(ids.insert(number(&panel["id"])), "{}: an id twice", panel["title"]);
        let grid = &panel["gridPos"];
        for x in 0..number(&grid["w"]) {
            for y in 0..number(&grid["h"]) {
                let cell = (number(&grid["x"]) + x, number(&grid["y"]) + y);
                assert!(cell.0 < 24 && cells.insert(cell), "{} lies over another", panel["title"]);
            }
        }
        if panel["type"] != "row" {
            for place in [panel].into_iter().chain(panel["targets"].as_array().expect("targets")) {
                assert_eq!(place["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
            }
        }
    }
}

/// The names of metrics in a text, each with the labels that are matched behind it.
fn asked(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (at, _) in text.match_indices("cvdns_") {
        let rest = &text[at..];
        let end = rest
            .find(|c: char| !c.is_ascii_lowercase() && c != '_' && !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let labels = out.entry(rest[..end].to_owned()).or_default();
        let matchers = rest[end..].strip_prefix('{').and_then(|rest| Some(rest.split_once('}')?.0));
        for matcher in
            matchers.unwrap_or_default().split(", ").filter(|matcher| !matcher.is_empty())
        {
            let name = matcher.split(['=', '!']).next().expect("a name");
            // Prometheus adds these two.
            if !["job", "instance"].contains(&name) {
                labels.insert(name.to_owned());
            }
        }
    }
    out
}

/// Who does not ask for `OpenMetrics` gets the older text format, with which promtool finds no
/// fault.
#[test]
fn both_formats_say_the_same() {
    let port = ports::free();
    let files = fixture::files();
    let config = format!("{}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n", files.text("cvdns.toml"));
    let _daemon = Daemon::start(&files.with("cvdns.toml", config));
    let names = |page: &str| -> BTreeSet<String> {
        page.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' ').map(|(name, _)| name.to_owned()))
            .collect()
    };
    let (_, open) = http::get(port, "/metrics");
    // What Prometheus 2.50 sends, and what weighs more or less.
    for accept in [
        "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        "Application/OpenMetrics-Text",
    ] {
        let (_, kind, page) = http::get_as(port, "/metrics", Some(accept));
        assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        assert!(page.ends_with("# EOF\n") && names(&page) == names(&open));
    }
    for accept in
        [None, Some("*/*"), Some("text/plain"), Some("application/openmetrics-text;q=0, */*")]
    {
        let (status, kind, page) = http::get_as(port, "/metrics", accept);
        assert_eq!((status, kind.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
        assert!(!page.contains("# EOF"));
        let described: BTreeSet<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .collect();
        assert!(
            names(&page)
                .iter()
                .all(|name| described.contains(name.split('{').next().expect("a name")))
        );
        assert_eq!(names(&page), names(&open));
        let mut check = promtool();
        let mut check = check
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool runs");
        check
            .stdin
            .take()
            .expect("its input")
            .write_all(page.as_bytes())
            .expect("the page written");
        let said = check.wait_with_output().expect("promtool ended");
        let words = String::from_utf8_lossy(&said.stdout).into_owned()
            + &String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success() && words.is_empty(), "{words}");
    }
}

#[test]
fn what_is_asked_for_is_shown() {
    let port = ports::free();
    let files = with_tls(fixture::files(), [(); 3].map(|()| ports::free()));
    let config = format!("{}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n", files.text("cvdns.toml"));
    let web = BadWeb::start(Way::good("serial = 1\n"));
    let overrides = format!("[feed]\noverrides = \"{}\"\nstate = \"state\"\n", web.url());
    let config = config.replace("[feed]\n", &overrides);
    let config = format!(
        "{config}\n[cookies]\nsecret-file = \"secrets\"\n[[zone]]\nfile = \"hidden.toml\"\n\
         [transfer]\nkeys = [\"transfer.key\"]\n[[transfer.secondary]]\naddress = \"127.0.0.1:9\"\n\
         key = \"k\"\n"
    );
    let secret = "e5e973e5a6b2a43f48e7dc849e37bfcf\n";
    // A zone from a primary, before which another one does not answer.
    let text = "@ 60 SOA ns h 1 3600 600 86400 60\n@ 60 NS ns\nns 60 A 192.0.2.1\n";
    let primary = tools::Peer::named(&[("hidden.example", text)]);
    let zone = format!(
        "format = 1\norigin = \"hidden.example\"\n\
         records = {{ primary = [\"127.0.0.1:9\", \"127.0.0.1:{}\"] }}\n",
        primary.port
    );
    let key = "key k { algorithm hmac-sha256; secret c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0; };\n";
    let files = files.with("hidden.toml", zone).with("secrets", secret).with("transfer.key", key);
    let (files, _) = with_keys(Keys::Single("ED25519"), files);
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    daemon.wait_for_log(0, &["serial 1 of the zone hidden.example is in force"]);
    for transport in [Transport::Udp4, Transport::Tcp4] {
        daemon.client().ask(transport, &Query::new("db.de.clam.example", rr::A).flags(RD));
    }
    let (status, page) = http::get(port, "/metrics");
    assert_eq!(status, 200);
    // What is described: a counter's samples have a suffix (OpenMetrics 1.0, "Counter").
    let described = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let shown: BTreeSet<String> = described
        .map(
            |(name, kind)| {
                if kind == "counter" { format!("{name}_total") } else { name.to_owned() }
            },
        )
        .collect();
    let samples = http::samples(&page);
    let texts = [
        read("docs/alerts.yml"),
        expressions().join("\n"),
        read("docs/monitoring.md"),
        read("tests/alerts/rules.test.yml"),
    ];
    let coordinator = read("docs/monitor.md");
    for (metric, labels) in texts.iter().flat_map(|text| asked(text)) {
        // The coordinator has a file of its own; tests/clients/monitor reads it.
        if let Some(name) = metric.strip_prefix("cvdns_monitor_") {
            assert!(coordinator.contains(&format!("`…_{name}`")), "{metric}");
            continue;
        }
        // Bundles come through NATS only; tests/clients/nats reads what is shown of them.
        if metric.starts_with("cvdns_bundle_") {
            continue;
        }
        assert!(shown.contains(&metric), "{metric} is not shown");
        for label in labels {
            let with = |sample: &String| {
                sample
                    .strip_prefix(&metric)
                    .is_some_and(|rest| rest.contains(&format!("{label}=\"")))
            };
            // No look at the feed or at overrides has failed here, and AF_XDP serves no interface.
            let errors = ["cvdns_feed_errors_total", "cvdns_overrides_errors_total"];
            let is_known = samples.keys().any(with)
                || metric.starts_with("cvdns_xdp_")
                || (errors.contains(&metric.as_str()) && label == "reason");
            assert!(is_known, "{metric} has no label {label}");
        }
    }
    // All that is shown is explained.
    let explained = asked(&texts[2]);
    for metric in &shown {
        assert!(
            explained.contains_key(metric) || texts[2].contains(&format!("`{metric}`")),
            "docs/monitoring.md does not say what {metric} means"
        );
    }
}
