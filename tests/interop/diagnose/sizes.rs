//! Stories of a large fleet: cut over UDP, whole over TCP.

use super::ask::{Ask, TOOLS};
use super::files;
use super::oracle::pools;
use crate::support::daemon::Daemon;
use crate::support::fixture::{States, mirrors};
use std::fmt::Write as _;

#[test]
fn what_does_not_fit_is_cut_over_udp_and_whole_over_tcp() {
    let server = Daemon::start(&files(&States::new()));
    for tool in TOOLS {
        let ask = Ask::txt(server.port(), "_pool.db.us.clam.example");
        let told = ask.by(tool);
        assert!(told.cut() && told.answer.is_empty() && told.size <= 1232, "{}", told.text);
        assert_eq!(ask.tcp().by(tool).strings(), pools("US", &States::new(), false));
        // RFC 1035, 4.2.1: 512 octets without EDNS.
        let told =
            Ask { edns: false, ..Ask::txt(server.port(), "_explain.db.us.clam.example") }.by(tool);
        assert!(!told.cut() && told.size <= 512, "{}", told.text);
        let told =
            Ask { edns: false, ..Ask::txt(server.port(), "_pool.db.jp.clam.example") }.by(tool);
        assert!(told.cut() && told.size <= 512, "{}", told.text);
    }
}

/// `_explain` names the first forty that are left out, and says where all of them are.
#[test]
fn many_that_are_left_out_are_counted() {
    let down: States = mirrors().into_iter().map(|mirror| (mirror.host, "down")).collect();
    let server = Daemon::start(&files(&down));
    let strings =
        Ask::txt(server.port(), "_explain.db.us.clam.example").tcp().by(TOOLS[0]).strings();
    // Nothing is usable: the whole path is looked through.
    let left_out: Vec<&String> =
        strings.iter().filter(|line| line.starts_with("left out: ")).collect();
    assert!(left_out.len() <= 41, "{strings:?}");
    let named = left_out.iter().filter(|line| line.ends_with(" down")).count();
    let all =
        strings.iter().any(|line| line == "left out: 6 more, which _pool.db.us.clam.example names");
    // Those that are answered as if they were up are not left out.
    assert!(named == 0 && !all || named == 40 && all, "{strings:?}");
}

/// More than a message can have: it says how many are missing.
#[test]
fn a_fleet_beyond_a_message_says_so() {
    let mut fleet = String::new();
    for number in 0..2_000 {
        let (high, low) = (number / 250, number % 250 + 1);
        let host = format!("mirror{number}.a-host-with-a-long-name.example");
        let _ = writeln!(
            fleet,
            "[[mirror]]\nhost = \"{host}\"\ncountry = \"DE\"\nipv4 = [\"198.18.{high}.{low}\"]"
        );
    }
    let files = files(&States::new()).with("mirrors.toml", fleet);
    let server = Daemon::start(&files);
    for tool in TOOLS {
        let told = Ask::txt(server.port(), "_pool.db.de.clam.example").tcp().by(tool);
        let strings = told.strings();
        assert_eq!(strings[0], "pool=DE 2000 of 2000 usable");
        let (last, named) = strings.split_last().expect("strings");
        let missing = 2_000 - (named.len() - 1);
        assert!(missing > 0 && named.len() > 500);
        assert_eq!(*last, format!("… and {missing} more, for which a message has no room"));
    }
}
