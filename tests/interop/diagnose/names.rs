//! `_explain`, `_pool` and `_feed` at every kind of name, by every tool.

use super::ask::{Ask, TOOLS, Told, Tool, WITH_OPTIONS};
use super::oracle::{addresses, feed_line, is_age, pools, thought, without_window};
use super::server;
use crate::support::client::Transport;
use crate::support::daemon::Daemon;
use crate::support::fixture::{States, locate, mirrors, states};
use crate::support::packet::Query;
use crate::support::rr;
use std::collections::BTreeSet;

const COUNTRIES: [&str; 8] = ["DE", "FR", "JP", "US", "LI", "IS", "BR", "GB"];

/// Nothing but `up`, and a network with some of everything.
fn worlds() -> [States; 2] {
    let some = states(&[
        ("de1.example", "down"),
        ("de2.example", "drained"),
        ("fr1.example", "old"),
        ("fr2.example", "removed"),
        ("us3.example", "old"),
        ("us4.example", "down"),
    ]);
    [States::new(), some]
}

#[test]
fn explain_and_pool_at_countries_say_what_is_answered_and_why() {
    for states in worlds() {
        let server = server(&states);
        for country in COUNTRIES {
            for (suffix, ipv6) in [("", false), (".ipv6", true)] {
                let owner = format!("db.{}{suffix}.clam.example", country.to_lowercase());
                for tool in TOOLS {
                    let strings =
                        whole(&server, tool, &format!("_explain.{owner}"), None).strings();
                    let of = addresses(country, &states, ipv6);
                    assert_eq!(
                        without_window(&strings, &of, None),
                        thought(&owner, country, &states, ipv6),
                        "{owner}"
                    );
                    assert_eq!(strings[0], "client=127.0.0.1 (source)");
                    let strings = whole(&server, tool, &format!("_pool.{owner}"), None).strings();
                    assert_eq!(strings, pools(country, &states, ipv6), "{owner}");
                }
            }
        }
    }
}

/// It is one of those that the server gives: the same addresses in the same order.
#[test]
fn the_window_that_is_shown_is_answered() {
    let server = server(&States::new());
    for name in ["db.us.clam.example", "db.de.clam.example", "db.de.ipv6.clam.example"] {
        let (qtype, ipv6) = if name.contains("ipv6") { (rr::AAAA, true) } else { (rr::A, false) };
        let mut shown_once = BTreeSet::new();
        for _ in 0..5 {
            let strings =
                Ask::txt(server.port(), &format!("_explain.{name}")).by(Tool::Dig).strings();
            let shown = strings
                .iter()
                .find_map(|string| string.strip_prefix("answer="))
                .expect("addresses");
            let of = |address: &str| if ipv6 { rr::aaaa(address) } else { rr::a(address) };
            let shown: Vec<Vec<u8>> = shown.split(' ').map(of).collect();
            let query = Query::new(name, qtype);
            // There are 40 windows at most, which take turns.
            let mut answers =
                (0..200).map(|_| server.client().ask(Transport::Udp4, &query).rdata(qtype));
            assert!(answers.any(|answer| answer == shown), "{name}: {strings:?}");
            shown_once.insert(shown);
        }
        assert!(shown_once.len() > 1, "{name}: always the same window");
    }
}

/// Asks by UDP, and by TCP when that is cut.
#[track_caller]
fn whole(server: &Daemon, tool: Tool, name: &str, subnet: Option<&str>) -> Told {
    let ask = Ask { subnet, ..Ask::txt(server.port(), name) };
    let told = ask.by(tool);
    assert!(told.size <= 1232, "{}", told.text);
    if !told.cut() {
        return told;
    }
    assert!(told.answer.is_empty(), "{}", told.text);
    let told = ask.tcp().by(tool);
    assert!(!told.cut() && told.size > 1200, "{}", told.text);
    told
}

