//! Addresses that a mirror can have.

use std::net::IpAddr;

use crate::problem::{Location, Problems};

/// Reports an address that no client can reach as an error, and one that few can reach as a
/// warning.
pub(super) fn check_address(address: IpAddr, location: &Location, problems: &mut Problems) {
    let help = "write the mirror's public address";
    if let Some(what) = no_host(address) {
        problems.error(
            location.clone(),
            format!("{address} is not an address of a host: {what}"),
            help,
        );
    } else if let Some(what) = not_public(address) {
        problems.warning(location.clone(), format!("{address} is {what}: few can reach it"), help);
    }
}

/// The reason why no host can have this address.
fn no_host(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) if v4.octets()[0] == 0 => Some("it means \"this network\""),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("it is the broadcast address"),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Some("it stands for an IPv4 address; write that address")
        }
        _ if address.is_unspecified() => Some("it is the unspecified address"),
        _ if address.is_multicast() => Some("it is a multicast group"),
        _ => None,
    }
}

/// The reason why few clients can reach this address. Documentation prefixes (RFC 5737, RFC 3849)
/// are allowed, because examples use them.
fn not_public(address: IpAddr) -> Option<&'static str> {
    let (private, link_local) = match address {
        // 100.64.0.0/10: RFC 6598.
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            (v4.is_private() || shared, v4.is_link_local())
        }
        IpAddr::V6(v6) => (v6.is_unique_local(), v6.is_unicast_link_local()),
    };
    match () {
        () if address.is_loopback() => Some("a loopback address"),
        () if link_local => Some("a link-local address"),
        () if private => Some("a private address"),
        () => None,
    }
}
