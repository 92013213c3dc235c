//! A secondary server as the configuration has it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use cvdns_core::config::{Secondary, SecondaryAddress};
use cvdns_core::wire::name::Name;
use cvdns_transfer::{Key, Keyring};

/// A server that may transfer zones.
#[derive(Debug, Clone)]
pub struct SecondaryServer {
    /// Where it asks from, and where it is notified.
    pub address: SecondaryAddress,
    /// The key that it signs with.
    pub key: Arc<Key>,
    /// What it may transfer.
    pub takes: Secondary,
}

/// What tells secondaries apart: address and key, as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecondaryId {
    /// The address, the address and port, or the network.
    pub address: String,
    /// The name of the key.
    pub key: String,
}

impl SecondaryServer {
    /// The secondaries of a configuration. Those whose key is missing are left out: that is an
    /// error, and such a configuration does not come into force.
    pub(super) fn all(secondaries: &[Secondary], keys: &Keyring) -> Vec<Self> {
        let known = |secondary: &Secondary| {
            Some(Self {
                address: secondary.address.value,
                key: keys.get(&secondary.key.value)?.clone(),
                takes: secondary.clone(),
            })
        };
        secondaries.iter().filter_map(known).collect()
    }

    /// What tells it apart from others.
    pub fn id(&self) -> SecondaryId {
        SecondaryId { address: self.address.to_string(), key: self.key.name().to_string() }
    }

    /// Whether a request from this address that was signed by this key is its own.
    pub fn is_it(&self, address: IpAddr, key: &Name) -> bool {
        self.address.contains(address) && self.key.name() == key
    }

    /// Where it is notified.
    pub fn notified(&self) -> Option<SocketAddr> {
        self.address.notified()
    }

    /// Whether it is notified at all.
    pub fn is_notified(&self) -> bool {
        self.notified().is_some()
    }

    /// The patterns of the zones that it takes, sorted: what its catalog depends on.
    pub(super) fn patterns(&self) -> String {
        let mut patterns: Vec<&str> =
            self.takes.zones.iter().map(|pattern| pattern.value.as_str()).collect();
        patterns.sort_unstable();
        patterns.dedup();
        patterns.join(" ")
    }
}