#[test]
fn explain_and_pool_near_the_client_follow_subnet_or_source() {
    for states in worlds() {
        let server = server(&states);
        for subnet in [
            "198.51.100.0/24",
            "198.51.100.65/32",
            "198.51.100.200/29",
            "203.0.113.0/24",
            "9.9.9.0/24",
            "2001:db8:8000::/48",
            "2001:db8:e000::1/128",
            "2001:db8:f800::/40",
        ] {
            let (address, length) = subnet.split_once('/').expect("a prefix");
            let (country, scope) = locate(address.parse().expect("an address"));
            for (tool, owner) in WITH_OPTIONS.into_iter().zip(["db.local", "database"]) {
                let told =
                    whole(&server, tool, &format!("_explain.{owner}.clam.example"), Some(subnet));
                let strings = told.strings();
                let of = addresses(country, &states, false);
                if country == "??" {
                    assert!(
                        strings[1].starts_with("country=unknown (country.mmdb "),
                        "{strings:?}"
                    );
                    assert!(strings.contains(&"path=world".to_owned()));
                } else {
                    assert!(
                        strings[1].starts_with(&format!("country={country} (country.mmdb ")),
                        "{strings:?}"
                    );
                }
                assert_eq!(
                    without_window(&strings, &of, Some(scope)),
                    thought("", country, &states, false)
                );
                assert_eq!(told.scope, Some(scope), "{subnet}");
                let network =
                    strings[0].strip_prefix("client=").and_then(|c| c.strip_suffix(" (ecs)"));
                assert!(
                    network.is_some_and(|net| net.ends_with(&format!("/{length}"))),
                    "{strings:?}"
                );
                let told =
                    whole(&server, tool, &format!("_pool.{owner}.clam.example"), Some(subnet));
                assert_eq!(
                    (told.strings(), told.scope),
                    (pools(country, &states, false), Some(scope))
                );
            }
        }
        // Without a subnet, and with one that says nothing, the address that asks: overrides have
        // it.
        for (server_ip, country, net) in
            [("127.0.0.1", "US", "127.0.0.0/8"), ("::1", "JP", "::1/128")]
        {
            for (subnet, tools) in [(None, &TOOLS[..]), (Some("0.0.0.0/0"), &WITH_OPTIONS)] {
                for &tool in tools {
                    let name = "_explain.db.local.clam.example";
                    let told =
                        Ask { server: server_ip, subnet, ..Ask::txt(server.port(), name) }.by(tool);
                    let strings = told.strings();
                    assert_eq!(strings[0], format!("client={server_ip} (source)"));
                    assert_eq!(strings[1], format!("country={country} (override of {net})"));
                    assert_eq!(told.scope, subnet.map(|_| 0));
                    let scope = strings
                        .iter()
                        .find_map(|s| Some(s.strip_prefix("ttl=")?.split_once(" scope=")?.1));
                    let scope = scope.and_then(|scope| scope.parse().ok()).expect("a scope");
                    let of = addresses(country, &states, false);
                    assert_eq!(
                        without_window(&strings, &of, Some(scope)),
                        thought("", country, &states, false)
                    );
                }
            }
        }
    }
}

/// The strings at names that have to do with no mirrors.
#[track_caller]
fn says(server: &Daemon, name: &str, expected: &[&str]) {
    for tool in TOOLS {
        let strings = Ask::txt(server.port(), &format!("_explain.{name}")).by(tool).strings();
        assert_eq!(strings[0], "client=127.0.0.1 (source)", "{name}");
        assert_eq!(strings[1..], *expected, "{name} by {tool:?}");
    }
}

#[test]
fn explain_at_names_without_mirrors_says_what_answers() {
    let server = server(&States::new());
    let of_the_file = "answer=records of the zone file";
    let nxdomain = "answer=NXDOMAIN: the name does not exist";
    let long = ["x".repeat(60), "y".repeat(60), "z".repeat(60)].join(".");
    let label = "w".repeat(60);
    says(&server, "clam.example", &[of_the_file]);
    says(&server, "short.example", &[of_the_file]);
    says(&server, "text.clam.example", &[of_the_file]);
    says(&server, "x.y.wild.clam.example", &[of_the_file]);
    says(
        &server,
        "alias.clam.example",
        &["alias=alias.clam.example CNAME www.clam.example", of_the_file],
    );
    says(
        &server,
        "www.old.clam.example",
        &["alias=old.clam.example DNAME clam.example", of_the_file],
    );
    says(
        &server,
        "nope.old.clam.example",
        &["alias=old.clam.example DNAME clam.example", nxdomain],
    );
    says(&server, "nope.clam.example", &[nxdomain]);
    says(&server, "db.zz.clam.example", &[nxdomain]);
    says(
        &server,
        "de.clam.example",
        &["answer=NODATA: the name exists, but has no records of this type"],
    );
    says(
        &server,
        "wild.clam.example",
        &["answer=NODATA: the name exists, but has no records of this type"],
    );
    says(
        &server,
        "daily.25580.105.1.0.6810DA54.ping.clam.example",
        &["answer=the answer to a download report, which is counted"],
    );
    says(
        &server,
        &format!("{label}.grow.clam.example"),
        &[
            &format!("alias=grow.clam.example DNAME {long}.clam.example"),
            "answer=YXDOMAIN: an alias makes the name too long",
        ],
    );
    // A zone within a zone: the longest origin answers.
    says(&server, "www.kid.clam.example", &[of_the_file]);
    says(&server, "nope.kid.clam.example", &[nxdomain]);
}

