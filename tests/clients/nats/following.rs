//! The feed through NATS.

use super::network::{Network, answer, command, feed_without, pool_without, text, until_without};
use crate::support;

use support::daemon::Daemon;
use support::nats::NatsServer;
use support::nginx::Nginx;

/// FORMATS: "follow feed and overrides through NATS; [feed] source stays the second source".
#[test]
fn formats_the_feed_comes_through_nats_and_the_url_takes_over() {
    let mut network = Network::start();
    let nginx = Nginx::start();
    let by_url = |network: &Network, serial, host| {
        let feed = feed_without(serial, host);
        nginx.publish("feed.json.minisig", &network.sign("ours", &feed));
        nginx.publish("feed.json", &feed);
    };
    network.publish(1_001, "de1.example");
    by_url(&network, 1_000, "de2.example");
    let source = format!("source = \"{}\"\nstate = \"state\"", nginx.http("feed.json"));
    let mut daemon = Daemon::start(&network.files(&source, ""));
    until_without(&daemon, "de1.example");
    let told = network.publish(1_002, "de2.example");
    assert!(told.starts_with("feed 1002 is published in nats://127.0.0.1:"), "{told}");
    until_without(&daemon, "de2.example");
    // The web server is behind, and that is no fault.
    assert!(!daemon.log().contains("is not taken"), "{}", daemon.log());
    let check = text(&command(daemon.path(), &["check"]));
    assert!(check.contains("from feed 1002, which is kept"), "{check}");

    network.nats.kill();
    daemon.wait_for_log(0, &["the feed nats://", "is not taken", "feed 1002 goes on"]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    by_url(&network, 1_003, "de3.example");
    until_without(&daemon, "de3.example");
    let status = text(&command(daemon.path(), &["status"]));
    assert!(status.contains("NOT USABLE NOW"), "{status}");

    // It is answered a moment before it is kept, and kept before it is said.
    daemon.wait_for_log(0, &["feed 1003 of "]);
    // It goes on with what it kept, whichever source that came from, while both are away.
    drop(nginx);
    daemon.kill();
    daemon.start_again();
    assert_eq!(answer(daemon.client()), pool_without("de3.example"), "{}", daemon.log());
    network.nats.start_again();
    network.publish(1_004, "de1.example");
    until_without(&daemon, "de1.example");
}

/// Who may publish, or controls NATS, can send what they like: nothing of it is taken.
#[test]
fn what_is_not_signed_or_not_newer_is_refused() {
    let network = Network::start();
    network.publish(1_001, "de1.example");
    let daemon = Daemon::start(&network.files("", ""));
    until_without(&daemon, "de1.example");
    let feed = feed_without(1_002, "de2.example");
    let (old, other) = (feed_without(1_000, "de2.example"), feed_without(1_001, "de2.example"));
    for (document, signature, says) in [
        (&feed, None, "no signature"),
        (&feed, Some(network.sign("theirs", &feed)), "key other than"),
        (&feed, Some(network.sign("ours", &old)), "does not match these octets"),
        (&feed, Some("no signature".to_owned()), "is not a minisign signature"),
        (&old, Some(network.sign("ours", &old)), "serial 1000 is lower"),
        (&other, Some(network.sign("ours", &other)), "serial 1001"),
    ] {
        let before = daemon.log().len();
        network.put("feed", document, signature);
        daemon.wait_for_log(before, &["the feed nats://", "is not taken", says]);
        assert_eq!(answer(daemon.client()), pool_without("de1.example"), "{says}");
    }
    // What is wrong there keeps no coordinator from publishing.
    network.publish(1_002, "de3.example");
    until_without(&daemon, "de3.example");
}

/// The store is lost with all that was in it: what was in force goes on, also beyond a restart, and
/// serials do not begin anew.
#[test]
fn a_lost_store_changes_nothing() {
    let mut network = Network::start();
    network.publish(1_001, "de1.example");
    let mut daemon = Daemon::start(&network.files("state = \"state\"", ""));
    until_without(&daemon, "de1.example");
    network.nats.kill();
    network.nats.lose_store();
    network.nats.start_again();
    daemon.wait_for_log(0, &["the feed nats://", "is not taken"]);
    daemon.kill();
    daemon.start_again();
    assert_eq!(answer(daemon.client()), pool_without("de1.example"), "{}", daemon.log());
    network.command(&["nats", "set-up"]);
    let before = daemon.log().len();
    network.publish(1_000, "de2.example");
    daemon.wait_for_log(before, &["the feed nats://", "serial 1000 is lower"]);
    network.publish(1_002, "de3.example");
    until_without(&daemon, "de3.example");
}

/// A server of which nothing ever comes is as good as none, and holds up no start.
#[test]
fn a_server_that_says_nothing_holds_up_nothing() {
    let network = Network::start();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("nats://{}", silent.local_addr().expect("an address"));
    let files = network.files("source = \"feed.json\"", "");
    let config = files.text("cvdns.toml").replace(&network.nats.url(), &url);
    let daemon = Daemon::begin(&files.with("cvdns.toml", config));
    network.write_feed(&daemon.path().join("feed.json"), 1_001, "de1.example");
    let mut daemon = daemon;
    daemon.wait_until_ready();
    until_without(&daemon, "de1.example");
    daemon.wait_for_log(0, &["the feed nats://", "is not taken"]);
}

/// docs/nats.md: the user of servers may follow, and nothing else.
#[test]
fn a_server_needs_to_be_allowed_nothing_but_to_follow() {
    let users = "authorization { users: [
        { user: \"server\", password: \"s\", permissions: {
            subscribe: [\"live.cvdns.>\", \"_INBOX.>\"]
            publish: [\"$JS.API.DIRECT.GET.KV_cvdns.$KV.cvdns.>\"]
        } }
        { user: \"all\", password: \"a\" }
    ] }";
    let network = Network::of(NatsServer::start_with(users));
    let write = |name: &str, text: &str| {
        std::fs::write(network.desk.path().join(name), text).expect("a file");
    };
    write("all", "all:a\n");
    write("server", "server:s\n");
    let as_user = |user: &str| {
        let path = network.desk.path().join("cvdns.toml");
        let config = std::fs::read_to_string(&path).expect("a configuration");
        let lines = config.lines().filter(|line| !line.starts_with("credentials"));
        let config = lines.collect::<Vec<_>>().join("\n");
        let config = config.replace("[nats]", &format!("[nats]\ncredentials = \"{user}\""));
        std::fs::write(path, config).expect("a configuration");
    };
    let told = network.command(&["nats", "set-up"]);
    assert!(told.contains("cannot set up nats://"), "nobody in particular: {told}");
    as_user("all");
    assert!(network.command(&["nats", "set-up"]).contains("made"));
    network.publish(1_001, "de1.example");
    let files = network.files("", "");
    let config = files.text("cvdns.toml").replace("[nats]", "[nats]\ncredentials = \"server\"");
    let daemon = Daemon::start(&files.with("cvdns.toml", config).with("server", "server:s\n"));
    until_without(&daemon, "de1.example");
    as_user("server");
    let told = network.publish(1_002, "de2.example");
    assert!(told.contains("cannot publish in nats://"), "{told}");
    assert_eq!(answer(daemon.client()), pool_without("de1.example"));
    as_user("all");
    network.publish(1_002, "de2.example");
    until_without(&daemon, "de2.example");
}

/// Mistakes in `[nats]` are found before anything is served.
#[test]
fn mistakes_in_the_section_are_found() {
    let network = Network::start();
    let daemon = Daemon::start(&network.files("source = \"feed.json\"", ""));
    let config = std::fs::read_to_string(daemon.path().join("cvdns.toml")).expect("config");
    let url = network.nats.url();
    for (from, to, says) in [
        (url.as_str(), "http://127.0.0.1", "begins with nats:// or tls://"),
        (url.as_str(), "nats://a:b@127.0.0.1", "put them into the file `credentials`"),
        (url.as_str(), "nats://127.0.0.1:0", "the port must be a number"),
        ("[nats]", "[nats]\nbucket = \"a.b\"", "a name has no '.'"),
        ("[nats]", "[nats]\ncredentials = \"missing\"", "cannot read"),
        ("[nats]", "[nats]\nserver = \"x\"", "unknown key"),
        ("public-key = ", "# public-key = ", "needs a signature"),
    ] {
        daemon.write_file("cvdns.toml", &config.replace(from, to));
        let output = command(daemon.path(), &["check"]);
        let told = text(&output);
        assert!(told.contains(says) && !output.status.success(), "{to}: {told}");
    }
}
