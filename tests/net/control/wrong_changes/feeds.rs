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
        (
            "{ \"format\": 1,\n".to_owned(),
            "it is cut off: EOF while parsing a value at line 2 column 0",
        ),
        ("{ \"format\": 2 }".to_owned(), "format 2 is not known; this version reads format 1"),
        ("[]".to_owned(), "the feed is not a JSON object"),
        (String::new(), "it is empty"),
        (feed(999), "serial 999 is lower than 1000, the one in force"),
        (
            fixture::feed(1_000, &states(&[("de1.example", "down")])),
            "serial 1000 is in force with other content: a new feed needs a higher serial",
        ),
        (
            fixture::feed(1_001, &states(&[("de1.example", "dwon")])),
            "unknown variant `dwon`, expected one of `up`, `old`, `down`, `drained`, `removed` at line 4 column 45",
        ),
        (
            feed(1_001).replace("\"mirrors\"", "\"mirror\""),
            "unknown field `mirror`, expected one of `format`, `serial`, `generated`, `release`, `mirrors`, `frozen` at line 4 column 8",
        ),
        (
            feed(1_001).replace("1001", "-1"),
            "invalid value: integer `-1`, expected a whole number, 0 or more at line 1 column 27",
        ),
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
    let directory = "cannot read feed.json: it is a directory, not a regular file";
    let missing = "cannot read feed.json: No such file or directory (os error 2)";
    for (is_directory, why) in [(true, directory), (false, missing)] {
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
    let (public, other) = (minisign::key(dir.path(), "ours"), minisign::key(dir.path(), "theirs"));
    let server = Controlled::start("");
    let with_key = format!("[feed]\npublic-key = \"{public}\"\n");
    server.daemon.write_file("cvdns.toml", &server.config().replace("[feed]\n", &with_key));
    // The feed in force stays, though nobody signed it.
    let (code, _, error) = server.cvdns(&["reload"]);
    let unsigned = "it has no signature, but `public-key` requires one: sign it with `minisign -S`";
    assert_eq!((code, plain(&server, &error)), (Some(0), says(unsigned)));
    let before = in_force(&server);
    let feed = fixture::feed(1_001, &states(&[("de1.example", "down")]));
    // The files of keys have their numbers in a comment.
    let [ours, theirs] = ["ours", "theirs"].map(|name| {
        let text = fs::read_to_string(dir.path().join(format!("{name}.pub"))).expect("a key");
        let words: Vec<&str> = text.lines().next().expect("a comment").split(' ').collect();
        // minisign leaves out zeros at its beginning.
        format!("{:0>16}", words.last().expect("a number"))
    });
    assert_ne!(public, other);
    let invalid = "its signature is not valid:";
    let other_key = format!(
        "{invalid} it was made with a key other than `public-key`: with {theirs}, expected {ours}"
    );
    let other_text = format!(
        "{invalid} it names key {ours} but does not match these octets: it is of another file, or \
         the feed was changed or forged"
    );
    let no_signature = "its signature is not valid: it is not a minisign signature";
    let mut failures = Vec::new();
    for (signature, why) in [
        (None, unsigned),
        (Some(minisign::sign(dir.path(), "theirs", &feed)), other_key.as_str()),
        (Some(minisign::sign(dir.path(), "ours", "another text")), other_text.as_str()),
        (Some("no signature\n".to_owned()), no_signature),
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