/// RFC 1034, 3.6.2: an alias is told with what it leads to.
#[test]
fn explain_at_aliases_to_mirrors_tells_both() {
    let server = server(&States::new());
    for (name, country, alias) in [
        ("mirror", "FR", "alias=mirror.clam.example CNAME db.fr.clam.example"),
        ("x.anyde", "DE", "alias=*.anyde.clam.example CNAME db.de.clam.example"),
        ("near", "US", "alias=near.clam.example CNAME db.local.clam.example"),
        ("db.jp.old", "JP", "alias=old.clam.example DNAME clam.example"),
    ] {
        for tool in TOOLS {
            let strings =
                whole(&server, tool, &format!("_explain.{name}.clam.example"), None).strings();
            assert!(strings.contains(&alias.to_owned()), "{strings:?}");
            let thought = thought("", country, &States::new(), false);
            assert!(thought.iter().all(|line| strings.contains(line)), "{strings:?} {thought:?}");
        }
    }
    let strings = whole(&server, Tool::Dig, "_pool.mirror.clam.example", None).strings();
    assert_eq!(strings, pools("FR", &States::new(), false));
}

#[test]
fn explain_at_the_record_says_it_and_how_it_came_about() {
    let server = server(&States::new());
    for tool in TOOLS {
        let record = Ask::txt(server.port(), "current.cvd.clam.example").by(tool);
        let record = record.answer[0].rdata.trim_matches('"').to_owned();
        let stamp: i64 = record.split(':').nth(3).expect("a stamp").parse().expect("a stamp");
        let strings =
            Ask::txt(server.port(), "_explain.current.cvd.clam.example").by(tool).strings();
        let (feed, rest) = strings.split_last().expect("strings");
        feed_line(feed, 1_000);
        let (stamp_line, expected) = (
            rest[3].clone(),
            [
                "client=127.0.0.1 (source)",
                "answer=what is announced of the release",
                &format!("record={record}"),
                &rest[3],
                "announced: main 63",
                "announced: daily 28129",
                "announced: bytecode 339",
            ],
        );
        assert_eq!(rest, expected);
        let age = stamp_line.strip_prefix(&format!("stamp={stamp} age=")).expect("the stamp");
        assert!(is_age(age), "{stamp_line}");
        let database =
            Ask::txt(server.port(), "_explain.daily.cvd.clam.example").by(tool).strings();
        assert_eq!(database[2], format!("record=28129:{stamp}"));
    }
}

#[test]
fn pool_where_no_pool_is_lists_the_fleet() {
    let down = states(&[("de1.example", "down")]);
    let server = server(&down);
    for (tool, name) in
        TOOLS.into_iter().zip(["clam.example", "www.clam.example", "current.cvd.clam.example"])
    {
        let strings = whole(&server, tool, &format!("_pool.{name}"), None).strings();
        assert_eq!(strings[0], "fleet: 45 of 46 usable");
        let hosts: Vec<&str> =
            strings[1..].iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(hosts, mirrors().iter().map(|mirror| mirror.host.as_str()).collect::<Vec<_>>());
        assert_eq!(
            strings[1],
            "de1.example DE: 192.0.2.11, 2001:db8:1::11; 100Mbit/s; left out: down"
        );
        assert_eq!(strings[2], "de2.example DE: 192.0.2.12, 2001:db8:1::12; 100Mbit/s; up");
    }
    // A zone without mirrors.
    let strings = whole(&server, Tool::Dig, "_pool.short.example", None).strings();
    assert_eq!(strings, ["fleet: 0 of 0 usable"]);
}

