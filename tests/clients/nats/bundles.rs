//! Bundles of zone files, through NATS: published by one machine, served by all.

use super::network::{Network, answer, command, text};
use crate::support;

use std::fs;
use std::process::Command;

use serde_json::Value;
use support::client::Transport;
use support::daemon::{Daemon, Files};
use support::fixture::{Set, path, states, yields};
use support::packet::Query;
use support::rr;

/// A server whose zones come as the bundle `main`. It has no zone file itself.
fn server(network: &Network) -> Files {
    let files = network.files("state = \"state\"", "");
    let config = files.text("cvdns.toml").replace("file = \"clam.toml\"", "bundle = \"main\"");
    let config = config.replace("[[zone]]\nfile = \"short.toml\"\n", "");
    let own = ["clam.toml", "clam.zone", "short.toml", "short.zone", "mirrors.toml", "feed.json"];
    own.iter().fold(files.with("cvdns.toml", config), |files, name| files.without(name))
}

fn publish(network: &Network) -> String {
    network.command(&["bundle", "publish", "main"])
}

/// Replaces a text in a file of whoever publishes.
fn edit(network: &Network, file: &str, from: &str, to: &str) {
    let path = network.desk.path().join(file);
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains(from), "{file} has no {from}: {text}");
    fs::write(path, text.replacen(from, to, 1)).expect("a file");
}

/// The addresses of a static name.
fn addresses(daemon: &Daemon, name: &str) -> Set {
    daemon
        .client()
        .ask(Transport::Udp4, &Query::new(name, rr::A))
        .rdata(rr::A)
        .into_iter()
        .collect()
}

fn status(daemon: &Daemon) -> Value {
    let printed = text(&command(daemon.path(), &["status", "--json"]));
    serde_json::from_str(&printed).expect("JSON")
}

/// What is measured of bundles.
fn metrics(daemon: &Daemon) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-s", "--unix-socket", "admin.sock", "http://localhost/metrics"]);
    let output = curl.current_dir(daemon.path()).output().expect("curl");
    let page = text(&output);
    let lines = page.split_inclusive('\n');
    lines.filter(|line| line.starts_with("cvdns_bundle_")).collect()
}

fn all_up() -> Set {
    yields(&path("DE"), &states(&[]), false).0
}

#[test]
fn zones_and_fleets_reach_every_server() {
    let mut network = Network::start();
    let told = publish(&network);
    assert!(
        told.contains("main of nats://") && told.contains("is published, with 5 files of"),
        "{told}"
    );
    let mut servers = [server(&network), server(&network)].map(|files| Daemon::start(&files));
    for server in &servers {
        assert_eq!(answer(server.client()), all_up());
        assert_eq!(addresses(server, "www.short.example").len(), 1);
    }
    let before = status(&servers[0]);
    let (name, serial) = (&before["bundle"]["name"], before["bundle"]["serial"].as_u64());
    assert!(name == "main" && before["bundle"]["usable"] == true, "{before}");

    // What is shown is what is described.
    let described: Value =
        serde_json::from_str(include_str!("../../../docs/openapi.json")).expect("JSON");
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    let described = &described["components"]["schemas"]["BundleStatus"]["properties"];
    assert_eq!(keys(&before["bundle"]), keys(described));

    // What somebody is writing there is none of the bundle's business.
    servers[0].write_file("cvdns.toml", "[server]\nlisten =");
    edit(&network, "mirrors.toml", "192.0.2.11", "198.51.100.77");
    let told = publish(&network);
    assert!(told.contains("is published, with 5 files of"), "{told}");
    let mut expected = all_up();
    assert!(expected.remove(&[192, 0, 2, 11][..]) && expected.insert(vec![198, 51, 100, 77]));
    for server in &servers {
        server.until("the new fleet", || answer(server.client()) == expected);
    }
    servers[1].until("the status follows the answers", || {
        status(&servers[1])["bundle"]["serial"].as_u64() > serial
    });
    let told = publish(&network);
    assert!(told.contains("has these files already"), "{told}");
    network.publish(1_001, "jp1.example");
    let explained = text(&command(servers[1].path(), &["explain", "db.de.clam.example"]));
    assert!(explained.contains("198.51.100.77"), "{explained}");

    // They are kept for a start without NATS; and followed when it is back.
    network.nats.kill();
    servers[1].kill();
    servers[1].start_again();
    assert_eq!(answer(servers[1].client()), expected, "{}", servers[1].log());
    network.nats.start_again();
    edit(&network, "mirrors.toml", "198.51.100.77", "192.0.2.11");
    publish(&network);
    for server in &servers {
        server.until("the first fleet", || answer(server.client()) == all_up());
    }

    // Another bundle, which is not there, and then is.
    let server = &servers[1];
    let config = fs::read_to_string(server.path().join("cvdns.toml")).expect("a file");
    server.write_file("cvdns.toml", &config.replace("bundle = \"main\"", "bundle = \"other\""));
    let told = text(&command(server.path(), &["reload"]));
    assert!(told.contains("no bundle other of nats://"), "{told}");
    assert_eq!(answer(server.client()), all_up());
    edit(&network, "mirrors.toml", "192.0.2.11", "198.51.100.77");
    network.command(&["bundle", "publish", "other"]);
    let told = text(&command(server.path(), &["reload"]));
    assert!(told.contains("reloaded"), "{told}");
    assert_eq!(answer(server.client()), expected);
    assert_eq!(status(server)["bundle"]["name"], "other");
}

