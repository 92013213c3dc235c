//! Why a mirror is left out: each reason there is, as `_explain` and `_pool` tell it; and a feed
//! that is held back.

use super::ask::{Ask, TOOLS, Tool};
use super::files;
use super::oracle::is_age;
use crate::support::daemon::{Daemon, Files};
use crate::support::fixture::{self, States, states};
use jiff::{SignedDuration, Timestamp};

/// Now and some seconds, as files write it.
fn moment(seconds: i64) -> Timestamp {
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("now");
    now + SignedDuration::from_secs(seconds)
}

/// Adds keys to a mirror of the fleet file.
fn of_mirror(files: Files, host: &str, keys: &str) -> Files {
    let line = format!("host = \"{host}\"\n");
    let fleet = files.text("mirrors.toml").replace(&line, &format!("{line}{keys}\n"));
    assert!(fleet.contains(keys));
    files.with("mirrors.toml", fleet)
}

fn with_feed_keys(files: Files, keys: &str) -> Files {
    let config = files.text("cvdns.toml").replace("[feed]\n", &format!("[feed]\n{keys}\n"));
    files.with("cvdns.toml", config)
}

/// `_explain` and `_pool` of a country give these reasons, by every tool.
#[track_caller]
fn left_out(server: &Daemon, country: &str, reasons: &[(&str, &str)]) {
    for tool in TOOLS {
        let ask = |topic: &str| {
            let name = format!("{topic}.db.{}.clam.example", country.to_lowercase());
            Ask::txt(server.port(), &name).tcp().by(tool).strings()
        };
        let told: Vec<String> =
            ask("_explain").into_iter().filter(|line| line.starts_with("left out: ")).collect();
        let expected: Vec<String> =
            reasons.iter().map(|(host, why)| format!("left out: {host}.example {why}")).collect();
        assert_eq!(told, expected, "{tool:?}");
        let told: Vec<(String, String)> = ask("_pool")
            .into_iter()
            .filter_map(|line| {
                let (head, why) = line.split_once("; left out: ")?;
                Some((head.split('.').next()?.to_owned(), why.to_owned()))
            })
            .collect();
        let expected: Vec<(String, String)> =
            reasons.iter().map(|(host, why)| ((*host).to_owned(), (*why).to_owned())).collect();
        assert_eq!(told, expected, "{tool:?}");
    }
}

#[test]
fn overrides_and_downtimes_give_their_reason_and_end() {
    let until = moment(3_600);
    let overrides = format!(
        "[[override]]\nhost = \"de1.*\"\nstate = \"drained\"\nreason = \"disk swap\"\nuntil = {until}\n\
         [[override]]\nhost = \"fr2.example\"\nstate = \"removed\"\nreason = \"left\"\n"
    );
    let downtime = format!("downtime = [{{ from = {}, to = {until} }}]", moment(-60));
    let files = with_feed_keys(files(&States::new()), "overrides = \"overrides.toml\"");
    let files = of_mirror(files.with("overrides.toml", overrides), "de2.example", &downtime);
    let files = of_mirror(files, "de3.example", "enabled = false");
    let server = Daemon::start(&files);
    let drained = format!("drained (override: disk swap, until {until})");
    let down = format!("drained (downtime, until {until})");
    left_out(
        &server,
        "DE",
        &[
            ("de1", &drained),
            ("de2", &down),
            ("de3", "enabled = false in the fleet file"),
            ("fr2", "removed (override: left)"),
        ],
    );
}

