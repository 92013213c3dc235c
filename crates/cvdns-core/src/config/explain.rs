//! Who may ask the diagnostic names.

use std::net::IpAddr;

/// Who may ask the diagnostic names (`explain` in the configuration).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Explain {
    /// Everybody.
    Public,
    /// Clients with loopback, private (RFC 1918, RFC 4193) and link-local (RFC 3927, RFC 4291)
    /// addresses.
    #[default]
    Local,
    /// Nobody: the names do not exist.
    Off,
}

impl Explain {
    /// Whether a query from this address may ask.
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Public => true,
            Self::Local => is_local(address.to_canonical()),
            Self::Off => false,
        }
    }
}

fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}
