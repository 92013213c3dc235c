//! Metrics against the queries that were sent, to the last one: the real daemon, and the parser
//! that Prometheus publishes.

#![allow(clippy::float_cmp, reason = "counts are whole numbers")]

use crate::support;

use std::collections::BTreeMap;
use std::time::Duration;

use support::client::{ALL, Transport, UDP, send};
use support::daemon::{Daemon, Files};
use support::fixture::{self, Set, States, groups, mirrors, path, pool, states};
use support::packet::{self, Query};
use support::prometheus::{Page, labels};
use support::reply::Reply;
use support::{ports, rr};

/// A query, and as what it is counted.
struct Case {
    query: Query,
    class: &'static str,
    qtype: &'static str,
    rcode: &'static str,
    /// Too long for UDP.
    long: bool,
    /// Whose mirrors it asks for, and whether for AAAA.
    mirrors: Option<(Whose, bool)>,
}

#[derive(Clone, Copy)]
enum Whose {
    Country(&'static str),
    Europe,
    /// The client's own, by its address.
    Client,
}

fn case(
    name: &str,
    qtype: u16,
    class: &'static str,
    label: &'static str,
    rcode: &'static str,
) -> Case {
    Case { query: Query::new(name, qtype), class, qtype: label, rcode, long: false, mirrors: None }
}

fn of_mirrors(name: &str, whose: Whose, ipv6: bool) -> Case {
    let is_local = matches!(name, "db.local" | "database" | "near");
    let class = if is_local { "local" } else { "country" };
    let (qtype, label) = if ipv6 { (rr::AAAA, "AAAA") } else { (rr::A, "A") };
    let name = format!("{name}.clam.example");
    Case { mirrors: Some((whose, ipv6)), ..case(&name, qtype, class, label, "NOERROR") }
}

impl Case {
    fn with(self, change: impl FnOnce(Query) -> Query) -> Self {
        Self { query: change(self.query), ..self }
    }

