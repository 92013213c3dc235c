//! Servers that are replaced while clients ask.

use std::io::Write;
use std::os::unix::fs::MetadataExt;

use super::super::support::client::{ALL, Transport, framed, is_closed, read};
use super::super::support::daemon::Daemon;
use super::super::support::packet::Query;
use super::super::support::reply::Reply;
use super::super::support::{ports, rr, tools};
use super::asker::Askers;
use super::counting::{self, CounterWatch};
use super::{SOCKET, files};

/// Every query of four threads is answered, and answered right; every counter goes on.
#[test]
fn five_servers_in_turn_lose_no_query_and_no_count() {
    let (files, admin) = files();
    let mut daemon = Daemon::start(&files);
    let before = counting::read(admin);
    let askers = Askers::start(daemon.port(), 4, None);
    let watch = CounterWatch::start(admin);
    for _ in 0..5 {
        let answered = askers.answered();
        let process = daemon.pid();
        let (status, log) = daemon.replace();
        assert_eq!(status.code(), Some(0), "{log}");
        let new = format!("(process {})", daemon.pid());
        assert!(log.contains("is about to replace this server"), "{log}");
        assert!(log.contains("replaced by cvdns") && log.contains(&new), "{log}");
        daemon.wait_for_log(0, &["is to replace cvdns", &format!("(process {process})")]);
        daemon.until("the new one answers", || askers.answered() > answered + 100);
    }
    let asked = askers.stop();
    watch.stop();
    // Each of these queries was counted once, by whichever server answered it.
    let series =
        "cvdns_queries_total{transport=\"udp\",class=\"static\",type=\"A\",rcode=\"NOERROR\"}";
    let after = counting::read(admin);
    let counted = after[series] - before.get(series).copied().unwrap_or_default();
    assert!((counted - asked as f64).abs() < 0.5, "{counted} of {asked}");
}

/// RFC 7766 section 6.2.4: queries that were received are answered before a connection is closed;
/// and a connection that is idle is closed, not reset.
#[test]
fn connections_get_all_answers_and_an_orderly_end() {
    let (files, _) = files();
    let mut daemon = Daemon::start(&files);
    let query = |id| Query { id, ..Query::new("www.clam.example", rr::A) };
    let mut idle = daemon.client().tcp(Transport::Tcp4.ip());
    idle.write_all(&framed(&query(1).build())).unwrap();
    assert_eq!(Reply::parse(&read(&mut idle).expect("an answer")).id, 1);
    let mut streams: Vec<_> =
        [Transport::Tcp4, Transport::Tcp6].map(|of| daemon.client().tcp(of.ip())).into();
    for stream in &mut streams {
        let queries: Vec<u8> = (0..3000).flat_map(|id| framed(&query(id).build())).collect();
        stream.write_all(&queries).unwrap();
    }
    let (status, _) = daemon.replace();
    assert_eq!(status.code(), Some(0));
    for stream in &mut streams {
        for id in 0..3000 {
            let reply = Reply::parse(&read(stream).expect("an answer to each"));
            assert!(reply.id == id && !reply.answer.is_empty(), "{id}: {reply:?}");
        }
        assert_eq!(std::io::Read::read(stream, &mut [0]).unwrap(), 0, "an end, no reset");
    }
    assert!(is_closed(&mut idle));
    daemon.client().ask(Transport::Tcp4, &query(2));
}

/// An address that stays is taken over, one that is new is bound, one that is gone is closed. The
/// number of UDP sockets of an address stays.
#[test]
fn addresses_may_change() {
    let (files, _) = files();
    let mut daemon = Daemon::start(&files);
    let other = ports::free();
    let config = std::fs::read_to_string(daemon.path().join("cvdns.toml")).unwrap();
    let port = daemon.port();
    let listen = format!("\"127.0.0.1:{port}\", \"[::1]:{port}\"");
    let more = format!("\"127.0.0.1:{other}\", {listen}");
    daemon.write_file(
        "cvdns.toml",
        &config.replace(&listen, &more).replace("workers = 1", "workers = 3"),
    );
    daemon.replace();
    let sockets = |port: u16| {
        let output = tools::output(tools::tool_of("ss", "install iproute2").args(["-Huln"]));
        output.lines().filter(|line| line.contains(&format!(":{port} "))).count()
    };
    assert_eq!((sockets(port), sockets(other)), (2, 3));
    // A reload goes on to name the key.
    let length = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(length, &["changed: `workers` in [server]; takes effect at a restart"]);
    let query = Query::new("www.clam.example", rr::A);
    for port in [port, other] {
        let client = super::super::support::client::Client { port };
        client.ask(Transport::Udp4, &query);
        client.ask(Transport::Tcp4, &query);
    }
    daemon.write_file("cvdns.toml", &config);
    daemon.replace();
    daemon.wait_for_log(0, &[&format!("127.0.0.1:{other} is not listened on any more")]);
    assert_eq!((sockets(port), sockets(other)), (2, 0));
    for transport in ALL {
        daemon.client().ask(transport, &query);
    }
}

