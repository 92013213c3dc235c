//! The OPT record of an answer (RFC 6891).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cvdns_core::snapshot::extended_error::ExtendedError;
use cvdns_core::snapshot::inputs::Settings;
use cvdns_core::wire::edns::{self, option};
use hickory_server::proto::op::Edns;
use hickory_server::proto::rr::rdata::opt::{ClientSubnet, EdnsOption, NSIDPayload};

/// The record of an answer that says no more than it must.
pub(crate) fn bare(settings: &Settings) -> Edns {
    let mut opt = Edns::new();
    opt.set_max_payload(settings.udp_size);
    opt
}

/// The record that answers a query's, with SCOPE PREFIX-LENGTH of the client subnet.
pub(crate) fn answering(query: &edns::Edns, settings: &Settings, scope: u8) -> Edns {
    let mut opt = bare(settings);
    opt.set_dnssec_ok(query.dnssec_ok);
    let nsid = settings.nsid.as_deref().filter(|_| query.nsid);
    if let Some(nsid) = nsid.and_then(|nsid| NSIDPayload::new(nsid).ok()) {
        opt.options_mut().insert(EdnsOption::NSID(nsid));
    }
    if let Some(subnet) = &query.ecs {
        opt.options_mut().insert(client_subnet(subnet, scope));
    }
    opt
}

/// Adds an extended error (RFC 8914), for which hickory-proto 0.26 has no type of its own.
pub(crate) fn add_error(opt: &mut Edns, error: ExtendedError<'_>) {
    opt.options_mut().insert(EdnsOption::Unknown(option::EDE, error.0.to_vec()));
}

/// The client subnet of the query, with a scope. hickory has no value for FAMILY 0, and answers
/// FORMERR to it before anybody else sees the query.
fn client_subnet(subnet: &edns::ClientSubnet, scope: u8) -> EdnsOption {
    let octets = subnet.address_octets();
    let address = match octets.first_chunk::<4>() {
        Some(first) if subnet.family == 1 => IpAddr::V4(Ipv4Addr::from(*first)),
        _ => IpAddr::V6(Ipv6Addr::from(octets)),
    };
    EdnsOption::Subnet(ClientSubnet::new(address, subnet.source, scope))
}
