use proptest::prelude::*;

use super::*;

fn of_v4(table: &ClientTable, address: u32) -> ScopedValue {
    table.get(IpAddr::V4(address.into()))
}

fn of_v6(table: &ClientTable, address: u128) -> ScopedValue {
    table.get(IpAddr::V6(address.into()))
}

/// Length of the shortest prefix around index `at` with the same value throughout, found by trying
/// all lengths in a space of `bits` bits.
fn plain_scope(values: &[u16], at: usize, bits: u32) -> u32 {
    (0..=bits)
        .find(|length| {
            let size = 1usize << (bits - length);
            let block = &values[at / size * size..at / size * size + size];
            block.iter().all(|value| *value == values[at])
        })
        .unwrap()
}

proptest! {
    /// Random ranges in a space of 256 networks of each family, compared with a plain array.
    #[test]
    fn value_and_scope_equal_the_plain_computation(
        strokes in proptest::collection::vec((0u32..256, 0u32..256, 1u16..4), 0..12),
        base in prop::sample::select(vec![0u32, 0xc000_0000, 0xffff_0000]),
    ) {
        let mut v4 = RangeMap::uniform(0u16);
        let mut v6 = RangeMap::uniform(0u16);
        let mut plain = [0u16; 256];
        let v6_base = 0x2001_0db8_u128 << 96;
        for (a, b, value) in strokes {
            let (a, b) = (a.min(b), a.max(b));
            v4.set_range(base + (a << 8), base + (b << 8) + 255, value);
            v6.set_range(v6_base + (u128::from(a) << 72), v6_base + (u128::from(b) << 72) + ((1 << 72) - 1), value);
            for slot in &mut plain[a as usize..=b as usize] { *slot = value; }
        }
        let table = ClientTable::new(&v4, v6);
        let uniform = plain.iter().all(|value| *value == plain[0]);
        for at in 0..256usize {
            let v4 = of_v4(&table, base + ((at as u32) << 8) + 7);
            let v6 = of_v6(&table, v6_base + ((at as u128) << 72) + 7);
            prop_assert_eq!((v4.value, v6.value), (plain[at], plain[at]));
            if !uniform {
                let scope = plain_scope(&plain, at, 8);
                // A scope of the whole space may be wider, as the addresses around it have the
                // value 0.
                if scope > 0 {
                    prop_assert_eq!(u32::from(v4.scope), 16 + scope);
                    prop_assert_eq!(u32::from(v6.scope), 48 + scope);
                }
            }
        }
    }
}

#[test]
fn one_value_everywhere_has_scope_0() {
    let table = ClientTable::new(&RangeMap::uniform(7), RangeMap::uniform(7));
    for address in
        ["0.0.0.0", "255.255.255.255", "::", "2001:db8::1", "2002::1", "::ffff:1.2.3.4", "ffff::1"]
    {
        assert_eq!(
            table.get(address.parse().unwrap()),
            ScopedValue { value: 7, scope: 0 },
            "{address}"
        );
    }
}

#[test]
fn embedded_ipv4_is_looked_up_as_ipv4() {
    let mut v4 = RangeMap::uniform(0);
    v4.set_range(0xc633_6400, 0xc633_64ff, 5);
    let table = ClientTable::new(&v4, RangeMap::uniform(0));
    assert_eq!(
        table.get("::ffff:198.51.100.7".parse().unwrap()),
        ScopedValue { value: 5, scope: 120 }
    );
    assert_eq!(
        table.get("2002:c633:6407::1".parse().unwrap()),
        ScopedValue { value: 5, scope: 40 }
    );
}

#[test]
fn scope_0_is_for_all_of_both_families() {
    let table = ClientTable::new(&RangeMap::uniform(1), RangeMap::uniform(2));
    let scope = |address: &str| table.get(address.parse().unwrap()).scope;
    assert_eq!(scope("192.0.2.1"), 1);
    assert_eq!([scope("2002:c000:201::"), scope("::ffff:192.0.2.1")], [16, 96]);
    // Their scopes do not reach into the prefixes that embed IPv4.
    assert_eq!([scope("4000::"), scope("2003::"), scope("2000::"), scope("::1")], [2, 16, 15, 81]);
}

