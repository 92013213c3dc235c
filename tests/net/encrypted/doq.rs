//! DNS over QUIC (RFC 9250).

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, VarInt};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::{Encrypted, client_config};
use crate::support::client::framed;
use crate::support::packet::Query;
use crate::support::{PATIENCE, rr};

/// A client of QUIC.
pub(super) struct Client {
    pub(super) runtime: Runtime,
    pub(super) endpoint: Endpoint,
}

impl Client {
    pub(super) fn new(protocol: &[u8]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let entered = runtime.enter();
        let (config, _) = client_config(&[protocol]);
        let config = QuicClientConfig::try_from(config).expect("TLS 1.3");
        let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
        endpoint.set_default_client_config(ClientConfig::new(Arc::new(config)));
        drop(entered);
        Self { runtime, endpoint }
    }

    pub(super) fn connect(&self, port: u16) -> Result<Connection, ConnectionError> {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.runtime.block_on(async {
            let connecting = self.endpoint.connect(server, "ns1.clam.example").expect("begun");
            timeout(PATIENCE, connecting).await.expect("an end of the handshake")
        })
    }

    /// Sends these octets on a stream of its own and returns all that comes back.
    pub(super) fn exchange(&self, connection: &Connection, octets: &[u8]) -> Option<Vec<u8>> {
        self.runtime.block_on(async {
            let (mut send, mut receive) = connection.open_bi().await.ok()?;
            send.write_all(octets).await.ok()?;
            send.finish().ok()?;
            let read = timeout(PATIENCE, receive.read_to_end(1 << 20)).await;
            read.expect("an end of the stream").ok()
        })
    }

    /// The code with which the server closes the connection.
    fn code(&self, connection: &Connection) -> VarInt {
        let closed = async { timeout(PATIENCE, connection.closed()).await };
        let closed = self.runtime.block_on(closed);
        match closed.expect("closed") {
            ConnectionError::ApplicationClosed(close) => close.error_code,
            other => panic!("{other}"),
        }
    }
}

/// A query with ID 0 (section 4.2.1).
pub(super) fn query(name: &str, qtype: u16) -> Query {
    Query { id: 0, ..Query::new(name, qtype) }
}

const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);

/// Section 4.3.3: what breaks the protocol ends the connection with `DOQ_PROTOCOL_ERROR`.
#[test]
fn rfc9250_4_3_3_protocol_errors_end_the_connection() {
    let server = Encrypted::start();
    let client = Client::new(b"doq");
    let good = query("db.de.clam.example", rr::A);
    let with_id = Query { id: 7, ..good.clone() };
    let bad: [(&str, Vec<u8>); 6] = [
        ("an ID", framed(&with_id.build())),
        ("a keepalive option", framed(&good.clone().option(11, &[]).build())),
        ("two queries", [framed(&good.build()), framed(&good.build())].concat()),
        ("a length that is too long", [&[0, 200][..], &good.build()].concat()),
        ("no octets", Vec::new()),
        ("no header", framed(&[0; 11])),
    ];
    for (what, octets) in bad {
        let connection = client.connect(server.doq).expect("connected");
        assert_eq!(client.exchange(&connection, &octets), None, "{what}");
        assert_eq!(client.code(&connection), PROTOCOL_ERROR, "{what}");
    }
    let connection = client.connect(server.doq).expect("connected");
    assert!(client.exchange(&connection, &framed(&good.build())).is_some());
}

/// Section 4.3.3: a stream that does not end behind its query, or within it, is an error as well,
/// once its time is over; a query that the client takes back is none.
#[test]
fn rfc9250_4_3_3_streams_must_end() {
    let server = Encrypted::start();
    let client = Client::new(b"doq");
    let whole = framed(&query("db.de.clam.example", rr::A).build());
    for (what, octets) in [("a query", &whole[..]), ("a part of one", &whole[..9])] {
        let connection = client.connect(server.doq).expect("connected");
        let kept = client.runtime.block_on(async {
            let (mut send, receive) = connection.open_bi().await.expect("a stream");
            send.write_all(octets).await.expect("sent");
            (send, receive)
        });
        assert!(client.exchange(&connection, &whole).is_some(), "other streams do not wait");
        assert_eq!(client.code(&connection), PROTOCOL_ERROR, "without an end behind {what}");
        drop(kept);
    }
    let connection = client.connect(server.doq).expect("connected");
    client.runtime.block_on(async {
        let (mut send, _receive) = connection.open_bi().await.expect("a stream");
        send.write_all(&whole[..9]).await.expect("sent");
        // DOQ_REQUEST_CANCELLED (section 4.3.1).
        send.reset(VarInt::from_u32(3)).expect("reset");
    });
    assert!(client.exchange(&connection, &whole).is_some(), "the connection goes on");
}

