//! DNS cookies with dig, and with BIND and Knot on the same secret (RFC 9018, section 5).

#![allow(clippy::float_cmp, reason = "counts are whole numbers")]

use std::net::UdpSocket;

use crate::support::daemon::Daemon;
use crate::support::packet::Query;
use crate::support::prometheus::Page;
use crate::support::reply::Reply;
use crate::support::tools::{Peer, output, tool};
use crate::support::{PATIENCE, client::receive, fixture, ports, rr};

const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

fn cvdns() -> (Daemon, u16) {
    let (files, admin) = (fixture::files(), ports::free());
    let config = files.text("cvdns.toml");
    let config = format!(
        "{config}\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n[cookies]\nsecret-file = \"secrets\"\n"
    );
    (Daemon::start(&files.with("cvdns.toml", config).with("secrets", SECRET)), admin)
}

const ZONE: &str = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.80\n";

/// Knot with the same secret, which answers BADCOOKIE to all other cookies.
fn knotd() -> Peer {
    let (dir, port) = (tempfile::tempdir().unwrap(), ports::free());
    std::fs::write(dir.path().join("zone"), ZONE).unwrap();
    let path = dir.path().display();
    let config = format!(
        "server:\n  rundir: {path}\n  listen: 127.0.0.1@{port}\n  udp-workers: 1\n  tcp-workers: 1\n\
         log:\n  - target: stderr\n    any: info\ndatabase:\n  storage: {path}\n\
         mod-cookies:\n  - id: shared\n    secret: 0x{SECRET}\n\
         template:\n  - id: default\n    storage: {path}\n    zonefile-sync: -1\n    global-module: mod-cookies/shared\n\
         zone:\n  - domain: clam.example\n    file: zone\n"
    );
    std::fs::write(dir.path().join("knot.conf"), config).unwrap();
    let mut command = tool("knotd");
    command.arg("-c").arg(dir.path().join("knot.conf"));
    Peer::of(command, port, dir, ["clam.example"])
}

/// BIND with the same secret, which answers BADCOOKIE to all other cookies.
fn named() -> Peer {
    let (dir, port) = (tempfile::tempdir().unwrap(), ports::free());
    std::fs::write(dir.path().join("zone"), ZONE).unwrap();
    let config = format!(
        "options {{ directory \"{}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile none; recursion no; dnssec-validation no; notify no;\n\
         empty-zones-enable no; check-integrity no; answer-cookie yes; require-server-cookie yes;\n\
         cookie-algorithm siphash24; cookie-secret \"{SECRET}\"; }};\ncontrols {{ }};\n\
         zone \"clam.example\" {{ type primary; file \"zone\"; }};\n",
        dir.path().display()
    );
    std::fs::write(dir.path().join("named.conf"), config).unwrap();
    let mut command = tool("named");
    command.args(["-g", "-n", "1", "-c"]).arg(dir.path().join("named.conf"));
    Peer::of(command, port, dir, ["clam.example"])
}

fn ask(port: u16, cookie: &[u8]) -> Reply {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let query = Query::new("www.clam.example", rr::A).option(rr::COOKIE, cookie);
    socket.send(&query.build()).unwrap();
    Reply::parse(&receive(&socket).expect("an answer"))
}

fn valid(admin: u16) -> f64 {
    Page::of(admin).sum("cvdns_cookies_total", &[("outcome", "valid")])
}

/// dig sends the server's part only if it is told to: `+cookie=` with what it printed before.
#[test]
fn dig_finds_the_cookies_good() {
    let (daemon, admin) = cvdns();
    let dig = |cookie: &str| {
        let mut command = tool("dig");
        command.args(["@127.0.0.1", "-p", &daemon.port().to_string(), cookie]);
        output(command.args(["+tries=1", "www.clam.example", "A"]))
    };
    let cookie_in = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("; COOKIE: ")).expect("a cookie");
        assert!(line.ends_with(" (good)"), "{text}");
        line.split(' ').nth(2).expect("its digits").to_owned()
    };
    let first = cookie_in(&dig("+cookie"));
    assert_eq!((first.len(), valid(admin)), (48, 0.0));
    let second = cookie_in(&dig(&format!("+cookie={first}")));
    assert_eq!((second, valid(admin)), (first, 1.0));
}

#[test]
fn bind_and_cvdns_take_each_others_cookies() {
    agree(&named());
}

#[test]
fn knot_and_cvdns_take_each_others_cookies() {
    agree(&knotd());
}

fn agree(peer: &Peer) {
    let (daemon, admin) = cvdns();
    let of = |reply: &Reply| reply.option(rr::COOKIE).expect("a cookie").to_vec();
    // Without a valid cookie, and with one that was changed, it refuses.
    let refused = ask(peer.port, &[5; 8]);
    assert_eq!(refused.rcode(), rr::BADCOOKIE);
    let mut wrong = of(&refused);
    *wrong.last_mut().expect("octets") ^= 1;
    assert_eq!(ask(peer.port, &wrong).rcode(), rr::BADCOOKIE);
    let by_cvdns = of(&ask(daemon.port(), &[5; 8]));
    let taken = ask(peer.port, &by_cvdns);
    assert_eq!((taken.rcode(), taken.answer.len()), (rr::NOERROR, 1), "{}", peer.log());

    assert_eq!(valid(admin), 0.0);
    let taken = ask(daemon.port(), &of(&refused));
    assert_eq!((taken.rcode(), valid(admin)), (rr::NOERROR, 1.0));
    ask(daemon.port(), &wrong);
    assert_eq!(valid(admin), 1.0);
}
