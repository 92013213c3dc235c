//! Name servers with one fault each: they hand queries on to a server without it.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

/// The fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody listens on TCP.
    Tcp,
    /// Nobody listens on UDP.
    Udp,
    /// FORMERR without OPT to queries with EDNS, as servers did before RFC 2671.
    Edns,
    /// The AA bit is never set over UDP.
    Aa,
}

/// Starts a server with this fault that asks the one at port `sound` of 127.0.0.1. It ends with the
/// process.
pub(super) fn broken_server(address: IpAddr, sound: u16, port: u16, fault: Fault) {
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, sound));
    if fault != Fault::Udp {
        let socket = UdpSocket::bind((address, port)).expect("a UDP socket");
        thread::spawn(move || answer_udp(&socket, to, fault));
    }
    if fault != Fault::Tcp {
        let listener = TcpListener::bind((address, port)).expect("a TCP socket");
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let _ = answer_tcp(client, to);
            }
        });
    }
}

fn answer_udp(socket: &UdpSocket, to: SocketAddr, fault: Fault) {
    let mut buffer = [0; 4096];
    while let Ok((length, client)) = socket.recv_from(&mut buffer) {
        let query = &buffer[..length];
        let answer = if fault == Fault::Edns && query[11] > 0 {
            formerr(query)
        } else {
            let upstream = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP socket");
            upstream.connect(to).and_then(|()| upstream.send(query)).expect("the query sent");
            let mut answer = vec![0; 4096];
            let length = upstream.recv(&mut answer).expect("an answer");
            answer.truncate(length);
            answer
        };
        let mut answer = answer;
        if fault == Fault::Aa {
            answer[2] &= !0x04;
        }
        let _ = socket.send_to(&answer, client);
    }
}

/// Header and question of the query, with QR and RCODE 1 set (RFC 1035 section 4.1.1).
fn formerr(query: &[u8]) -> Vec<u8> {
    let name = query[12..].iter().position(|octet| *octet == 0).expect("a name");
    let mut answer = query[..12 + name + 5].to_vec();
    answer[2] |= 0x80;
    answer[3] = 1;
    answer[6..12].fill(0);
    answer
}

fn answer_tcp(mut client: TcpStream, to: SocketAddr) -> std::io::Result<()> {
    let mut upstream = TcpStream::connect(to)?;
    upstream.write_all(&message(&mut client)?)?;
    client.write_all(&message(&mut upstream)?)
}

/// A message with its length (RFC 1035 section 4.2.2).
fn message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; 2];
    stream.read_exact(&mut message)?;
    let length = usize::from(u16::from_be_bytes([message[0], message[1]]));
    message.resize(2 + length, 0);
    stream.read_exact(&mut message[2..])?;
    Ok(message)
}