#[test]
fn a_feeds_words_since_when_and_versions_behind_are_told() {
    let feed = fixture::feed(1_000, &States::new()).replace(
        "\"mirrors\": { ",
        "\"mirrors\": { \"de1.example\": { \"state\": \"down\", \"since\": \"2026-11-20T02:11:00Z\" },\n\
         \"de2.example\": { \"state\": \"up\", \"daily\": 28120 },\n\
         \"de3.example\": { \"state\": \"up\", \"since\": \"2026-11-20T02:12:00Z\", \"daily\": 28127 },\n\
         \"fr1.example\": { \"state\": \"old\", \"daily\": 28128 }, \"jp1.example\": { \"state\": \"up\", \"addresses\": { \"192.0.2.31\": \"down\" } }",
    );
    let server = Daemon::start(&files(&States::new()).with("feed.json", feed));
    left_out(
        &server,
        "DE",
        &[
            ("de1", "down since 2026-11-20T02:11:00Z"),
            ("de2", "up, but 9 versions behind the record"),
            ("de3", "up since 2026-11-20T02:12:00Z, but 2 versions behind the record"),
        ],
    );
    left_out(&server, "JP", &[("jp1", "up, but its IPv4 address is down")]);
    let strings = Ask::txt(server.port(), "_pool.db.jp.clam.example").tcp().by(Tool::Dig).strings();
    assert_eq!(
        strings[1],
        "jp1.example JP: 192.0.2.31 down, 2001:db8:1::31; 100Mbit/s; left out: up, but its IPv4 address is down"
    );
    let strings = Ask::txt(server.port(), "_feed.clam.example").by(Tool::Kdig).strings();
    assert_eq!(strings[2], "mirrors: 42 up, 1 old, 2 lagging, 1 down");
}

/// "`_explain`, `_pool`: who saw what": where the feed has decided, and something is wrong.
#[test]
fn a_feeds_notes_are_told_beside_what_is_wrong() {
    let who = "5 of 7 monitors: the connection is refused; DE and US disagree";
    let of =
        |host: &str, keys: &str| format!("\"{host}.example\": {{ {keys}, \"note\": \"{who}\" }}");
    let mirrors = [
        of("de1", "\"state\": \"down\", \"since\": \"2026-11-20T02:11:00Z\""),
        of("de2", "\"state\": \"up\", \"daily\": 28120"),
        of("de3", "\"state\": \"down\""),
        of("fr1", "\"state\": \"up\", \"not-for\": [\"continent:NA\"]"),
        of("fr2", "\"state\": \"up\""),
        of("jp1", "\"state\": \"up\", \"addresses\": { \"2001:db8:1::31\": \"down\" }"),
    ];
    let feed = fixture::feed(1_000, &States::new())
        .replace("\"mirrors\": { ", &format!("\"mirrors\": {{ {}", mirrors.join(",")));
    let overrides = "[[override]]\nhost = \"de3.*\"\nstate = \"drained\"\nreason = \"disk swap\"\n";
    let files = with_feed_keys(files(&States::new()), "overrides = \"overrides.toml\"");
    let server = Daemon::start(&files.with("feed.json", feed).with("overrides.toml", overrides));
    left_out(
        &server,
        "DE",
        &[
            ("de1", &format!("down since 2026-11-20T02:11:00Z: {who}")),
            ("de2", &format!("up, but 9 versions behind the record: {who}")),
            // The feed has not decided.
            ("de3", "drained (override: disk swap)"),
            // The tests' own address is in US.
            ("fr1", &format!("not for continent:NA: {who}")),
        ],
    );
    let tail = |country: &str, host: &str| {
        let name = format!("_pool.db.{country}.clam.example");
        let strings = Ask::txt(server.port(), &name).tcp().by(Tool::Dig).strings();
        let of_host = strings.iter().find(|line| line.starts_with(host)).expect("the mirror");
        of_host.rsplit_once("bit/s; ").expect("its state").1.to_owned()
    };
    // Nothing is wrong: some monitor sees it fail, and it is up.
    assert_eq!(tail("fr", "fr2."), "up");
    assert_eq!(tail("jp", "jp1."), format!("up: {who}"));
}

