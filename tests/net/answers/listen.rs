//! Where answers come from.

use super::{Daemon, udp, www};
use crate::support::client::receive;
use crate::support::packet::Query;
use crate::support::place;
use crate::support::reply::Reply;
use crate::support::rr;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// RFC 2181, 4.1: from the address that was asked, also where the server listens on all of them. A
/// connected socket takes answers from no other.
///
/// Portable UDP cannot: the system's plain calls tell neither which address was asked nor take one
/// to answer from. So it warns of wildcards.
#[test]
fn rfc2181_4_1_answers_come_from_the_address_asked() {
    let files = super::files();
    let config = files.text("cvdns.toml").replace("127.0.0.1:@PORT@", "0.0.0.0:@PORT@");
    let config = config.replace("[::1]:@PORT@", "[::]:@PORT@");
    let server = Daemon::start(&files.with("cvdns.toml", config));
    if udp() == "portable" {
        let log = server.log();
        return assert_eq!(
            log.matches("from the address that routing chooses").count(),
            2,
            "{log}"
        );
    }
    for pair in place::pairs() {
        let [from, to]: [IpAddr; 2] = pair.map(|ip| ip.parse().expect("an address"));
        let socket = UdpSocket::bind(SocketAddr::new(from, 0)).expect("a socket");
        socket.connect(SocketAddr::new(to, server.port())).expect("a loopback route");
        socket.set_read_timeout(Some(crate::support::PATIENCE)).expect("a timeout");
        let query = Query::new("www.clam.example", rr::A);
        socket.send(&query.build()).expect("sent");
        let answer = receive(&socket).unwrap_or_else(|| panic!("no answer from {to}"));
        let expected = Reply::to(&query).with_answer(www("www.clam.example"));
        Reply::parse(&answer).must_be(&expected, "from the address asked");
    }
}