/// No signature, another key's, another name, older ones, and what cannot be served.
#[test]
fn other_bundles_are_refused() {
    let network = Network::start();
    publish(&network);
    let daemon = Daemon::start(&server(&network));
    assert_eq!(answer(daemon.client()), all_up());
    let serial = status(&daemon)["bundle"]["serial"].as_u64().expect("a serial");
    let bundle = |name: &str, serial: u64, zone: &str| {
        format!(
            "{{\"format\":1,\"bundle\":\"{name}\",\"serial\":{serial},\
             \"generated\":\"2026-01-01T00:00:00Z\",\"zones\":[\"z\"],\"files\":{{\"z\":{zone:?},\
             \"r\":\"@ SOA ns h 1 3600 900 1209600 300\\n@ NS ns\\nns A 192.0.2.1\\n\"}}}}\n"
        )
    };
    let good = "format = 1\norigin = \"new.example\"\nrecords = \"r\"\n";
    let outside = "format = 1\norigin = \"new.example\"\nrecords = \"../../etc/passwd\"\n";
    let cases: [(&str, String, Option<&str>, &str, &str); 9] = [
        ("unsigned", bundle("main", serial + 1, good), None, "no signature", "unsigned"),
        ("theirs", bundle("main", serial + 1, good), Some("theirs"), "key other than", "signature"),
        ("name", bundle("test", serial + 1, good), Some("ours"), "it is the bundle", "other-name"),
        ("older", bundle("main", serial - 1, good), Some("ours"), "is lower than", "serial-behind"),
        ("reused", bundle("main", serial, good), Some("ours"), "other content", "serial-reused"),
        (
            "cut",
            bundle("main", serial + 1, good)[..60].to_owned(),
            Some("ours"),
            "cut off",
            "syntax",
        ),
        ("bad", bundle("main", serial + 1, "x = 1"), Some("ours"), "bundle:main/z", "content"),
        (
            "outside",
            bundle("main", serial + 2, outside),
            Some("ours"),
            "not in the bundle",
            "content",
        ),
        (
            "missing",
            bundle("main", serial + 3, &good.replace("\"r\"", "\"q\"")),
            Some("ours"),
            "there is no bundle:main/q",
            "content",
        ),
    ];
    for (what, document, key, says, reason) in cases {
        let before = daemon.log().len();
        network.put("bundles.main", &document, key.map(|key| network.sign(key, &document)));
        daemon.wait_for_log(before, &["the bundle main of nats://", "is not taken", says]);
        assert_eq!(answer(daemon.client()), all_up(), "{what}");
        let status = status(&daemon);
        assert!(status["bundle"]["refused"][reason].as_u64() >= Some(1), "{what}: {status}");
        assert!(status["bundle"]["serial"] == serial && status["bundle"]["usable"] == false);
        let checked = text(&command(daemon.path(), &["check"]));
        let says = if reason.starts_with("serial") { "is not above" } else { says };
        assert!(checked.contains(says), "{what}: {checked}");
    }
    let shown = text(&command(daemon.path(), &["status"]));
    assert!(shown.contains("refused since the start: 3 content"), "{shown}");
    let measured = metrics(&daemon);
    for line in [
        format!("cvdns_bundle_serial {serial}\n"),
        "cvdns_bundle_usable 0\n".to_owned(),
        "cvdns_bundle_errors_total{reason=\"content\"} 3\n".to_owned(),
        "cvdns_bundle_generated_timestamp_seconds 1".to_owned(),
    ] {
        assert!(measured.contains(&line), "{line}{measured}");
    }
    // Whoever publishes next need not be above what was refused for its content.
    let text = bundle("main", serial + 4, good);
    network.put("bundles.main", &text, Some(network.sign("ours", &text)));
    daemon.until("the new zone", || {
        addresses(&daemon, "ns.new.example") == Set::from([vec![192, 0, 2, 1]])
    });
    assert!(answer(daemon.client()).is_empty());
    // The status follows the answers.
    daemon.until("it is used", || status(&daemon)["bundle"]["usable"] == true);
}