/// All of a path behind the record: those least behind are answered, and both names say so.
#[test]
fn a_path_that_is_all_behind_says_so() {
    let mirrors: Vec<String> = fixture::mirrors()
        .iter()
        .map(|mirror| {
            let daily = if mirror.host == "de1.example" { 28120 } else { 28110 };
            format!("\"{}\": {{ \"state\": \"up\", \"daily\": {daily} }}", mirror.host)
        })
        .collect();
    let feed = fixture::feed(1_000, &States::new())
        .replace("\"mirrors\": { ", &format!("\"mirrors\": {{ {}", mirrors.join(",")));
    let files = files(&States::new());
    let config = files.text("cvdns.toml").to_owned() + "[record]\nquorum = 0\n";
    let server = Daemon::start(&files.with("feed.json", feed).with("cvdns.toml", config));
    let strings =
        Ask::txt(server.port(), "_explain.db.de.clam.example").tcp().by(Tool::Dig).strings();
    let note = "note=no mirror of the path holds the record: answered with those least behind";
    assert!(
        strings.contains(&note.to_owned()) && strings.contains(&"answer=192.0.2.11".to_owned()),
        "{strings:?}"
    );
    let told = Ask::txt(server.port(), "db.de.clam.example").qtype("A").by(Tool::Kdig);
    let words = "3 (Stale Answer): no mirror of the path holds the record: answered with those least behind";
    assert_eq!((told.answer.len(), told.ede.as_deref()), (1, Some(words)));
}

#[test]
fn a_mirror_that_settles_says_why_and_until_when() {
    let server = Daemon::start(&with_feed_keys(files(&States::new()), "settle = \"1h\""));
    for (serial, state) in (1_001..).zip(["down", "up", "down", "up", "down", "up"]) {
        let before = server.log().len();
        server.write_feed(&fixture::feed(serial, &states(&[("de1.example", state)])));
        server.wait_for_log(before, &[&format!("feed {serial} ")]);
    }
    let strings = Ask::txt(server.port(), "_explain.db.de.clam.example").by(Tool::Dig).strings();
    let line =
        strings.iter().find(|line| line.starts_with("left out: de1.example ")).expect("the mirror");
    let until = line
        .split_once(", until ")
        .and_then(|(_, until)| until.strip_suffix(')'))
        .expect("until when");
    let until: Timestamp = until.parse().expect("a moment");
    assert!(until > Timestamp::now(), "{line}");
    left_out(
        &server,
        "DE",
        &[("de1", &format!("out (settling: more than 3 changes in 10 minutes, until {until})"))],
    );
    let strings = Ask::txt(server.port(), "_feed.clam.example").by(Tool::Drill).strings();
    assert!(strings[2].ends_with(", 1 settling"), "{strings:?}");
}

#[test]
fn a_feed_that_is_held_back_shows() {
    let server = Daemon::start(&with_feed_keys(files(&States::new()), "interval = \"1h\""));
    let down: States = fixture::mirrors().into_iter().map(|mirror| (mirror.host, "down")).collect();
    server.write_feed(&fixture::feed(1_001, &down));
    let feed = || Ask::txt(server.port(), "_feed.clam.example").by(Tool::Dig).strings();
    server.until("a feed held back", || feed().len() == 4);
    for tool in TOOLS {
        let strings = Ask::txt(server.port(), "_feed.clam.example").by(tool).strings();
        assert_eq!(strings[0], "serial=1000");
        let expected = "held back: serial=1001, it takes away 46 of 46 usable mirrors of world, 40 of 40 of US, 40 of 40 of continent:NA, 5 of 5 of continent:EU";
        assert_eq!(strings[3], expected);
        let strings = Ask::txt(server.port(), "_explain.db.de.clam.example").by(tool).strings();
        let line = strings.last().expect("the feed's");
        let (age, held) = line
            .strip_prefix("feed serial=1000 age=")
            .and_then(|rest| rest.split_once("; "))
            .expect("both");
        assert!(is_age(age), "{line}");
        assert_eq!(
            held,
            "1001 is held back: it takes away 46 of 46 usable mirrors of world, 40 of 40 of US, 40 of 40 of continent:NA, 5 of 5 of continent:EU"
        );
    }
    // One that takes away nothing is taken, and nothing waits any more.
    server.write_feed(&fixture::feed(1_002, &States::new()));
    server.until("the next feed", || feed()[0] == "serial=1002");
    assert_eq!(feed().len(), 3);
}
