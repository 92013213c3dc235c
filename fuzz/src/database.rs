//! Country databases.
//!
//! With an even first octet, the rest is changes to a small database, each an offset and an octet.
//! With an odd one, the rest is a database.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use cvdns_core::geo::area::Area;
use cvdns_core::geo::build::{Options, Source, build};
use cvdns_core::geo::client_table::ClientTable;
use cvdns_core::geo::country_map::CountryMap;
use cvdns_core::geo::database::{CountryDatabase, RangeV4, RangeV6};

/// A few networks, so that a random change hits something.
static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text =
        "192.0.2.0/24,DE\n198.51.100.0/25,FR\n203.0.113.0/24,JP\n2001:db8::/32,US\n2a00::/12,NL\n";
    let source = Source { name: "small.csv".to_owned(), text: text.to_owned() };
    build(&[source], &Options::default(), &mut |_, _| {}).expect("a database").bytes
});

const ADDRESSES: [&str; 12] = [
    "0.0.0.0",
    "192.0.2.7",
    "198.51.100.127",
    "198.51.100.128",
    "255.255.255.255",
    "::",
    "2001:db8::1",
    "2a0f::1",
    "ffff::",
    "::ffff:192.0.2.7",
    "2002:c000:207::1",
    "2001::1",
];

/// A database that is read has the same countries by each way of asking, and a scope never reaches
/// beyond what has the same answer.
pub fn run(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    let bytes = if first % 2 == 1 { rest.to_vec() } else { changed(rest) };
    let database = match CountryDatabase::from_bytes(bytes, "country.mmdb") {
        Ok(database) => database,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let _ = (database.metadata(), database.warnings());
    let map = CountryMap::new(&database, &[]);
    let table = map.table(value);
    let plain = Ranges { v4: database.ranges_v4(), v6: database.ranges_v6() };
    let v4 = plain.v4.iter().take(8).flat_map(|(first, last, _)| [*first, *last]);
    let v6 = plain.v6.iter().take(8).flat_map(|(first, last, _)| [*first, *last]);
    let listed = ADDRESSES.iter().map(|address| address.parse().expect("an address"));
    let ends = v4.map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)));
    let ends = ends.chain(v6.map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits))));
    for address in listed.chain(ends) {
        let area = plain.area(address);
        assert_eq!(map.locate(address).area, area, "{address}");
        if address.is_ipv4() {
            assert_eq!(database.area(address), area, "{address}");
        }
        check(&table, address, value(area));
    }
}

/// The ranges of a database, searched one after the other.
struct Ranges {
    v4: Vec<RangeV4>,
    v6: Vec<RangeV6>,
}

impl Ranges {
    fn area(&self, address: IpAddr) -> Area {
        // IPv4-mapped (RFC 4291 section 2.5.5.2) and 6to4 addresses (RFC 3056 section 2) are where
        // their IPv4 address is.
        let v4 = match address {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(v6) => v6.to_ipv4_mapped().or_else(|| match v6.octets() {
                [0x20, 0x02, a, b, c, d, ..] => Some(Ipv4Addr::new(a, b, c, d)),
                _ => None,
            }),
        };
        let bits = match (v4, address) {
            (Some(v4), _) => return find(&self.v4, v4.to_bits()),
            (None, IpAddr::V6(v6)) => v6.to_bits(),
            (None, IpAddr::V4(v4)) => v4.to_bits().into(),
        };
        find(&self.v6, bits)
    }
}

fn find<A: PartialOrd + Copy>(ranges: &[(A, A, Area)], address: A) -> Area {
    let holds = |(first, last, _): &&(A, A, Area)| *first <= address && address <= *last;
    ranges.iter().find(holds).map_or(Area::Unknown, |(.., area)| *area)
}

fn changed(changes: &[u8]) -> Vec<u8> {
    let mut bytes = SMALL.clone();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]]));
        let length = bytes.len();
        bytes[at % length] = change[2];
    }
    bytes
}

fn value(area: Area) -> u16 {
    area.country().map_or(0, |country| country.index() as u16 + 1)
}

/// The scope of an address reaches only over addresses with the same value.
fn check(table: &ClientTable, address: IpAddr, value: u16) {
    let found = table.get(address);
    assert_eq!(found.value, value, "{address}");
    let width = if address.is_ipv4() { 32 } else { 128 };
    assert!(found.scope <= width);
    // The first and the last address of the network that the answer may be used for.
    let host = u128::MAX.checked_shr(u32::from(found.scope) + 128 - u32::from(width));
    let host = host.unwrap_or_default();
    let ends = match address {
        IpAddr::V4(v4) => {
            let host = host as u32;
            [v4.to_bits() & !host, v4.to_bits() | host].map(|bits| Ipv4Addr::from_bits(bits).into())
        }
        IpAddr::V6(v6) => [v6.to_bits() & !host, v6.to_bits() | host]
            .map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    };
    for end in ends {
        assert_eq!(table.get(end).value, value, "{end} in the scope of {address}");
    }
}
