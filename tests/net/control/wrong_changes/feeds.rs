//! Feeds that are not taken: the configuration is in force, and the command says why the feed is
//! not.

use std::fs;

use super::{Controlled, in_force, plain};
use crate::support::fixture::{self, States, states};
use crate::support::minisign;

/// What is in the place of the feed, and why it is not taken.
fn wrong_feeds() -> Vec<(String, &'static str)> {
    let feed = |serial| fixture::feed(serial, &States::new());
    vec![
        ("{ \"format\": 1,\n".to_owned(), "TODO"),
        ("{ \"format\": 2 }".to_owned(), "TODO"),
        ("[]".to_owned(), "TODO"),
        (String::new(), "TODO"),
        (feed(999), "TODO"),
        (fixture::feed(1_000, &states(&[("de1.example", "down")])), "TODO"),
        (fixture::feed(1_001, &states(&[("de1.example", "dwon")])), "TODO"),
        (feed(1_001).replace("\"mirrors\"", "\"mirror\""), "TODO"),
        (feed(1_001).replace("1001", "-1"), "TODO"),
        (feed(1_001).replace("\"generated\": \"2", "\"generated\": \"3"), "TODO"),
    ]
}

fn says(why: &str) -> String {
    format!("warning: the feed feed.json is not taken: {why}; feed 1000 stays in force\n")
}

#[test]
fn a_feed_that_is_not_taken_is_a_warning_and_changes_nothing() {
    let server = Controlled::start("");
    let path = server.daemon.path().join("feed.json");
    let good = fs::read_to_string(&path).expect("the feed");
    let before = in_force(&server);
    let mut failures = Vec::new();
    for (feed, why) in wrong_feeds() {
        server.daemon.write_feed(&feed);
        let (code, out, error) = server.cvdns(&["reload"]);
        if (code, plain(&server, &error)) != (Some(0), says(why)) {
            failures.push(format!("{feed:?}: {code:?} {out}{error}"));
        }
        server.daemon.write_feed(&good);
        assert_eq!(in_force(&server), before, "{feed}");
    }
    // A directory in its place, and nothing at all.
    for (is_directory, why) in [(true, "TODO"), (false, "TODO")] {
        fs::remove_file(&path).expect("removed");
        if is_directory {
            fs::create_dir(&path).expect("a directory");
        }
        let (code, out, error) = server.cvdns(&["reload"]);
        if (code, plain(&server, &error)) != (Some(0), says(why)) {
            failures.push(format!("{is_directory}: {code:?} {out}{error}"));
        }
        if is_directory {
            fs::remove_dir(&path).expect("removed");
        }
        server.daemon.write_feed(&good);
        assert_eq!(in_force(&server), before, "{is_directory}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_feed_without_the_right_signature_is_a_warning_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (public, _) = (minisign::key(dir.path(), "ours"), minisign::key(dir.path(), "theirs"));
    let server = Controlled::start("");
    let with_key = format!("[feed]\npublic-key = \"{public}\"\n");
    server.daemon.write_file("cvdns.toml", &server.config().replace("[feed]\n", &with_key));
    let before = in_force(&server);
    let feed = fixture::feed(1_001, &states(&[("de1.example", "down")]));
    let mut failures = Vec::new();
    for (signature, why) in [
        (None, "TODO"),
        (Some(minisign::sign(dir.path(), "theirs", &feed)), "TODO"),
        (Some(minisign::sign(dir.path(), "ours", "another text")), "TODO"),
        (Some("no signature\n".to_owned()), "TODO"),
    ] {
        if let Some(signature) = &signature {
            server.daemon.write_file("feed.json.minisig", signature);
        }
        server.daemon.write_feed(&feed);
        let (code, out, error) = server.cvdns(&["reload"]);
        if (code, plain(&server, &error)) != (Some(0), says(why)) {
            failures.push(format!("{signature:?}: {code:?} {out}{error}"));
        }
        assert_eq!(in_force(&server), before, "{signature:?}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