    fn has_ecs(&self) -> bool {
        self.query
            .edns
            .as_ref()
            .is_some_and(|opt| opt.version == 0 && opt.option(rr::ECS).is_some())
            && self.class != "malformed"
    }
}

/// Every kind of name, type and outcome.
fn cases() -> Vec<Case> {
    let mut cases = vec![
        of_mirrors("db.de", Whose::Country("DE"), false),
        of_mirrors("DB.de", Whose::Country("DE"), false),
        of_mirrors("db.de", Whose::Country("DE"), true),
        of_mirrors("db.li", Whose::Country("LI"), false),
        of_mirrors("db.jp", Whose::Country("JP"), false),
        of_mirrors("db.jp", Whose::Country("JP"), true),
        of_mirrors("db.us", Whose::Country("US"), false),
        of_mirrors("db.br", Whose::Country("BR"), false),
        of_mirrors("db.europe", Whose::Europe, false),
        of_mirrors("mirror", Whose::Country("FR"), false),
        of_mirrors("db.local", Whose::Client, false),
        of_mirrors("db.local", Whose::Client, true),
        of_mirrors("database", Whose::Client, false),
        of_mirrors("near", Whose::Client, false),
        of_mirrors("db.local", Whose::Country("DE"), false)
            .with(|query| query.subnet("198.51.100.0/26")),
        of_mirrors("db.local", Whose::Country("JP"), true)
            .with(|query| query.subnet("2001:db8:e000::/40")),
        of_mirrors("db.local", Whose::Client, false).with(|query| query.subnet("0.0.0.0/0")),
        case("db.fr.clam.example", rr::AAAA, "country", "AAAA", "NOERROR"),
        case("db.de.clam.example", rr::MX, "country", "MX", "NOERROR"),
        case("db.local.clam.example", rr::TXT, "local", "TXT", "NOERROR"),
        case("current.cvd.clam.example", rr::TXT, "record", "TXT", "NOERROR"),
        case("daily.cvd.clam.example", rr::TXT, "record", "TXT", "NOERROR"),
        case("current.cvd.clam.example", rr::ANY, "record", "ANY", "NOERROR"),
        case("current.cvd.clam.example", rr::A, "record", "A", "NOERROR"),
        case("daily.1.1.1.0.C000020B.ping.clam.example", rr::A, "ping", "A", "NOERROR"),
        case("x.ping.clam.example", rr::AAAA, "ping", "AAAA", "NOERROR"),
        case("www.clam.example", rr::A, "static", "A", "NOERROR"),
        case("clam.example", rr::SOA, "static", "SOA", "NOERROR"),
        case("clam.example", rr::NS, "static", "NS", "NOERROR"),
        case("short.example", 65_280, "static", "other", "NOERROR"),
        case("x.sub.clam.example", rr::A, "static", "A", "NOERROR"),
        case("nothing.clam.example", 65, "static", "HTTPS", "NXDOMAIN"),
        case("x.db.de.clam.example", rr::SRV, "static", "SRV", "NXDOMAIN"),
        case("elsewhere.example", rr::A, "foreign", "A", "REFUSED"),
        case("www.clam.example", rr::A, "foreign", "A", "REFUSED").with(|query| query.class(4)),
        case("version.bind", rr::TXT, "server", "TXT", "NOERROR").with(|query| query.class(rr::CH)),
        case("what.bind", rr::TXT, "foreign", "TXT", "REFUSED").with(|query| query.class(rr::CH)),
        case("_whoami.clam.example", rr::TXT, "diagnostic", "TXT", "NOERROR"),
        case("_explain.db.de.clam.example", rr::TXT, "diagnostic", "TXT", "NOERROR")
            .with(|q| q.edns(1232)),
        case("clam.example", 252, "other", "other", "REFUSED"),
        case("clam.example", rr::SOA, "other", "SOA", "BADVERS")
            .with(|q| q.opt(|opt| opt.version = 1)),
        case("clam.example", rr::SOA, "other", "other", "NOTIMP").with(|query| query.opcode(2)),
        case("db.de.clam.example", rr::A, "malformed", "A", "FORMERR")
            .with(|query| query.option(rr::ECS, &[0, 1, 24, 1, 192, 0, 2])),
    ];
    for (name, size) in [("mid", None), ("large", Some(1232))] {
        let query = |query: Query| size.map_or(query.clone(), |size| query.edns(size));
        let long =
            case(&format!("{name}.clam.example"), rr::TXT, "static", "TXT", "NOERROR").with(query);
        cases.push(Case { long: true, ..long });
    }
    let long = of_mirrors("db.us.big", Whose::Country("US"), false);
    cases.push(Case { long: true, ..long });
    cases
}

/// What the server must have counted.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    queries: BTreeMap<BTreeMap<String, String>, f64>,
    ecs: [f64; 2],
    truncated: [f64; 2],
    widened: [f64; 2],
    open: [f64; 2],
    paths: BTreeMap<BTreeMap<String, String>, f64>,
    mirrors: BTreeMap<String, f64>,
}

impl Expected {
    /// One of the cases, over one transport, while mirrors stand so.
    fn add(&mut self, case: &Case, transport: Transport, states: &States) {
        let (name, tcp) =
            (if transport.is_udp() { "udp" } else { "tcp" }, usize::from(!transport.is_udp()));
        let kind = [
            ("transport", name),
            ("class", case.class),
            ("type", case.qtype),
            ("rcode", case.rcode),
        ];
        *self.queries.entry(labels(&kind)).or_default() += 1.0;
        self.ecs[tcp] += f64::from(u8::from(case.has_ecs()));
        if case.long && transport.is_udp() {
            self.truncated[0] += 1.0;
        } else if let Some((whose, ipv6)) = case.mirrors {
            self.add_mirrors(whose, ipv6, transport, tcp, states);
        }
    }

