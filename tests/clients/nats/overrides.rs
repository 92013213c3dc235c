//! The overrides of all servers, through NATS.

use super::network::{Network, answer, command, pool_without, text, until_without};
use crate::support;

use support::daemon::Daemon;
use support::fixture::{path, states, yields};

#[test]
fn overrides_of_all_servers_reach_each_and_its_own_apply_first() {
    let network = Network::start();
    network.publish(1_001, "de1.example");
    let own = "overrides = \"overrides.toml\"\nstate = \"state\"";
    let mut plain = Daemon::start(&network.files("state = \"state\"", ""));
    let with_own = Daemon::start(&network.files(own, ""));
    until_without(&plain, "de1.example");
    // There are none, and nothing is wrong with that.
    assert!(!plain.log().contains("overrides"), "{}", plain.log());
    let add = |host: &str, state: &str, more: &[&str]| {
        let words = ["override", "add", host, "--state", state, "--reason", "work", "--fleet"];
        network.command(&[words.as_slice(), more].concat())
    };
    let all_up = yields(&path("DE"), &states(&[]), false).0;
    let told = add("de1.example", "up", &[]);
    assert!(told.contains("none are published") && told.contains("--first"), "{told}");
    let told = add("de1.example", "up", &["--first"]);
    assert!(told.contains("override added"), "{told}");
    plain.until("all are up", || answer(plain.client()) == all_up);
    with_own.until("all are up", || answer(with_own.client()) == all_up);

    let words = ["override", "add", "de1.example", "--state", "down", "--reason", "seen here"];
    let told = text(&command(with_own.path(), &words));
    assert!(told.contains("override added"), "{told}");
    until_without(&with_own, "de1.example");
    assert_eq!(answer(plain.client()), all_up);
    let own = text(&command(with_own.path(), &["override", "list"]));
    assert!(own.contains("seen here") && own.contains("`cvdns override list --fleet`"), "{own}");
    let own = text(&command(with_own.path(), &["override", "list", "--json"]));
    assert!(!own.contains("--fleet"), "{own}");
    let listed = network.command(&["override", "list", "--fleet"]);
    assert!(!listed.contains("warning"), "{listed}");
    assert!(listed.contains("de1.example") && listed.contains("work"), "{listed}");
    let explained = text(&command(plain.path(), &["override", "list"]));
    assert!(explained.contains("names no file of overrides"), "{explained}");
    assert!(explained.contains("`cvdns override list --fleet`"), "{explained}");

    // They are kept for a start without NATS.
    let mut network = network;
    network.nats.kill();
    plain.kill();
    plain.start_again();
    assert_eq!(answer(plain.client()), all_up, "{}", plain.log());
    // The store is lost, and what servers have is published again.
    network.nats.lose_store();
    network.nats.start_again();
    network.command(&["nats", "set-up"]);
    let told = add_to(&network, &["de2.example", "--state", "down"]);
    assert!(told.contains("cvdns override restore"), "{told}");
    let kept = plain.path().join("state/overrides.json").display().to_string();
    let told = network.command(&["override", "restore", &kept]);
    assert!(told.contains("are published in nats://"), "{told}");
    // So are they where nobody can read what somebody else has put there.
    network.nats.spoil("overrides");
    let told = network.command(&["override", "list", "--fleet"]);
    assert!(told.contains("the connection ended"), "{told}");
    let told = network.command(&["override", "restore", &kept]);
    assert!(told.contains("are published in nats://"), "{told}");
    let told = network.command(&["override", "remove", "de1.example", "--fleet"]);
    assert!(told.contains("override removed"), "{told}");
    until_without(&plain, "de1.example");
    let again = network.command(&["override", "remove", "de1.example", "--fleet"]);
    assert!(again.contains("there is no such override"), "{again}");
}

fn add_to(network: &Network, words: &[&str]) -> String {
    let words = [&["override", "add"], words, &["--reason", "work", "--fleet"]].concat();
    network.command(&words)
}

/// Servers with overrides by URL do not take those of all servers: whoever writes these is told.
#[test]
fn overrides_of_all_servers_beside_a_url_are_warned_of() {
    let network = Network::start();
    let path = network.desk.path().join("cvdns.toml");
    let config = std::fs::read_to_string(&path).expect("a configuration");
    let url = "http://127.0.0.1:1/overrides.toml";
    let config = config.replace("[feed]", &format!("[feed]\noverrides = \"{url}\""));
    std::fs::write(path, config).expect("a configuration");
    let told = add_to(&network, &["de1.example", "--state", "down", "--first"]);
    let warning = format!("warning: `overrides` in [feed] is {url}");
    assert!(told.contains(&warning) && told.contains("override added"), "{told}");
}

/// Overrides without a signature, by another key, and older ones.
#[test]
fn other_overrides_are_refused() {
    let network = Network::start();
    network.publish(1_001, "de1.example");
    let daemon = Daemon::start(&network.files("", ""));
    until_without(&daemon, "de1.example");
    let up = |serial: u64| {
        format!(
            "serial = {serial}\n[[override]]\nhost = \"de1.example\"\nstate = \"up\"\nreason = \"r\"\n"
        )
    };
    network.put("overrides", "serial = 5\n", Some(network.sign("ours", "serial = 5\n")));
    daemon.wait_for_log(0, &["overrides 5 of nats://"]);
    for (serial, signature, says) in [
        (6, None, "no signature"),
        (6, Some(network.sign("theirs", &up(6))), "key other than"),
        (4, Some(network.sign("ours", &up(4))), "serial 4 is lower than 5"),
        (5, Some(network.sign("ours", &up(5))), "serial 5 is in force with other content"),
    ] {
        let before = daemon.log().len();
        network.put("overrides", &up(serial), signature);
        daemon.wait_for_log(before, &["the overrides nats://", "are not taken", says]);
        assert_eq!(answer(daemon.client()), pool_without("de1.example"), "{says}");
    }
    network.put("overrides", &up(6), Some(network.sign("ours", &up(6))));
    let all_up = yields(&path("DE"), &states(&[]), false).0;
    daemon.until("all are up", || answer(daemon.client()) == all_up);
}
