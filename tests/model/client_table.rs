//! The table of clients over the shipped country database, against the plain reader.

use crate::asking;
use crate::oracle;

use std::net::IpAddr;

use asking::{Numbers, masked, project, spread};
use cvdns_core::geo::client_table::ScopedValue;
use cvdns_core::geo::country::Country;
use cvdns_core::geo::country_map::CountryMap;
use cvdns_core::geo::database::CountryDatabase;
use oracle::Oracle;

/// Addresses of each family.
const ADDRESSES: usize = 10_000;

#[test]
fn twenty_thousand_addresses_are_where_the_plain_reader_has_them() {
    let oracle = Oracle::new(project(), &project().join("tests/fixtures/mirrors-2006/mirrors.csv"));
    let bytes = std::fs::read(project().join("geoip/country.mmdb")).unwrap();
    let database = CountryDatabase::from_bytes(bytes, "country.mmdb").unwrap();
    let number = |country: Option<Country>| country.map_or(0, |country| country.index() as u16 + 1);
    let table = CountryMap::new(&database, &[]).table(|area| number(area.country()));
    // One is made for each zone file.
    assert!(table.octets() < 8 << 20, "{}", table.octets());
    let mut numbers = Numbers(7871);
    for ipv6 in [false, true] {
        let networks = oracle.networks(ipv6, usize::MAX);
        for _ in 0..ADDRESSES {
            let (network, length) = networks[numbers.below(networks.len())];
            let address = spread(network, length, numbers.wide());
            let ScopedValue { value, scope } = table.get(address);
            if stands_for_ipv4(address) {
                continue;
            }
            let code = oracle.country(address);
            let wanted = number(code.as_deref().map(|code| Country::parse(code).unwrap()));
            assert_eq!(value, wanted, "{address}");
            let other =
                |prefix| oracle.other_country(masked(address, prefix), prefix, code.as_deref());
            assert_eq!(other(scope), None, "{address}/{scope}");
            assert!(other(scope - 1).is_some(), "{address}/{scope} could be shorter");
        }
    }
}

/// The reader follows aliases of IPv4 in `2001::/32` (Teredo), which the table does not.
fn stands_for_ipv4(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if matches!(address.segments(), [0x2001, 0, ..] | [0x2002, ..]))
}