    fn add_mirrors(
        &mut self,
        whose: Whose,
        ipv6: bool,
        transport: Transport,
        tcp: usize,
        states: &States,
    ) {
        let country = match whose {
            Whose::Country(country) => Some(country),
            Whose::Europe => None,
            Whose::Client if transport.ip().is_ipv4() => Some(fixture::RESOLVER4),
            Whose::Client => Some(fixture::RESOLVER6),
        };
        let all = country.map_or(vec!["EU", "world"], path);
        let along: Vec<&str> = all.iter().copied().filter(|name| !pool(name).is_empty()).collect();
        let family = |states: &States| {
            let (v4, v6) = groups(&along, states, false);
            if ipv6 { v6 } else { v4 }
        };
        let (found, open) = match family(states) {
            none if none.is_empty() => (family(&States::new()), true),
            found => (found, false),
        };
        let words = along.iter().map(|name| match *name {
            "world" => "world".to_owned(),
            // Of the fixture's countries none is called as its continents.
            "EU" | "AS" | "NA" | "SA" => format!("continent:{name}"),
            country => country.to_owned(),
        });
        let words: Vec<String> = words.collect();
        let first = if words[0].len() == 2 { words[0].as_str() } else { "" };
        let label = [("zone", fixture::ORIGIN), ("path", &words.join(" ")), ("country", first)];
        *self.paths.entry(labels(&label)).or_default() += 1.0;
        let near = rdata(&pool(along[0]), ipv6);
        let away = country.is_some_and(|country| country != along[0]);
        if open {
            self.open[tcp] += 1.0;
        } else if away || found.all().iter().any(|rdata| !near.contains(rdata)) {
            self.widened[tcp] += 1.0;
        }
        for mirror in mirrors() {
            let address = rdata(std::slice::from_ref(&mirror), ipv6);
            // Mirrors of equal weight are first equally often; those that fill up never are.
            if let Some((front, _)) = found.0.first()
                && !address.is_disjoint(front)
            {
                *self.mirrors.entry(mirror.host).or_default() += 1.0 / front.len() as f64;
            }
        }
    }

    /// Compares with what was added between two pages.
    fn must_be(&self, before: &Page, after: &Page) {
        assert_eq!(after.since(before, "cvdns_queries_total"), self.queries);
        let by_transport = |name: &str| {
            ["udp", "tcp"].map(|transport| {
                let get = |page: &Page| page.get(name, &[("transport", transport)]);
                get(after) - get(before)
            })
        };
        assert_eq!(by_transport("cvdns_queries_ecs_total"), self.ecs, "ECS");
        assert_eq!(by_transport("cvdns_answers_truncated_total"), self.truncated, "truncated");
        assert_eq!(by_transport("cvdns_answers_widened_total"), self.widened, "widened");
        assert_eq!(by_transport("cvdns_answers_fail_open_total"), self.open, "fail-open");
        assert_eq!(by_transport("cvdns_answers_lagging_total"), [0.0; 2]);
        assert_eq!(after.since(before, "cvdns_path_answers_total"), self.paths);
        let shares = after.since(before, "cvdns_mirror_answers_total");
        let shares: BTreeMap<&str, f64> =
            shares.iter().map(|(l, share)| (l["mirror"].as_str(), *share)).collect();
        assert!(shares.keys().eq(self.mirrors.keys()), "{shares:?}\n{:?}", self.mirrors);
        for (host, share) in &self.mirrors {
            assert!(
                (shares[host.as_str()] - share).abs() < 1e-6,
                "{host}: {} {share}",
                shares[host.as_str()]
            );
        }
        // Each answer of a path is shared out among its mirrors as a whole.
        let [paths, mirrors] = ["cvdns_path_answers_total", "cvdns_mirror_answers_total"]
            .map(|name| after.sum(name, &[]));
        assert!((paths - mirrors).abs() < 1e-6 * paths.max(1.0), "{paths} {mirrors}");
    }
}

fn rdata(of: &[fixture::Mirror], ipv6: bool) -> Set {
    of.iter()
        .filter_map(
            |mirror| {
                if ipv6 { mirror.v6.as_deref().map(rr::aaaa) } else { Some(rr::a(&mirror.v4)) }
            },
        )
        .collect()
}