/// RFC 9018: a cookie stays valid, though its secret was made at random by the first server.
#[test]
fn cookies_stay_valid() {
    let (files, admin) = files();
    let mut daemon = Daemon::start(&files);
    let query = || Query::new("www.clam.example", rr::A);
    let ask = |daemon: &Daemon, cookie: &[u8]| {
        let reply =
            daemon.client().ask(Transport::Udp4, &query().edns(1232).option(rr::COOKIE, cookie));
        reply.option(rr::COOKIE).expect("a cookie").to_vec()
    };
    let cookie = ask(&daemon, &[7; 8]);
    for _ in 0..2 {
        daemon.replace();
        ask(&daemon, &cookie);
    }
    let valid = "cvdns_cookies_total{transport=\"udp\",outcome=\"valid\"}";
    assert!((counting::read(admin)[valid] - 2.0).abs() < 0.5);
}

/// Each mode of UDP goes on in the same mode; the other one is refused. The file of the socket
/// stays as it is, for its account alone.
#[test]
fn the_mode_of_udp_stays() {
    let (files, _) = files();
    for [mode, other] in [["portable", "mmsg"], ["mmsg", "portable"]] {
        let config = |udp: &str| {
            files.text("cvdns.toml").replace("[server]", &format!("[server]\nudp = \"{udp}\""))
        };
        let mut daemon = Daemon::start(&files.clone().with("cvdns.toml", config(mode)));
        let path = daemon.path().join(SOCKET);
        let file = || std::fs::metadata(&path).map(|file| (file.ino(), file.mode() & 0o777));
        let first = file().unwrap();
        assert_eq!(first.1, 0o600);
        let askers = Askers::start(daemon.port(), 2, None);
        daemon.replace();
        let written = std::fs::read_to_string(daemon.path().join("cvdns.toml")).unwrap();
        let is = |udp| format!("udp = \"{udp}\"");
        daemon.write_file("cvdns.toml", &written.replace(&is(mode), &is(other)));
        let (status, said) = daemon.fail_to_replace();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("another mode of UDP"), "{said}");
        daemon.wait_for_log(0, &["another mode of udp", "this server goes on"]);
        askers.stop();
        assert_eq!(file().unwrap(), first);
        assert_eq!(daemon.terminate().code(), Some(0));
        assert!(file().is_err(), "removed");
    }
}

/// SIGTERM at load: everything that was received is answered. What is sent afterwards is not.
#[test]
fn a_stop_at_load_answers_what_was_received() {
    let (files, _) = files();
    let daemon = Daemon::start(&files);
    let query = |id| Query { id, ..Query::new("www.clam.example", rr::A) }.build();
    let sockets: Vec<_> = (0..50).map(|_| daemon.client().udp([127, 0, 0, 1].into())).collect();
    // Stopped by a signal, it reads nothing; it goes on to find the queries and the stop.
    tools::signal(daemon.pid(), "STOP");
    for socket in &sockets {
        for id in 0..20 {
            socket.send(&query(id)).unwrap();
        }
    }
    tools::signal(daemon.pid(), "TERM");
    tools::signal(daemon.pid(), "CONT");
    for socket in &sockets {
        let mut ids: Vec<u16> = (0..20)
            .map(|_| {
                let octets = super::super::support::client::receive(socket);
                Reply::parse(&octets.expect("an answer to each")).id
            })
            .collect();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(0..20));
    }
    assert_eq!(daemon.wait().code(), Some(0));
}