#[test]
fn a_range_that_ends_within_a_64_bounds_its_neighbours() {
    let mut v6 = RangeMap::uniform(0);
    let first = 0x2001_0db8_u128 << 96;
    v6.set_range(first, first + (5 << 64) + 7, 3);
    let table = ClientTable::new(&RangeMap::uniform(0), v6);
    let place = |at: u128| of_v6(&table, first + at);
    assert_eq!(place(4 << 64), ScopedValue { value: 3, scope: 64 });
    assert_eq!(place((5 << 64) + 7), ScopedValue { value: 3, scope: 125 });
    assert_eq!(place((5 << 64) + 8), ScopedValue { value: 0, scope: 125 });
    assert_eq!(place((5 << 64) + (1 << 63)), ScopedValue { value: 0, scope: 65 });
    assert_eq!(place(6 << 64), ScopedValue { value: 0, scope: 63 });
}

/// A plain list of ranges, of which the last that contains an address applies.
#[derive(Debug, Clone)]
struct Plain {
    v4: Vec<(u32, u32, u16)>,
    v6: Vec<(u128, u128, u16)>,
}

impl Plain {
    fn table(&self) -> ClientTable {
        let (mut v4, mut v6) = (RangeMap::uniform(0), RangeMap::uniform(0));
        self.v4.iter().for_each(|(first, last, value)| v4.set_range(*first, *last, *value));
        self.v6.iter().for_each(|(first, last, value)| v6.set_range(*first, *last, *value));
        ClientTable::new(&v4, v6)
    }

    fn of_v4(&self, address: u32) -> u16 {
        let hit = |(first, last, _): &&(u32, u32, u16)| (*first..=*last).contains(&address);
        self.v4.iter().rev().find(hit).map_or(0, |(_, _, value)| *value)
    }

    fn of_v6(&self, address: u128) -> u16 {
        match embedding(address) {
            Some(16) => return self.of_v4((address >> 80) as u32),
            Some(_) => return self.of_v4(address as u32),
            None => {}
        }
        let hit = |(first, last, _): &&(u128, u128, u16)| (*first..=*last).contains(&address);
        self.v6.iter().rev().find(hit).map_or(0, |(_, _, value)| *value)
    }

    /// Where IPv4 values may change.
    fn edges_v4(&self) -> Vec<u32> {
        let edges = self.v4.iter().flat_map(|(first, last, _)| [Some(*first), last.checked_add(1)]);
        edges.flatten().chain([0]).collect()
    }

    /// Where IPv6 values may change, embedded IPv4 addresses included.
    fn edges_v6(&self) -> Vec<u128> {
        let edges = self.v6.iter().flat_map(|(first, last, _)| [Some(*first), last.checked_add(1)]);
        let embedded = self.edges_v4().into_iter().flat_map(|edge| {
            [0xffff << 32 | u128::from(edge), 0x2002 << 112 | u128::from(edge) << 80]
        });
        let ends = [0, 0x1_0000 << 32, 0x2003 << 112];
        edges.flatten().chain(embedded).chain(ends).collect()
    }
}

/// The length of the prefix behind which an IPv4 address is embedded.
fn embedding(address: u128) -> Option<u32> {
    match (address >> 32, address >> 112) {
        (0xffff, _) => Some(96),
        (_, 0x2002) => Some(16),
        _ => None,
    }
}

/// First and last address of the network with this prefix length around an address.
fn network(address: u128, length: u32) -> (u128, u128) {
    let host = u128::MAX.checked_shr(length).unwrap_or(0);
    (address & !host, address | host)
}