/// The fixture's server with an admin address and these lines under `[server]`.
fn start(server: &str) -> (Daemon, u16) {
    let port = ports::free();
    let files: Files = fixture::files();
    let config = files
        .text("cvdns.toml")
        .replace("[server]\n", &format!("[server]\n{server}\n"))
        .replace("[feed]\n", "[feed]\nmax-loss = 1\n");
    let config = format!("{config}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n");
    (Daemon::start(&files.with("cvdns.toml", config)), port)
}

/// Sends every case over every transport.
fn send_all(daemon: &Daemon, states: &States, expected: &mut Expected) {
    for case in &cases() {
        for transport in ALL {
            let bytes =
                daemon.client().exchange(transport, &case.query.build()).expect("an answer");
            let reply = Reply::parse(&bytes);
            let truncated = reply.has(packet::TC);
            assert_eq!(truncated, case.long && transport.is_udp(), "{:?}", case.query);
            expected.add(case, transport, states);
        }
    }
}

/// All that is asked is counted once, as what it is, whatever happens meanwhile: feeds come,
/// snapshots go, a reload.
fn every_query_is_counted(server: &str) {
    let (daemon, port) = start(server);
    let before = Page::of(port);
    let mut expected = Expected::default();
    let all_down: Vec<String> = mirrors().into_iter().map(|mirror| mirror.host).collect();
    let all_down: Vec<(&str, &str)> = all_down.iter().map(|host| (host.as_str(), "down")).collect();
    let phases = [
        States::new(),
        states(&[("de1.example", "down"), ("de2.example", "old"), ("jp1.example", "drained")]),
        states(&all_down),
        states(&[("us3.example", "removed")]),
    ];
    for (serial, states) in (2_000..).zip(&phases) {
        let length = daemon.log().len();
        daemon.write_feed(&fixture::feed(serial, states));
        daemon.wait_for_log(length, &[&format!("feed {serial} ")]);
        send_all(&daemon, states, &mut expected);
        expected.must_be(&before, &Page::of(port));
    }
    let length = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(length, &["reloaded "]);
    send_all(&daemon, &phases[3], &mut expected);
    // Snapshots that nobody answers from any more are gone after half a second; what they counted
    // is not.
    std::thread::sleep(Duration::from_millis(1_200));
    let after = Page::of(port);
    expected.must_be(&before, &after);
    assert_eq!(
        after.sum("cvdns_reloads_total", &[]),
        after.get("cvdns_reloads_total", &[("outcome", "done")])
    );
    assert!((after.sum("cvdns_reloads_total", &[]) - 1.0).abs() < 1e-9);
    let compiled = |page: &Page| page.get("cvdns_snapshots_compiled_total", &[]);
    assert!(compiled(&after) - compiled(&before) >= 5.0, "four feeds and a reload");
    assert!(after.get("cvdns_snapshot_compile_seconds", &[]) > 0.0);
}

#[test]
fn every_query_is_counted_by_batches() {
    every_query_is_counted("udp = \"mmsg\"");
}

#[test]
fn every_query_is_counted_by_portable_udp() {
    every_query_is_counted("udp = \"portable\"");
}

