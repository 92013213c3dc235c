//! The decision against the same rule written over a plain list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

/// Connections with their addresses, the oldest first.
type List = Vec<(u64, IpAddr)>;

fn client_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:?}", &address.segments()[..4]),
    }
}

fn network_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("{:?}", &address.octets()[..3]),
        IpAddr::V6(address) => format!("{:?}", &address.octets()[..7]),
    }
}

/// Those of the list whose key occurs most often, the newcomer's counted too. Of several keys it is
/// the newcomer's, or else the one whose first entry comes first.
fn heaviest(list: &List, newcomer: Option<IpAddr>, key: fn(IpAddr) -> String) -> List {
    let weight = |of: &str| {
        let all = list.iter().map(|(_, address)| *address).chain(newcomer);
        all.filter(|address| key(*address) == of).count()
    };
    let most = list.iter().map(|(_, address)| weight(&key(*address))).max().unwrap_or(0);
    let mut candidates: Vec<String> = Vec::new();
    candidates.extend(newcomer.map(key));
    candidates.extend(list.iter().map(|(_, address)| key(*address)));
    let chosen = candidates
        .into_iter()
        .find(|of| weight(of) == most && list.iter().any(|(_, address)| key(*address) == *of));
    list.iter().filter(|(_, address)| Some(key(*address)) == chosen).copied().collect()
}

fn victim(list: &List, newcomer: Option<IpAddr>) -> Option<u64> {
    let network = heaviest(list, newcomer, network_of);
    let same = |address: &IpAddr| {
        network.first().is_some_and(|(_, other)| network_of(*other) == network_of(*address))
    };
    let client = heaviest(&network, newcomer.filter(same), client_of);
    client.first().map(|(connection, _)| *connection)
}

/// Addresses of few networks with few clients each, of both families.
fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        3 => (0_u8..3, 0_u8..3).prop_map(|(net, host)| Ipv4Addr::new(198, 51, net, host).into()),
        2 => (0_u8..2, 0_u8..3, 0_u8..2).prop_map(|(net, subnet, host)| {
            let mut octets = [0x20, 1, 0x0d, 0xb8, 0, 0, net, subnet, 0, 0, 0, 0, 0, 0, 0, host];
            octets[6] = net;
            IpAddr::from(Ipv6Addr::from(octets))
        }),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Connect(IpAddr),
    /// The connection at this place of the list ends.
    End(usize),
    /// One is closed without a newcomer.
    Shed,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => address().prop_map(Step::Connect),
        2 => (0_usize..16).prop_map(Step::End),
        1 => Just(Step::Shed),
    ]
}

/// Takes the victim's oldest connection off.
fn evict(seats: &mut Seats, source: Source) -> u64 {
    let oldest = seats.connections(source).next().expect("a connection");
    seats.remove(oldest, source);
    oldest
}

proptest! {
    #[test]
    fn the_oldest_of_the_heaviest_goes(
        steps in prop::collection::vec(step(), 1..120),
        capacity in 1_usize..12,
        per_client in 1_usize..8,
    ) {
        let mut seats = Seats::new(capacity, per_client);
        let mut list = List::new();
        for (number, step) in steps.into_iter().enumerate() {
            let connection = number as u64;
            match step {
                Step::Connect(address) => {
                    let source = Source::of(address);
                    let of_client = list.iter().filter(|(_, other)| {
                        client_of(*other) == client_of(address)
                    });
                    let has_all = of_client.count() >= per_client;
                    match seats.seat_for(source) {
                        Seat::ClientHasAll => {
                            prop_assert!(has_all);
                            continue;
                        }
                        Seat::Free => prop_assert!(!has_all && list.len() < capacity),
                        Seat::InPlaceOf(other) => {
                            prop_assert!(!has_all && list.len() == capacity);
                            let expected = victim(&list, Some(address));
                            prop_assert_eq!(Some(evict(&mut seats, other)), expected);
                            list.retain(|(other, _)| Some(*other) != expected);
                        }
                    }
                    seats.insert(connection, source);
                    list.push((connection, address));
                }
                Step::End(place) if place < list.len() => {
                    let (connection, address) = list.remove(place);
                    seats.remove(connection, Source::of(address));
                }
                Step::End(_) => {}
                Step::Shed => {
                    let expected = victim(&list, None);
                    let shed = seats.heaviest(None).map(|source| evict(&mut seats, source));
                    prop_assert_eq!(shed, expected);
                    list.retain(|(other, _)| Some(*other) != expected);
                }
            }
            prop_assert_eq!(seats.taken(), list.len());
        }
        for (connection, address) in list {
            seats.remove(connection, Source::of(address));
        }
        prop_assert!(seats.networks.members.is_empty() && seats.networks.order.is_empty());
    }

    /// Whatever a crowd does, a client elsewhere gets a seat and keeps it, as long as one network
    /// of the crowd has two.
    #[test]
    fn a_light_source_gets_a_seat_and_keeps_it(
        crowd in prop::collection::vec(address(), 30..200),
        capacity in 7_usize..20,
        at in 0_usize..200,
    ) {
        // The crowd has five networks at most, so that one of them always has two.
        let mut seats = Seats::new(capacity, 1000);
        let light: IpAddr = Ipv4Addr::new(203, 0, 113, 7).into();
        let at = at % crowd.len();
        let mut sources: HashMap<u64, IpAddr> = HashMap::new();
        for (number, address) in crowd.into_iter().enumerate() {
            let address = if number == at { light } else { address };
            let source = Source::of(address);
            if let Seat::InPlaceOf(other) = seats.seat_for(source) {
                let gone = evict(&mut seats, other);
                prop_assert!(sources.remove(&gone) != Some(light));
            }
            seats.insert(number as u64, source);
            sources.insert(number as u64, address);
        }
        prop_assert!(sources.values().any(|address| *address == light));
    }
}

/// As many seats as a large server has, and many times as many connections of many
/// networks. With a look at each seat for each connection, this would take hours.
#[test]
fn a_hundred_thousand_seats_are_decided_on_quickly() {
    const SEATS: u64 = 100_000;
    let mut seats = Seats::new(SEATS as usize, 32);
    for connection in 0..4 * SEATS {
        let address = Ipv4Addr::from_bits((connection.wrapping_mul(2_654_435_761)) as u32 >> 6);
        let source = Source::of(address.into());
        match seats.seat_for(source) {
            Seat::InPlaceOf(other) => {
                evict(&mut seats, other);
            }
            Seat::Free => {}
            Seat::ClientHasAll => continue,
        }
        seats.insert(connection, source);
    }
    assert_eq!(seats.taken() as u64, SEATS);
}

#[test]
fn sources_are_addresses_and_networks_of_both_families() {
    let of = |text: &str| Source::of(text.parse().unwrap());
    assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
    let (one, two) = (of("192.0.2.1"), of("192.0.2.2"));
    assert!(one.client != two.client && one.network == two.network);
    assert_ne!(one.network, of("192.0.3.1").network);
    assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
    let (one, two) = (of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
    assert!(one.client != two.client && one.network == two.network);
    assert_ne!(one.network, of("2001:db8:0:100::1").network);
}