/// Length of the shortest allowed scope of an IPv6 address, found by trying all lengths. `values`
/// are the addresses where the value may change, with their values.
fn scope_v6(plain: &Plain, values: &[(u128, u16)], address: u128) -> u32 {
    let value = plain.of_v6(address);
    let allowed = |length: u32| {
        let (first, last) = network(address, length);
        let apart = last < 0xffff << 32 || first >> 32 > 0xffff;
        let apart = apart && (last >> 112 < 0x2002 || first >> 112 > 0x2002);
        let whole =
            length == 0 || apart || embedding(address).is_some_and(|prefix| length >= prefix);
        whole
            && plain.of_v6(first) == value
            && values.iter().all(|(edge, other)| !(first..=last).contains(edge) || *other == value)
    };
    (0..=128).find(|length| allowed(*length)).unwrap()
}

/// An address near a boundary that is easily mishandled.
fn near() -> impl Strategy<Value = u128> {
    let places = [
        "::",
        "::ffff:0:0",
        "2001:db8::",
        "2001:ffff:ffff::",
        "2002:c000:200::",
        "2003::",
        "2a10:bf80::",
        "4000::",
    ];
    let places = places.map(|place| place.parse::<std::net::Ipv6Addr>().unwrap().to_bits());
    let all = [places.as_slice(), &[u128::MAX, u128::MAX << 64]].concat();
    (prop::sample::select(all), 0u128..4, 0u32..128)
        .prop_map(|(place, add, shift)| place ^ add << shift)
}

/// A network, which may be a single address, or a range between any two addresses.
fn stroke() -> impl Strategy<Value = (u128, u128, u16)> {
    let length = prop_oneof![0u32..=128, Just(64), 60u32..70, Just(128)];
    let network = (near(), length).prop_map(|(address, length)| network(address, length));
    let range = (near(), near()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    (prop_oneof![4 => network, 1 => range], 0u16..3)
        .prop_map(|((first, last), value)| (first, last, value))
}

/// The same for IPv4.
fn stroke_v4() -> impl Strategy<Value = (u32, u32, u16)> {
    let place = prop::sample::select(vec![0u32, 0xc000_0200, 0xc633_6400, u32::MAX]);
    let near = (place, 0u32..4, 0u32..32).prop_map(|(place, add, shift)| place ^ add << shift);
    (near, prop_oneof![0u32..=32, Just(32)], 0u16..3).prop_map(|(address, length, value)| {
        let host = u32::MAX.checked_shr(length).unwrap_or(0);
        (address & !host, address | host, value)
    })
}

proptest! {
    #[test]
    fn every_boundary_equals_the_plain_computation(
        v4 in proptest::collection::vec(stroke_v4(), 0..4),
        v6 in proptest::collection::vec(stroke(), 0..8),
        others in proptest::collection::vec(near(), 8),
    ) {
        let plain = Plain { v4, v6 };
        let table = plain.table();
        let edges = plain.edges_v6();
        let values: Vec<(u128, u16)> = edges.iter().map(|edge| (*edge, plain.of_v6(*edge))).collect();
        let beside = edges.iter().flat_map(|edge| [edge.saturating_sub(1), *edge, edge.saturating_add(1)]);
        for address in beside.chain(others).chain([u128::MAX]) {
            let scope = scope_v6(&plain, &values, address) as u8;
            let wanted = ScopedValue { value: plain.of_v6(address), scope };
            prop_assert_eq!(of_v6(&table, address), wanted, "{:x}", address);
            // An IPv4 address has the scope of its IPv4-mapped form without the 96 bits before it,
            // but at least 1: scope 0 would cover IPv6 too.
            let address = address as u32;
            let mapped = of_v6(&table, 0xffff << 32 | u128::from(address));
            let scope = if mapped.scope == 0 { 0 } else { (mapped.scope - 96).max(1) };
            prop_assert_eq!(of_v4(&table, address), ScopedValue { value: plain.of_v4(address), scope });
        }
    }
}