/// What gets no answer is counted by why; sums of workers and of ends are those of the whole.
#[test]
fn what_gets_no_answer_is_counted() {
    for server in ["udp = \"mmsg\"", "udp = \"portable\""] {
        let (daemon, port) = start(server);
        let before = Page::of(port);
        let dropped = |page: &Page, transport, reason| {
            let of = [("transport", transport), ("reason", reason)];
            page.get("cvdns_queries_dropped_total", &of)
                - before.get("cvdns_queries_dropped_total", &of)
        };
        let answer = Query::new("db.de.clam.example", rr::A).flags(packet::QR).build();
        for transport in UDP {
            let socket = daemon.client().udp(transport.ip());
            for message in [&answer[..], &answer[..11]] {
                socket.send(message).expect("sent");
            }
        }
        let mut stream = daemon.client().tcp([127, 0, 0, 1].into());
        send(&mut stream, &answer);
        // A length that no message can have ends the connection.
        std::io::Write::write_all(&mut stream, &[0, 3]).expect("sent");
        let got = |page: &Page| {
            [("udp", "no_query"), ("tcp", "no_query")]
                .map(|(transport, reason)| dropped(page, transport, reason))
        };
        daemon.until("all drops", || got(&Page::of(port)) == [4.0, 1.0]);
        let open = |page: &Page| page.get("cvdns_tcp_connections", &[]);
        daemon.until("no connection", || open(&Page::of(port)) < 0.5);
        let idle = daemon.client().tcp([127, 0, 0, 1].into());
        daemon.until("a connection", || (open(&Page::of(port)) - 1.0).abs() < 0.1);
        drop(idle);
        daemon.until("no connection", || open(&Page::of(port)) < 0.5);
        let page = Page::of(port);
        let malformed = page.get("cvdns_tcp_connections_ended_total", &[("how", "malformed")]);
        assert!((malformed - 1.0).abs() < 1e-9);
        let sum = |name: &str| page.sum(name, &[]);
        assert_eq!(
            sum("cvdns_tcp_connections_accepted_total"),
            sum("cvdns_tcp_connections_ended_total")
        );
        let udp = page.get("cvdns_queries_received_total", &[("transport", "udp")]);
        assert_eq!(sum("cvdns_udp_worker_received_total"), udp);
        assert!(
            sum("cvdns_udp_worker_batches_total") <= udp
                && sum("cvdns_udp_worker_batches_total") > 0.0
        );
        let address =
            [("address", format!("127.0.0.1:{}", daemon.port())), ("worker", "0".to_owned())];
        let address = address.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert!(page.get("cvdns_udp_worker_received_total", &address) >= 3.0);
        // What was received was answered or dropped.
        let answered = page.get("cvdns_answers_sent_total", &[("transport", "udp")]);
        assert_eq!(
            udp,
            answered + page.sum("cvdns_queries_dropped_total", &[("transport", "udp")])
        );
        assert_eq!(answered, page.sum("cvdns_queries_total", &[("transport", "udp")]));
    }
}

#[test]
fn mirrors_are_counted_by_how_they_stand() {
    let (daemon, port) = start("");
    let said = states(&[
        ("de1.example", "down"),
        ("de2.example", "old"),
        ("jp1.example", "drained"),
        ("us1.example", "removed"),
    ]);
    let length = daemon.log().len();
    daemon.write_feed(&fixture::feed(2_000, &said));
    daemon.wait_for_log(length, &["feed 2000 "]);
    let page = Page::of(port);
    let by_state: BTreeMap<String, f64> =
        ["up", "old", "drained", "down", "removed", "lagging", "settling", "disabled"]
            .map(|state| (state.to_owned(), page.get("cvdns_mirrors", &[("state", state)])))
            .into();
    let counts = [
        ("disabled", 0),
        ("down", 1),
        ("drained", 1),
        ("lagging", 0),
        ("old", 1),
        ("removed", 1),
        ("settling", 0),
        ("up", 42),
    ];
    let expected: BTreeMap<String, f64> =
        counts.map(|(state, count)| (state.to_owned(), f64::from(count))).into();
    assert_eq!(by_state, expected);
    assert!((page.sum("cvdns_mirrors", &[]) - mirrors().len() as f64).abs() < 1e-9);
    let now = jiff::Timestamp::now().as_second() as f64;
    let generated = page.get("cvdns_feed_generated_timestamp_seconds", &[]);
    let age = page.get("cvdns_feed_age_seconds", &[]);
    assert!(
        age >= 0.0 && generated + age <= now + 1.0 && generated + age > now - 60.0,
        "{generated} {age} {now}"
    );
    let stamp = page.get("cvdns_record_stamp_timestamp_seconds", &[]);
    let age = page.get("cvdns_record_age_seconds", &[]);
    assert!(stamp + age <= now + 1.0 && stamp + age > now - 60.0, "{stamp} {age} {now}");
    let started = page.get("cvdns_start_time_seconds", &[]);
    assert!(started <= now + 1.0 && started > now - 600.0, "{started} {now}");
}
