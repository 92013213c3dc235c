//! A clock that was wrong before the start.

use jiff::{SignedDuration, Timestamp};

use super::{Keys, ORIGIN, files, with_keys};
use crate::support::daemon::{Daemon, Files};
use crate::support::fixture::{States, feed_of};
use crate::support::tools::{output, tool};
use crate::support::{http, ports};

/// A server that has signed for a moment in 20 days, by a clock that was ahead. The feed was made
/// so long ago.
fn server(feed_age: SignedDuration) -> (Daemon, u16) {
    let (files, _) = with_keys(Keys::Single("ED25519"), files());
    let admin = ports::free();
    let latest = Timestamp::now() + SignedDuration::from_hours(20 * 24);
    let config = files
        .text("cvdns.toml")
        .replace("source = \"feed.json\"", "source = \"feed.json\"\nstate = \"state\"");
    let generated = Timestamp::now() - feed_age;
    let files: Files = files
        .with("cvdns.toml", format!("{config}[admin]\nlisten = \"127.0.0.1:{admin}\"\n"))
        .with("feed.json", feed_of(1_000, generated, &States::new()))
        .with("state/signed.json", format!("{{\"format\":1,\"latest\":\"{latest}\"}}"));
    (Daemon::start(&files), admin)
}

/// Inception of the signature of the SOA record.
fn inception(daemon: &Daemon) -> String {
    let mut dig = tool("dig");
    dig.args(["@127.0.0.1", "-p", &daemon.port().to_string(), "+norec", "+dnssec", "+short"]);
    let said = output(dig.args([ORIGIN, "SOA"]));
    let rrsig = said.lines().find(|line| line.starts_with("SOA ")).expect("a signature");
    rrsig.split(' ').nth(5).expect("an inception").to_owned()
}

fn now() -> String {
    Timestamp::now().strftime("%Y%m%d%H%M%S").to_string()
}

/// The coordinator's clock is that of the server: the clock was ahead before, and is right now.
#[test]
fn a_fresh_feed_shows_that_the_clock_was_ahead() {
    let (daemon, admin) = server(SignedDuration::from_mins(5));
    daemon.until("signatures of now", || inception(&daemon) < now());
    daemon.wait_for_log(0, &["the clock was ahead: zones were signed for"]);
    daemon.until("ready", || http::get(admin, "/readyz").0 == 200);
}

/// Nobody knows which clock is right: what was signed is signed still, and the server says that it
/// may not be valid yet.
#[test]
fn without_a_fresh_feed_nothing_is_signed_backwards() {
    let (daemon, admin) = server(SignedDuration::from_hours(3));
    assert!(inception(&daemon) > now());
    let (code, body) = http::get(admin, "/readyz");
    assert!(code == 503 && body.contains("not valid yet: the clock is behind"), "{code} {body}");
    daemon.wait_for_log(0, &["the clock is behind: zones were signed for"]);
}
