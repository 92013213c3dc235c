//! Queries as resolvers send them.

use hickory_net::proto::op::{Edns, Message, Query};
use hickory_net::proto::rr::rdata::opt::{ClientSubnet, EdnsOption, NSIDPayload};
use hickory_net::proto::rr::{Name as HickoryName, RecordType};
use hickory_net::proto::serialize::binary::{BinDecodable as _, BinDecoder, BinEncodable as _};

use cvdns_core::explain::ClientAddress;
use cvdns_core::wire::name::Name;

/// Largest UDP answer that a query with EDNS accepts, in octets.
const UDP_SIZE: u16 = 1232;

/// A query without EDNS that does not ask for recursion.
pub(crate) fn plain(name: &Name, qtype: u16) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = false;
    message.add_query(Query::query(to_hickory(name), RecordType::from(qtype)));
    message
}

/// The same query with EDNS (RFC 6891) of this version.
pub(crate) fn with_edns(mut query: Message, version: u8) -> Message {
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_SIZE).set_version(version);
    query.set_edns(edns);
    query
}

/// The same query with EDNS, asking for signatures (RFC 3225).
pub(crate) fn with_dnssec(query: Message) -> Message {
    let mut query = with_edns(query, 0);
    if let Some(edns) = &mut query.edns {
        edns.set_dnssec_ok(true);
    }
    query
}

/// The same query with a client subnet option (RFC 7871 section 6).
pub(crate) fn with_client(query: Message, client: ClientAddress) -> Message {
    let longest = if client.address.is_ipv4() { 32 } else { 128 };
    let subnet = ClientSubnet::new(client.address, client.prefix.unwrap_or(longest), 0);
    with_option(query, EdnsOption::Subnet(subnet))
}

/// The same query, asking for the name server identifier (RFC 5001).
pub(crate) fn with_nsid(query: Message) -> Message {
    match NSIDPayload::new(Vec::new()) {
        Ok(empty) => with_option(query, EdnsOption::NSID(empty)),
        Err(_) => query,
    }
}

fn with_option(query: Message, option: EdnsOption) -> Message {
    let mut query = if query.edns.is_some() { query } else { with_edns(query, 0) };
    if let Some(edns) = &mut query.edns {
        edns.options_mut().insert(option);
    }
    query
}

/// The octets of a query.
pub(crate) fn octets(query: &Message) -> Result<Vec<u8>, String> {
    query.to_vec().map_err(|error| format!("the query cannot be written: {error}"))
}

/// A name as hickory has it. Both have the same limits, so every name can be converted.
fn to_hickory(name: &Name) -> HickoryName {
    HickoryName::read(&mut BinDecoder::new(name.wire())).unwrap_or_else(|_| HickoryName::root())
}

/// A name of an answer.
pub(crate) fn from_hickory(name: &HickoryName) -> Name {
    let wire = name.to_bytes().unwrap_or_default();
    Name::from_wire(&wire).unwrap_or_else(|_| Name::root())
}
