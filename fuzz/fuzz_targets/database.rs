#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use cvdns_core::geo::build::{Options, Source, build};
use cvdns_core::geo::country_map::CountryMap;
use cvdns_core::geo::database::CountryDatabase;
use libfuzzer_sys::fuzz_target;

/// A few networks, so that a random change hits something.
static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text =
        "192.0.2.0/24,DE\n198.51.100.0/25,FR\n203.0.113.0/24,JP\n2001:db8::/32,US\n2a00::/12,NL\n";
    let source = Source { name: "small.csv".to_owned(), text: text.to_owned() };
    build(&[source], &Options::default(), &mut |_, _| {}).unwrap().bytes
});

// With an even first octet, the rest is changes to the small database, each an offset and an octet.
// With an odd one, the rest is a database.
fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let bytes = if first % 2 == 1 {
        rest.to_vec()
    } else {
        let mut bytes = SMALL.clone();
        for change in rest.chunks_exact(3) {
            let at = usize::from(u16::from_be_bytes([change[0], change[1]]));
            let length = bytes.len();
            bytes[at % length] = change[2];
        }
        bytes
    };
    let Ok(database) = CountryDatabase::from_bytes(bytes, "country.mmdb") else { return };
    let _ = (database.metadata(), database.warnings());
    let map = CountryMap::new(&database, &[]);
    let table = map.table(|area| area.country().map_or(0, |country| country.index() as u16 + 1));
    for address in
        ["0.0.0.0", "192.0.2.7", "255.255.255.255", "::", "2001:db8::1", "2a0f::1", "ffff::"]
    {
        let address: IpAddr = address.parse().unwrap();
        let _ = database.lookup(address);
        let bits = if address.is_ipv4() { 32 } else { 128 };
        assert!(table.get(address).scope <= bits);
    }
});