#[test]
fn feed_says_the_same_under_every_name() {
    let down =
        states(&[("de1.example", "down"), ("fr1.example", "old"), ("us1.example", "removed")]);
    let server = server(&down);
    let generated = {
        let feed = std::fs::read_to_string(server.path().join("feed.json")).expect("the feed");
        feed.split("\"generated\": \"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .expect("when")
            .to_owned()
    };
    for name in [
        "clam.example",
        "db.de.clam.example",
        "short.example",
        "kid.clam.example",
        "x.wild.clam.example",
    ] {
        for tool in TOOLS {
            let strings = Ask::txt(server.port(), &format!("_feed.{name}")).by(tool).strings();
            let age = strings[1]
                .strip_prefix(&format!("generated={generated} age="))
                .and_then(|age| age.strip_suffix(" (fresh)"));
            assert!(age.is_some_and(is_age), "{strings:?}");
            let expected = ["serial=1000", &strings[1], "mirrors: 43 up, 1 old, 1 down, 1 removed"];
            assert_eq!(strings, expected);
        }
    }
}

/// Below a delegation and outside of the zones there is nothing of ours; what does not exist has no
/// pool, feed or client.
#[test]
fn diagnostic_names_elsewhere_are_answered_as_any_other() {
    let server = server(&States::new());
    for topic in ["_explain", "_pool", "_feed", "_whoami"] {
        for tool in TOOLS {
            let ask = |name: &str| Ask::txt(server.port(), &format!("{topic}.{name}")).by(tool);
            let told = ask("other.test");
            assert_eq!(
                (told.status.as_str(), told.answer.len(), told.authority.len()),
                ("REFUSED", 0, 0)
            );
            for name in ["sub.clam.example", "a.b.sub.clam.example"] {
                let told = ask(name);
                assert_eq!(told.status, "NOERROR");
                let authority: Vec<(&str, &str)> = told
                    .authority
                    .iter()
                    .map(|line| (line.owner.as_str(), line.rtype.as_str()))
                    .collect();
                assert_eq!((authority, told.answer.len()), (vec![("sub.clam.example.", "NS")], 0));
            }
            if topic != "_explain" {
                let told = ask("nope.kid.clam.example");
                assert_eq!((told.status.as_str(), told.answer.len()), ("NXDOMAIN", 0));
                assert_eq!(
                    (told.authority[0].owner.as_str(), told.authority[0].rtype.as_str()),
                    ("kid.clam.example.", "SOA")
                );
            }
        }
    }
}

#[test]
fn what_the_zone_file_has_comes_first() {
    let server = server(&States::new());
    for tool in TOOLS {
        for (name, text) in
            [("_explain.www", "\"of the zone file\""), ("_dmarc", "\"v=DMARC1; p=reject\"")]
        {
            let told = Ask::txt(server.port(), &format!("{name}.clam.example")).by(tool);
            let line = &told.answer[0];
            assert_eq!((line.ttl, line.rdata.as_str()), (120, text));
        }
        // Other topics of the same name, and names that only look like it.
        let strings = Ask::txt(server.port(), "_pool.www.clam.example").by(tool);
        assert!(strings.cut() || strings.strings().len() > 1);
        for name in ["_explains.www", "explain.www", "_x.www", "x._explain.www"] {
            let told = Ask::txt(server.port(), &format!("{name}.clam.example")).by(tool);
            assert_eq!((told.status.as_str(), told.answer.len()), ("NXDOMAIN", 0), "{name}");
        }
    }
}

/// RFC 2308, 2.2: the names exist for TXT; RFC 4343: in any case, which is echoed.
#[test]
fn other_types_are_nodata_any_is_txt_and_case_is_the_questions() {
    let server = server(&States::new());
    for name in ["_explain.db.de", "_pool.db.local", "_feed", "_whoami.www", "_explain.nope"] {
        let name = format!("{name}.clam.example");
        for tool in TOOLS {
            for qtype in ["A", "AAAA", "SOA", "TYPE65280"] {
                if (tool, qtype) == (Tool::Drill, "TYPE65280") {
                    continue;
                }
                let told = Ask::txt(server.port(), &name).qtype(qtype).by(tool);
                assert_eq!(
                    (told.status.as_str(), told.answer.len(), told.authority.len()),
                    ("NOERROR", 0, 1),
                    "{name} {qtype}"
                );
                let soa = &told.authority[0];
                assert_eq!(
                    (soa.owner.as_str(), soa.ttl, soa.rtype.as_str()),
                    ("clam.example.", 300, "SOA")
                );
            }
            let any = Ask::txt(server.port(), &name).qtype("ANY").tcp().by(tool);
            assert!(!any.strings().is_empty());
        }
    }
    // kdig prints names in lower case, and drill asks for them so.
    let told = Ask::txt(server.port(), "_ExPlaiN.dB.De.CLAM.example").by(Tool::Dig);
    assert_eq!(told.answer[0].owner, "_ExPlaiN.dB.De.CLAM.example.");
    let lower = Ask::txt(server.port(), "_explain.db.de.clam.example").by(Tool::Dig);
    let same = |told: &Told| {
        without_window(&told.strings(), &addresses("DE", &States::new(), false), None)
    };
    assert_eq!(same(&told), same(&lower));
}