#[test]
fn only_what_servers_can_serve_is_published() {
    let network = Network::start();
    let started = |network: &Network| {
        let dir = tempfile::tempdir().expect("a directory");
        server(network).write(dir.path(), support::ports::free());
        text(&command(dir.path(), &["serve"]))
    };
    let told = started(&network);
    assert!(
        told.contains("no bundle main of nats://") && told.contains("`cvdns bundle publish main`"),
        "{told}"
    );

    edit(&network, "clam.toml", "format = 1", "format = 7");
    let told = publish(&network);
    assert!(
        told.contains("format 7 is not known") && told.contains("nothing is published"),
        "{told}"
    );
    edit(&network, "clam.toml", "format = 7", "format = 1");
    let absolute = network.desk.path().join("mirrors.toml").display().to_string();
    edit(&network, "clam.toml", "\"mirrors.toml\"", &format!("{absolute:?}"));
    let told = publish(&network);
    assert!(
        told.contains("is not in the bundle") && told.contains("nothing is published"),
        "{told}"
    );
    edit(&network, "clam.toml", &format!("{absolute:?}"), "\"mirrors.toml\"");
    edit(&network, "cvdns.toml", "secret-key", "# secret-key");
    assert!(publish(&network).contains("has to be signed"));
    edit(&network, "cvdns.toml", "# secret-key", "secret-key");
    let told = network.command(&["bundle", "show", "main"]);
    assert!(told.contains("no bundle main of nats://"), "{told}");
    assert!(publish(&network).contains("is published"));
    let shown = network.command(&["bundle", "show", "main"]);
    assert!(shown.contains("clam.toml") && shown.contains("zone file"), "{shown}");
    let mirrors = fs::read_to_string(network.desk.path().join("mirrors.toml")).expect("a file");
    assert_eq!(network.command(&["bundle", "show", "main", "mirrors.toml"]), mirrors);
    let told = network.command(&["bundle", "show", "main", "none.toml"]);
    assert!(told.contains("has no file \"none.toml\""), "{told}");

    let files = server(&network);
    let wrong = |from: &str, to: &str, says: &str| {
        let dir = tempfile::tempdir().expect("a directory");
        let config = files.text("cvdns.toml").replace(from, to);
        assert_ne!(config, files.text("cvdns.toml"));
        files.clone().with("cvdns.toml", config).write(dir.path(), 0);
        let told = text(&command(dir.path(), &["check"]));
        assert!(told.contains(says), "{told}");
    };
    wrong("state = \"state\"", "", "kept nowhere");
    wrong("bundle = \"main\"", "bundle = \"none\"", "no bundle none of nats://");
    wrong("bundle = \"main\"", "bundle = \"a/b\"", "is not 1 to 63 letters");
}
