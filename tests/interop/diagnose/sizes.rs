//! Stories of a large fleet: cut over UDP, whole over TCP.

use super::ask::{Ask, TOOLS};
use super::files;
use super::oracle::pools;
use crate::support::client::Transport;
use crate::support::daemon::Daemon;
use crate::support::fixture::{self, States, mirrors};
use crate::support::packet::Query;
use crate::support::rr;
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

/// Notes as long as a feed may have them, of a fleet beyond a message: a note is cut first, then
/// addresses, and every cut shows.
#[test]
fn long_notes_grow_no_string_and_no_message_beyond_its_bounds() {
    let (mut fleet, mut mirrors) = (String::new(), Vec::new());
    let long = ["a-label-as-long-as-the-others"; 5].join(".");
    for number in 0..1_000 {
        let (high, low) = (number / 250, number % 250 + 1);
        let host = match number % 2 {
            0 => format!("m{number}.example"),
            _ => format!("m{number}.{long}.example"),
        };
        let six: Vec<String> =
            (0..8).map(|n| format!("\"2001:db8:aaaa:bbbb:cccc:dddd:{number:x}:{n}\"")).collect();
        let six = if number % 4 < 2 { String::new() } else { six.join(",") };
        let _ = writeln!(
            fleet,
            "[[mirror]]\nhost = \"{host}\"\ncountry = \"DE\"\nipv4 = [\"198.18.{high}.{low}\"]\n\
             ipv6 = [{six}]"
        );
        let state = if number < 900 { "down" } else { "up" };
        let note = format!("{number} sees: {}", ["\u{1b}ü"; 500].concat());
        let note = serde_json::to_string(&note).expect("a string");
        mirrors.push(format!("\"{host}\": {{ \"state\": \"{state}\", \"note\": {note} }}"));
    }
    let feed = fixture::feed(1_000, &States::new())
        .replace("\"mirrors\": { ", &format!("\"mirrors\": {{ {}", mirrors.join(",")));
    let files = files(&States::new()).with("mirrors.toml", fleet).with("feed.json", feed);
    let server = Daemon::start(&files);
    for topic in ["_pool", "_explain"] {
        let query = Query::new(&format!("{topic}.db.de.clam.example"), rr::TXT);
        let reply = server.client().ask(Transport::Tcp4, &query);
        let [rdata]: [Vec<u8>; 1] = reply.rdata(rr::TXT).try_into().expect("a record");
        let strings = strings(&rdata);
        let told = |number: u32| {
            let dotted = format!("m{number}.");
            let of = strings.iter().filter(|line| line.contains(&dotted)).collect::<Vec<_>>();
            assert_eq!(of.len(), 1, "{of:?}");
            of[0]
        };
        for number in 0..40 {
            let line = told(number);
            assert!(line.contains("down: ") && line.ends_with('…'), "{line}");
            assert!(line.contains(&format!(": {number} sees: \\u001bü")), "{line}");
            let whole = format!("; 100Mbit/s; left out: down: {number} sees");
            assert!(topic == "_explain" || number % 4 >= 2 || line.contains(&whole), "{line}");
        }
        let last = strings.last().expect("strings");
        if topic == "_pool" {
            let (words, missing) = (strings.len() - 2, last.split(' ').nth(2));
            assert_eq!(missing, Some(format!("{}", 1_000 - words).as_str()), "{last}");
            assert!(last.ends_with(", for which a message has no room"), "{last}");
        } else {
            let more = "left out: 860 more, which _pool.db.de.clam.example names".to_owned();
            assert!(strings.contains(&more), "{strings:?}");
        }
    }
}

/// The strings of a TXT record, each under 255 octets.
fn strings(mut rdata: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    while let Some((length, rest)) = rdata.split_first() {
        let (string, rest) = rest.split_at_checked((*length).into()).expect("a whole string");
        assert!(string.len() < 255);
        out.push(String::from_utf8(string.to_vec()).expect("UTF-8"));
        rdata = rest;
    }
    out
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
