//! Makes dnstap messages of queries and answers.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cvdns_core::answer::Transport;
use cvdns_core::decision::zone_of;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::wire::lower::LowerName;

use super::schema::{self, Dnstap, Message};
use super::tapped::Tapped;

/// Makes messages, and keeps what they have in common.
#[derive(Debug)]
pub(super) struct Encoder {
    identity: Option<String>,
    version: Option<String>,
    /// The name of the question.
    name: LowerName,
}

impl Encoder {
    /// An encoder with what the configuration says of the server; `None` stands for what answers
    /// say of it (`id.server`, `version.server`), and an empty text for nothing.
    pub(super) fn new(identity: Option<String>, version: Option<String>) -> Self {
        Self { identity, version, name: LowerName::new() }
    }

    /// Appends the messages of a query and its answer, each as a frame. The snapshot knows the
    /// zones.
    pub(super) fn append(&mut self, tapped: Tapped, snapshot: &Snapshot, frames: &mut Vec<u8>) {
        let zone = self.zone(&tapped, snapshot);
        let Tapped { query, response, client, server, transport, asked, answered } = tapped;
        let (asked_sec, asked_nsec) = since_1970(asked);
        let common = Message {
            socket_family: Some(if client.is_ipv4() { schema::INET } else { schema::INET6 }),
            socket_protocol: Some(match transport {
                Transport::Udp => schema::UDP,
                Transport::Tcp => schema::TCP,
                Transport::Tls => schema::DOT,
                Transport::Https => schema::DOH,
                Transport::Quic => schema::DOQ,
            }),
            query_address: Some(octets(client.ip())),
            query_port: Some(client.port().into()),
            response_address: server.and_then(known).map(octets),
            response_port: server.map(|server| server.port().into()),
            query_time_sec: Some(asked_sec),
            query_time_nsec: Some(asked_nsec),
            query_zone: zone,
            ..Message::default()
        };
        if let Some(query) = query {
            let message = Message {
                r#type: schema::AUTH_QUERY,
                query_message: Some(query.into_vec()),
                ..common.clone()
            };
            self.enveloped(message, snapshot).append(frames);
        }
        if let Some(response) = response {
            let (answered_sec, answered_nsec) = since_1970(answered);
            let message = Message {
                r#type: schema::AUTH_RESPONSE,
                response_time_sec: Some(answered_sec),
                response_time_nsec: Some(answered_nsec),
                response_message: Some(response.into_vec()),
                ..common
            };
            self.enveloped(message, snapshot).append(frames);
        }
    }

    fn enveloped(&self, message: Message, snapshot: &Snapshot) -> Dnstap {
        let settings = &snapshot.static_data.settings;
        let text = |configured: &Option<String>, usual: &String| {
            let text = configured.as_ref().unwrap_or(usual);
            (!text.is_empty()).then(|| text.clone().into_bytes())
        };
        Dnstap {
            identity: text(&self.identity, &settings.identity),
            version: text(&self.version, &settings.version),
            message: Some(message),
            r#type: schema::MESSAGE,
        }
    }

    /// The zone that the name of the question lies in, as a name in wire form. `None` if it is not
    /// one of the server's, or if no name can be read.
    fn zone(&mut self, tapped: &Tapped, snapshot: &Snapshot) -> Option<Vec<u8>> {
        // An answer repeats the question.
        let message = tapped.query.as_ref().or(tapped.response.as_ref())?;
        self.name.read(message)?;
        zone_of(&snapshot.static_data, &self.name).map(|zone| zone.origin.wire().to_vec())
    }
}

/// The address, unless it is a wildcard, to which nobody sends.
fn known(address: SocketAddr) -> Option<IpAddr> {
    Some(address.ip()).filter(|address| !address.is_unspecified())
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Seconds since 1970, and nanoseconds within the last one.
fn since_1970(time: SystemTime) -> (u64, u32) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    (since.as_secs(), since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_and_nanoseconds() {
        let time = UNIX_EPOCH + Duration::new(1_763_800_000, 7);
        assert_eq!(since_1970(time), (1_763_800_000, 7));
        // A clock that is not set yet.
        assert_eq!(since_1970(UNIX_EPOCH - Duration::from_secs(1)), (0, 0));
    }

    #[test]
    fn a_wildcard_is_no_address() {
        assert_eq!(known("0.0.0.0:53".parse().unwrap()), None);
        assert_eq!(known("[::]:53".parse().unwrap()), None);
        assert_eq!(known("192.0.2.1:53".parse().unwrap()).map(octets), Some(vec![192, 0, 2, 1]));
    }
}
