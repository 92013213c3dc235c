//! `[rate-limit]` and `[cookies]` as whole packets of the real server: who is limited, who is not,
//! and what is counted and logged.

#![allow(clippy::float_cmp, reason = "counts are whole numbers")]

use crate::support;

use std::net::UdpSocket;
use std::time::Instant;

use support::client::{ALL, TCP, Transport, UDP, receive};
use support::daemon::{Daemon, Files};
use support::left_out::leave_out;
use support::packet::{AA, Query, TC};
use support::prometheus::Page;
use support::reply::Reply;
use support::{PATIENCE, fixture, ports, rr};

const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

/// The fixture's server with these sections, and its admin port.
fn files(sections: &str) -> (Files, u16) {
    let (files, admin) = (fixture::files(), ports::free());
    let config = files.text("cvdns.toml");
    let config = format!("{config}\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n{sections}\n");
    (files.with("cvdns.toml", config), admin)
}

fn start(sections: &str) -> (Daemon, u16) {
    let (files, admin) = files(sections);
    (Daemon::start(&files), admin)
}

/// A client with this loopback address. 127.0.1.x and 127.0.2.x are different /24s.
fn client(source: &str, daemon: &Daemon) -> UdpSocket {
    let socket = UdpSocket::bind((source, 0)).unwrap();
    socket.connect(("127.0.0.1", daemon.port())).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn question() -> Query {
    Query::new("www.clam.example", rr::A)
}

fn ask(socket: &UdpSocket, query: &Query) -> Reply {
    socket.send(&query.build()).unwrap();
    let reply = Reply::parse(&receive(socket).expect("an answer"));
    assert_eq!(reply.id, query.id);
    reply
}

/// Asks so many times at once; how many answers were full, and how many limited.
fn flood(socket: &UdpSocket, queries: usize) -> [usize; 2] {
    let queries: Vec<Query> = (0..queries).map(|_| question()).collect();
    for query in &queries {
        socket.send(&query.build()).unwrap();
    }
    let replies: Vec<Reply> = queries
        .iter()
        .map(|_| Reply::parse(&receive(socket).expect("an answer to each")))
        .collect();
    let limited = replies.iter().filter(|reply| is_limited(reply)).count();
    [replies.len() - limited, limited]
}

/// The question with TC, and nothing that could be taken for an answer.
fn is_limited(reply: &Reply) -> bool {
    let is_limited = reply.has(TC);
    assert_eq!((reply.answer.is_empty(), !reply.has(AA)), (is_limited, is_limited), "{reply:?}");
    assert_eq!(reply.rcode(), rr::NOERROR);
    is_limited
}

/// A flood at ten times the limit beside good clients.
#[test]
fn a_flooder_gets_its_limit_and_good_clients_of_other_networks_every_answer() {
    const RATE: usize = 50;
    let (daemon, admin) = start("[rate-limit]\nresponses-per-second = 50");
    let flooder = client("127.0.1.1", &daemon);
    let good: Vec<UdpSocket> =
        (1..6).map(|number| client(&format!("127.0.2.{number}"), &daemon)).collect();
    let begun = Instant::now();
    let (mut full, mut limited) = (0, 0);
    for _ in 0..20 {
        let [more, over] = flood(&flooder, 100);
        (full, limited) = (full + more, limited + over);
        for socket in &good {
            assert!(!is_limited(&ask(socket, &question())));
        }
    }
    let most = begun.elapsed().as_secs_f64().mul_add(RATE as f64, RATE as f64);
    // The clock of the limit goes in steps of up to 10 ms.
    assert!(full >= RATE && full as f64 <= most + 2.0, "{full} of at most {most}");
    let page = Page::of(admin);
    assert_eq!(page.get("cvdns_rate_limited_total", &[("action", "truncated")]), limited as f64);
    assert_eq!(page.sum("cvdns_queries_total", &[("class", "limited")]), limited as f64);
    // The flooder is named, and over TCP it is answered as ever.
    daemon.wait_for_log(0, &["over the rate limit in the last", "127.0.1.1/32 ("]);
    let expected = daemon.client().ask(Transport::Udp4, &question()).answer;
    for _ in 0..3 * RATE {
        assert_eq!(daemon.client().ask(Transport::Tcp4, &question()).answer, expected);
    }
}

/// FORMATS `[rate-limit]`: on by default, at 1,000 a second.
#[test]
fn without_a_word_the_limit_is_1000_a_second() {
    let (daemon, _) = start("[rate-limit]");
    let socket = client("127.0.1.1", &daemon);
    let begun = Instant::now();
    let (mut full, mut limited) = (0, 0);
    while limited == 0 {
        assert!(begun.elapsed() < PATIENCE, "{full} answers and no limit");
        let [more, over] = flood(&socket, 100);
        (full, limited) = (full + more, limited + over);
    }
    let most = begun.elapsed().as_secs_f64().mul_add(1000.0, 1000.0);
    assert!(full >= 1000 && full as f64 <= most + 20.0, "{full} of at most {most}");
}

/// FORMATS: "wider prefixes have multiples": 32 times for a /24.
#[test]
fn a_network_has_a_limit_of_its_own() {
    let (daemon, _) = start("[rate-limit]\nresponses-per-second = 1");
    let clients: Vec<UdpSocket> =
        (1..=200).map(|host| client(&format!("127.0.1.{host}"), &daemon)).collect();
    // At once: each second the network may have more.
    for socket in &clients {
        socket.send(&question().build()).unwrap();
    }
    let replies = clients.iter().map(|socket| receive(socket).expect("an answer to each"));
    let full = replies.filter(|octets| !is_limited(&Reply::parse(octets))).count();
    assert!((32..200).contains(&full), "{full}");
    daemon.wait_for_log(0, &["over the rate limit in the last", "127.0.1.0/24 ("]);
    assert!(!is_limited(&ask(&client("127.0.2.1", &daemon), &question())));
}

#[test]
fn slip_0_drops_and_slip_2_answers_every_second() {
    for (slip, truncated) in [(0, 0.0), (2, 50.0)] {
        let (daemon, admin) =
            start(&format!("[rate-limit]\nresponses-per-second = 1\nslip = {slip}"));
        let socket = client("127.0.1.1", &daemon);
        assert!(!is_limited(&ask(&socket, &question())));
        for _ in 0..101 {
            socket.send(&question().build()).unwrap();
        }
        let of = |action| Page::of(admin).get("cvdns_rate_limited_total", &[("action", action)]);
        // One more may be granted while a second goes by.
        daemon.until("all are counted", || of("truncated") + of("dropped") >= 95.0);
        let dropped = of("dropped");
        assert!(of("truncated") <= truncated && of("truncated") + 3.0 >= truncated * 0.9, "{slip}");
        let labels = [("transport", "udp"), ("reason", "rate_limit")];
        assert!(Page::of(admin).get("cvdns_queries_dropped_total", &labels) >= dropped);
        let labels = [("transport", "udp"), ("reason", "no_query")];
        assert_eq!(Page::of(admin).get("cvdns_queries_dropped_total", &labels), 0.0);
    }
}

/// FORMERR and NOTIMP are answers too. What is malformed cannot be asked again over TCP.
#[test]
fn malformed_queries_are_limited_and_then_dropped() {
    let (daemon, admin) = start("[rate-limit]\nresponses-per-second = 1");
    let socket = client("127.0.1.1", &daemon);
    let bad = Query::new("www.clam.example", rr::A).option(rr::ECS, &[9]);
    assert_eq!(ask(&socket, &bad).rcode(), rr::FORMERR);
    for _ in 0..50 {
        socket.send(&bad.build()).unwrap();
        socket.send(&question().opcode(2).build()).unwrap();
    }
    let of = |action| Page::of(admin).get("cvdns_rate_limited_total", &[("action", action)]);
    daemon.until("they are counted", || of("dropped") >= 90.0);
    assert_eq!(of("truncated"), 0.0);
}

#[test]
fn dry_run_counts_and_limits_nothing_and_a_reload_changes_it() {
    let (files, admin) = files("[rate-limit]\nmode = \"dry-run\"\nresponses-per-second = 1");
    let daemon = Daemon::start(&files);
    let socket = client("127.0.1.1", &daemon);
    assert_eq!(flood(&socket, 100), [100, 0]);
    let of = |action| Page::of(admin).get("cvdns_rate_limited_total", &[("action", action)]);
    assert!(of("dry_run") > 90.0 && of("truncated") + of("dropped") == 0.0);
    let config = std::fs::read_to_string(daemon.path().join("cvdns.toml")).unwrap();
    let reload = |config: &str| {
        let before = daemon.log().len();
        daemon.write_file("cvdns.toml", config);
        daemon.sighup();
        daemon.wait_for_log(before, &["reloaded"]);
        assert!(!daemon.log()[before..].contains("restart"), "{}", daemon.log());
    };
    reload(&config.replace("dry-run", "on"));
    daemon.until("the limit is on", || flood(&socket, 10)[1] > 0);
    reload(&config.replace("mode = \"dry-run\"", "exempt = [\"127.0.1.0/24\"]"));
    daemon.until("the client is exempt", || flood(&socket, 10)[1] == 0);
    assert!(flood(&client("127.0.3.1", &daemon), 100)[1] > 0);
}

fn cookie_of(reply: &Reply) -> Vec<u8> {
    let cookie = reply.option(rr::COOKIE).expect("a cookie").to_vec();
    assert_eq!(cookie.len(), 24);
    cookie
}

/// RFC 7873, 5.2: a client cookie is answered, over every transport, and the answer is otherwise
/// the same.
#[test]
fn rfc7873_5_2_each_answer_has_a_cookie_if_the_query_has() {
    let (daemon, admin) = start("");
    let plain = daemon.client().ask(Transport::Udp4, &question().edns(1232));
    assert_eq!(plain.option(rr::COOKIE), None);
    for transport in ALL {
        let reply = daemon.client().ask(transport, &question().option(rr::COOKIE, &[7; 8]));
        let cookie = cookie_of(&reply);
        assert_eq!((&cookie[..8], &cookie[8..12]), (&[7; 8][..], &[1, 0, 0, 0][..]));
        assert_eq!((reply.rcode(), &reply.answer), (rr::NOERROR, &plain.answer));
        assert_eq!(reply.length, plain.length + 28);
        // The next query has the whole cookie, and gets the same again while it is fresh.
        let reply = daemon.client().ask(transport, &question().option(rr::COOKIE, &cookie));
        assert_eq!(cookie_of(&reply), cookie);
        // Cookies that are wrong, or of another kind of server, are answered by a good one (5.2.4).
        for wrong in [[&cookie[..23], &[!cookie[23]]].concat(), [&cookie[..], &[1; 16]].concat()] {
            let reply = daemon.client().ask(transport, &question().option(rr::COOKIE, &wrong));
            assert_eq!((reply.rcode(), cookie_of(&reply).len()), (rr::NOERROR, 24));
        }
        // NXDOMAIN and REFUSED have one too.
        for name in ["nothing.clam.example", "elsewhere.test"] {
            let query = Query::new(name, rr::A).option(rr::COOKIE, &[7; 8]);
            cookie_of(&daemon.client().ask(transport, &query));
        }
    }
    let count = |transport, outcome| {
        let labels = [("transport", transport), ("outcome", outcome)];
        Page::of(admin).get("cvdns_cookies_total", &labels)
    };
    for transport in ["udp", "tcp"] {
        let counts = ["new", "valid", "invalid"].map(|outcome| count(transport, outcome));
        assert_eq!(counts, [6.0, 2.0, 4.0], "{transport}");
    }
}

/// RFC 7873, 5.2.2.
#[test]
fn rfc7873_5_2_2_a_cookie_of_another_length_is_formerr() {
    let (daemon, _) = start("");
    for length in [0, 1, 7, 9, 15, 41, 64] {
        for transport in ALL {
            let query = question().option(rr::COOKIE, &vec![1; length]);
            let reply = daemon.client().ask(transport, &query);
            assert_eq!((reply.rcode(), reply.answer.len()), (rr::FORMERR, 0), "{length}");
            assert!(reply.opt.is_some() && reply.option(rr::COOKIE).is_none());
        }
    }
}

#[test]
fn without_cookies_the_option_is_ignored_whatever_it_holds() {
    let (daemon, _) = start("[cookies]\nenabled = false");
    for cookie in [&[1; 8][..], &[1; 3], &[1; 24]] {
        let reply = daemon.client().ask(UDP[0], &question().option(rr::COOKIE, cookie));
        assert_eq!((reply.rcode(), reply.option(rr::COOKIE)), (rr::NOERROR, None));
        assert_eq!(reply.answer.len(), 2);
    }
}

/// RFC 7873, 5.2.3 and 5.2.5: under the limit a bad cookie is answered by BADCOOKIE, and a good one
/// by everything.
#[test]
fn rfc7873_5_2_3_a_valid_cookie_has_no_limit_and_badcookie_is_for_the_limited() {
    let (daemon, _) = start("[rate-limit]\nresponses-per-second = 1");
    let socket = client("127.0.1.1", &daemon);
    let new = || question().option(rr::COOKIE, &[7; 8]);
    let first = ask(&socket, &new());
    assert_eq!(first.rcode(), rr::NOERROR);
    let mut limited = ask(&socket, &new());
    daemon.until("it is limited", || {
        limited = ask(&socket, &new());
        limited.rcode() == rr::BADCOOKIE
    });
    assert!(!limited.has(TC) && limited.answer.is_empty(), "{limited:?}");
    let cookie = cookie_of(&limited);
    for _ in 0..300 {
        let reply = ask(&socket, &question().option(rr::COOKIE, &cookie));
        assert_eq!((reply.rcode(), reply.answer.len()), (rr::NOERROR, 2));
    }
    // Of another address it is worth nothing (RFC 9018, 4.4).
    let other = client("127.0.1.2", &daemon);
    daemon.until("it is limited", || {
        ask(&other, &question().option(rr::COOKIE, &cookie)).rcode() == rr::BADCOOKIE
    });
}

/// FORMATS `[cookies]`: the first secret makes, all verify; the file is watched.
#[test]
fn servers_with_one_file_of_secrets_take_each_others_cookies() {
    let sections = "[cookies]\nsecret-file = \"secrets\"\n[rate-limit]\nresponses-per-second = 1";
    let other = "445536bcd2513298075a5d379663c962";
    let with = |secrets: &str| {
        let (files, _) = files(sections);
        Daemon::start(&files.with("secrets", secrets))
    };
    let (one, two) = (with(&format!("{SECRET}\n")), with(&format!("{other}\n{SECRET}\n")));
    assert!(one.log().contains("every account of this machine"), "{}", one.log());
    let is_taken = |cookie: &[u8], daemon: &Daemon| {
        let socket = client("127.0.1.1", daemon);
        let query = || question().option(rr::COOKIE, cookie);
        (0..50).all(|_| ask(&socket, &query()).rcode() == rr::NOERROR)
    };
    let made_by = |daemon: &Daemon| {
        cookie_of(&ask(&client("127.0.1.1", daemon), &question().option(rr::COOKIE, &[9; 8])))
    };
    let (by_one, by_two) = (made_by(&one), made_by(&two));
    assert!(is_taken(&by_one, &two) && !is_taken(&by_two, &one));
    // The next step of a change of secrets.
    let before = one.log().len();
    one.write_file("secrets", &format!("{SECRET}\n{other}\n"));
    one.wait_for_log(before, &["other secrets of cookies are in force"]);
    one.until("the new secrets", || is_taken(&by_two, &one));
    assert!(is_taken(&by_one, &one));
    // A bad file changes nothing.
    let before = one.log().len();
    one.write_file("secrets", "e5e9\n");
    one.wait_for_log(before, &["are not taken, those before go on", "secrets:1:1", "4 hex digits"]);
    assert!(is_taken(&by_two, &one));
    assert!(!one.log().contains(&SECRET[..8]));
}

/// Services that answer whatever is sent to them would keep the server busy, and it them.
#[test]
fn queries_in_the_name_of_answering_services_get_no_answer() {
    let (daemon, admin) = start("");
    let mut sent = 0.0;
    for port in [7, 13, 17, 19, 37] {
        let Ok(socket) = UdpSocket::bind(("127.0.1.1", port)) else {
            leave_out("ports of answering services", "no right to bind them", false);
            return;
        };
        socket.send_to(&question().build(), ("127.0.0.1", daemon.port())).unwrap();
        sent += 1.0;
        let labels = [("transport", "udp"), ("reason", "loop")];
        daemon.until("it is counted", || {
            Page::of(admin).get("cvdns_queries_dropped_total", &labels) == sent
        });
        socket.set_nonblocking(true).unwrap();
        assert!(socket.recv(&mut [0; 512]).is_err(), "port {port} was answered");
    }
    // Other ports under 1024 are those of old resolvers.
    let socket = UdpSocket::bind(("127.0.1.1", 20)).unwrap();
    socket.connect(("127.0.0.1", daemon.port())).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(ask(&socket, &question()).answer.len(), 2);
}

/// A socket of all addresses receives what is sent to a broadcast address too.
#[test]
fn a_query_to_a_broadcast_address_gets_no_answer() {
    let (files, admin) = files("");
    let config = files.text("cvdns.toml").replace(
        "listen = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]",
        "listen = [\"0.0.0.0:@PORT@\", \"[::]:@PORT@\"]",
    );
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_broadcast(true).unwrap();
    socket.send_to(&question().build(), ("127.255.255.255", daemon.port())).unwrap();
    let labels = [("transport", "udp"), ("reason", "not_unicast")];
    daemon.until("it is counted", || {
        Page::of(admin).get("cvdns_queries_dropped_total", &labels) == 1.0
    });
    // To every other address of the machine it is answered.
    for address in ["127.0.0.1", "127.9.9.9"] {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect((address, daemon.port())).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(ask(&socket, &question()).answer.len(), 2);
    }
    let reply = daemon.client().ask(TCP[1], &question());
    assert_eq!(reply.answer.len(), 2);
}