/// Section 4.2: clients have no use for streams of one direction, and get none; the server opens no
/// stream itself.
#[test]
fn rfc9250_4_2_streams_are_opened_by_clients_for_both_directions() {
    let server = Encrypted::start();
    let client = Client::new(b"doq");
    let connection = client.connect(server.doq).expect("connected");
    let whole = framed(&query("db.de.clam.example", rr::A).build());
    assert!(client.exchange(&connection, &whole).is_some());
    // By then the server has said what streams there may be.
    let now = Duration::ZERO;
    client.runtime.block_on(async {
        assert!(timeout(now, connection.open_uni()).await.is_err(), "a stream of one direction");
        assert!(timeout(now, connection.accept_bi()).await.is_err(), "a stream of the server");
        assert!(timeout(now, connection.accept_uni()).await.is_err(), "likewise");
    });
}

/// Many queries of a connection are answered, each on its stream (section 4.2).
#[test]
fn rfc9250_4_2_each_stream_has_its_answer() {
    let server = Encrypted::start();
    let client = Client::new(b"doq");
    let connection = client.connect(server.doq).expect("connected");
    let names = ["db.de", "db.fr", "current.cvd", "nothing", "db.local", "www"];
    for round in 0..50 {
        for name in names {
            let query = query(&format!("{name}.clam.example"), rr::A);
            let octets = client.exchange(&connection, &framed(&query.build())).expect("an answer");
            let (length, answer) = octets.split_first_chunk::<2>().expect("a length");
            assert_eq!(usize::from(u16::from_be_bytes(*length)), answer.len(), "{round}: {name}");
            assert_eq!(answer[..2], [0, 0]);
            assert_eq!(answer[12..12 + query.question().len()], query.question(), "{name}");
        }
    }
}

/// Section 4.1.1: whoever asks for another protocol gets no connection.
#[test]
fn rfc9250_4_1_1_other_protocols_are_refused() {
    let server = Encrypted::start();
    let refused = Client::new(b"h3").connect(server.doq).expect_err("refused");
    // no_application_protocol (RFC 7301 section 3.2).
    assert!(refused.to_string().contains("error 120"), "{refused}");
}

/// Clients that begin a handshake and go away: few enough that nobody has to show an address.
const FORGED: u64 = 20;

/// Packets whose source may be forged, and that are followed by nothing, delay nobody: each
/// handshake is waited for apart.
#[test]
fn forged_initials_delay_nobody() {
    let server = Encrypted::start();
    for _ in 0..FORGED {
        let initial = initial();
        let forger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        forger.send_to(&initial, (Ipv4Addr::LOCALHOST, server.doq)).expect("sent");
    }
    let begun = std::time::Instant::now();
    let good = Client::new(b"doq");
    let connection = good.connect(server.doq).expect("connected");
    let query = query("db.de.clam.example", rr::A);
    assert!(good.exchange(&connection, &framed(&query.build())).is_some());
    // Each of them has three seconds (docs/encrypted.md), which they would wait for one after the
    // other: so many that the slowest machine has answered before.
    let most = Duration::from_secs(3 * FORGED);
    assert!(begun.elapsed() < most, "{:?}", begun.elapsed());
}

/// The first packet of a client.
pub(super) fn initial() -> Vec<u8> {
    let sink = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    sink.set_nonblocking(true).expect("set");
    let (client, server) = (Client::new(b"doq"), sink.local_addr().expect("an address"));
    let packet = client.runtime.block_on(async {
        let sink = tokio::net::UdpSocket::from_std(sink).expect("registered");
        let _connecting = client.endpoint.connect(server, "x").expect("begun");
        let mut packet = vec![0; 2048];
        let length = timeout(PATIENCE, sink.recv(&mut packet)).await.expect("in time");
        packet.truncate(length.expect("an Initial packet"));
        packet
    });
    assert!(packet.len() >= 1200, "RFC 9000 section 8.1");
    packet
}
