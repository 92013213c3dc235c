//! Decides which TCP connection gives up its seat for a new one.
//!
//! Whoever holds most gives way. Networks (an IPv4 /24, an IPv6 /56) are weighed first, then the
//! clients of the heaviest network (an IPv4 address, an IPv6 /64). So a client that floods takes
//! seats from itself, a network full of such clients takes them from that network, and a client
//! with a single connection keeps it as long as any network has more than one.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// The seats of all connections. A connection is a number; later ones have higher numbers.
///
/// Each operation takes logarithmic time, as sources are kept in the order of their weight.
#[derive(Debug)]
pub(super) struct Seats {
    capacity: usize,
    per_client: usize,
    taken: usize,
    networks: Weighed<Network>,
}

/// The client and the network of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Source {
    client: Prefix,
    network: Prefix,
}

/// The result of a request for a seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seat {
    /// There is a free one.
    Free,
    /// One of the connections of this source must go.
    InPlaceOf(Source),
    /// The client has as many as it may have.
    ClientHasAll,
}

/// The first bits of an address, as many as the kind of source has, or who is at this machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
enum Prefix {
    V4(u32),
    V6(u64),
    /// An account of this machine, by its user id.
    Account(u32),
    /// All accounts of this machine.
    Machine,
}

/// The clients of one network.
#[derive(Debug, Default)]
struct Network {
    clients: Weighed<Client>,
    connections: BTreeSet<u64>,
}

/// The connections of one client.
#[derive(Debug, Default)]
struct Client {
    connections: BTreeSet<u64>,
}

/// Sources of one kind, in the order of their weight.
#[derive(Debug)]
struct Weighed<T> {
    members: HashMap<Prefix, T>,
    /// By number of connections; among equal ones, the source with the oldest connection is last.
    order: BTreeSet<(usize, Reverse<u64>, Prefix)>,
}

/// A source that is weighed.
trait Weight: Default {
    fn connections(&self) -> &BTreeSet<u64>;
}

impl Source {
    /// The source of an address.
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let bits = address.to_bits();
                Self { client: Prefix::V4(bits), network: Prefix::V4(bits >> 8) }
            }
            IpAddr::V6(address) => {
                let bits = (address.to_bits() >> 64) as u64;
                Self { client: Prefix::V6(bits), network: Prefix::V6(bits >> 8) }
            }
        }
    }

    /// The source of a connection over a Unix socket.
    pub(super) fn of_account(user_id: u32) -> Self {
        Self { client: Prefix::Account(user_id), network: Prefix::Machine }
    }
}

impl Seats {
    /// So many seats in all, and so many for one client; at least one of each.
    pub(super) fn new(capacity: usize, per_client: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            per_client: per_client.max(1),
            taken: 0,
            networks: Weighed::default(),
        }
    }

    /// Number of seats.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Number of connections that have a seat.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Where a new connection can sit.
    pub(super) fn seat_for(&self, source: Source) -> Seat {
        let client = self.network(source).and_then(|network| network.client(source));
        if client.is_some_and(|client| client.connections.len() >= self.per_client) {
            Seat::ClientHasAll
        } else if self.taken < self.capacity {
            Seat::Free
        } else {
            self.heaviest(Some(source)).map_or(Seat::Free, Seat::InPlaceOf)
        }
    }

    /// The source that holds most, the newcomer included if there is one. `None` if nobody has a
    /// seat.
    pub(super) fn heaviest(&self, newcomer: Option<Source>) -> Option<Source> {
        let network = self.networks.heaviest(newcomer.map(|source| source.network))?;
        let clients = &self.networks.members.get(&network)?.clients;
        let newcomer = newcomer.filter(|source| source.network == network);
        let client = clients.heaviest(newcomer.map(|source| source.client))?;
        Some(Source { client, network })
    }

    /// The connections of the client, the oldest first.
    pub(super) fn connections(&self, source: Source) -> impl Iterator<Item = u64> {
        let client = self.network(source).and_then(|network| network.client(source));
        client.into_iter().flat_map(|client| client.connections.iter().copied())
    }

    /// Gives a connection a seat.
    pub(super) fn insert(&mut self, connection: u64, source: Source) {
        self.networks.change(source.network, |network| {
            network.connections.insert(connection);
            network.clients.change(source.client, |client| {
                client.connections.insert(connection);
            });
        });
        self.taken = self.taken.saturating_add(1);
    }

    /// Frees the seat of a connection that has one.
    pub(super) fn remove(&mut self, connection: u64, source: Source) {
        self.networks.change(source.network, |network| {
            network.connections.remove(&connection);
            network.clients.change(source.client, |client| {
                client.connections.remove(&connection);
            });
        });
        self.taken = self.taken.saturating_sub(1);
    }

    fn network(&self, source: Source) -> Option<&Network> {
        self.networks.members.get(&source.network)
    }
}

impl Network {
    fn client(&self, source: Source) -> Option<&Client> {
        self.clients.members.get(&source.client)
    }
}

impl<T: Weight> Weighed<T> {
    /// The heaviest source. The newcomer's own counts one more, and gives way rather than another
    /// of the same weight, so that its coming and going is no concern of others.
    fn heaviest(&self, newcomer: Option<Prefix>) -> Option<Prefix> {
        let (most, _, heaviest) = *self.order.last()?;
        let own = newcomer.and_then(|own| {
            let weight = self.members.get(&own)?.connections().len();
            (weight.saturating_add(1) >= most).then_some(own)
        });
        Some(own.unwrap_or(heaviest))
    }

    /// Changes a source and puts it where it now belongs in the order.
    fn change(&mut self, prefix: Prefix, change: impl FnOnce(&mut T)) {
        let member = self.members.entry(prefix).or_default();
        if let Some(rank) = rank(member, prefix) {
            self.order.remove(&rank);
        }
        change(member);
        match rank(member, prefix) {
            Some(rank) => {
                self.order.insert(rank);
            }
            None => {
                self.members.remove(&prefix);
            }
        }
    }
}

/// The place of a source in the order; `None` if it has no connection.
fn rank<T: Weight>(member: &T, prefix: Prefix) -> Option<(usize, Reverse<u64>, Prefix)> {
    let connections = member.connections();
    connections.first().map(|oldest| (connections.len(), Reverse(*oldest), prefix))
}

impl<T> Default for Weighed<T> {
    fn default() -> Self {
        Self { members: HashMap::new(), order: BTreeSet::new() }
    }
}

impl Weight for Network {
    fn connections(&self) -> &BTreeSet<u64> {
        &self.connections
    }
}

impl Weight for Client {
    fn connections(&self) -> &BTreeSet<u64> {
        &self.connections
    }
}

#[cfg(test)]
mod tests;
