//! Writing ranges as an MMDB file.

use std::cmp::Reverse;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, UNIX_EPOCH};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use mmdb_writer::{Value, Writer};

use super::reader::{AddressRange, LocatedRange};
use crate::geo::area::Area;
use crate::geo::country::{Continent, Country};
use crate::geo::embedded::{IPV4_MAPPED, SIX_TO_FOUR};

/// Database type in the metadata. Readers of `GeoIP2` expect that it contains `Country`.
const DATABASE_TYPE: &str = "cvdns-Country";

/// The parts of the IPv6 space that repeat IPv4, in ascending order: `::/96`, where the tree keeps
/// IPv4, and the aliases that the writer makes (`::ffff:0:0/96`, `2001::/32`, `2002::/16`). No
/// range of a source is written there.
const ALIASES: [(u128, u128); 4] =
    [(0, 0xffff_ffff), IPV4_MAPPED, (0x2001_0000 << 96, (0x2001_0001 << 96) - 1), SIX_TO_FOUR];

/// A database that is being written.
pub(super) struct DatabaseWriter {
    writer: Writer,
    /// Records of all countries, by their index.
    countries: Vec<Value>,
    /// Records with only a continent, in the order of [`Continent::ALL`].
    continents: [Value; 7],
    /// Number of ranges, or parts of them, that were left out because IPv6 repeats IPv4 there.
    pub(super) aliased: usize,
    /// Number of networks written.
    pub(super) networks: usize,
}

impl DatabaseWriter {
    /// An empty database. `epoch` is its build date in Unix seconds; a date before 1970 becomes 0.
    pub(super) fn new(epoch: i64, description: &str) -> DatabaseWriter {
        let built = UNIX_EPOCH + Duration::from_secs(u64::try_from(epoch).unwrap_or(0));
        let writer = Writer::builder(DATABASE_TYPE)
            .languages(["en"])
            .description(&[("en", description)])
            .build_epoch(built)
            .build();
        let countries =
            Country::all().map(|country| record(Some(country), country.continent())).collect();
        let continents = Continent::ALL.map(|continent| record(None, continent));
        DatabaseWriter { writer, countries, continents, aliased: 0, networks: 0 }
    }

    /// Adds the ranges of a source, which replace those of earlier sources. Where ranges of the
    /// source overlap, the smaller one wins, and of two of the same size the later one.
    ///
    /// # Errors
    /// The error of the writer.
    pub(super) fn add(
        &mut self,
        mut entries: Vec<LocatedRange>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), mmdb_writer::Error> {
        // The sort is stable, and in the writer the last insertion wins.
        entries.sort_by_key(|entry| Reverse(entry.span.size()));
        for (done, entry) in entries.iter().enumerate() {
            if done % 4096 == 0 {
                progress(done as u64);
            }
            match entry.span {
                AddressRange::V4(first, last) => {
                    let nets = Ipv4Subnets::new(Ipv4Addr::from(first), Ipv4Addr::from(last), 0);
                    self.insert(nets.map(IpNet::V4), entry.area)?;
                }
                AddressRange::V6(first, last) => {
                    for (first, last) in self.without_aliases(first, last) {
                        let nets = Ipv6Subnets::new(Ipv6Addr::from(first), Ipv6Addr::from(last), 0);
                        self.insert(nets.map(IpNet::V6), entry.area)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The content of the MMDB file.
    ///
    /// # Errors
    /// The error of the writer: the tree is too large for the format.
    pub(super) fn finish(self) -> Result<Vec<u8>, mmdb_writer::Error> {
        self.writer.to_bytes()
    }

    fn insert(
        &mut self,
        nets: impl Iterator<Item = IpNet>,
        area: Area,
    ) -> Result<(), mmdb_writer::Error> {
        let record = match area {
            Area::Country(country) => self.countries.get(country.index()),
            Area::Continent(continent) => Continent::ALL
                .iter()
                .zip(&self.continents)
                .find(|(of, _)| **of == continent)
                .map(|(_, record)| record),
            Area::Unknown => None,
        };
        if let Some(record) = record {
            for net in nets {
                self.writer.insert_value(net, record.clone())?;
                self.networks += 1;
            }
        }
        Ok(())
    }

    /// The parts of a range outside [`ALIASES`]; counts the parts within.
    fn without_aliases(&mut self, first: u128, last: u128) -> Vec<(u128, u128)> {
        let mut parts = Vec::with_capacity(1);
        let mut from = Some(first);
        for (start, end) in ALIASES {
            let Some(at) = from.filter(|at| *at <= end && start <= last) else { continue };
            self.aliased += 1;
            if at < start {
                parts.push((at, start - 1));
            }
            from = end.checked_add(1).filter(|next| *next <= last);
        }
        parts.extend(from.map(|at| (at, last)));
        parts
    }
}

/// The record of a country, or of only a continent, in the format of `GeoIP2` Country.
fn record(country: Option<Country>, continent: Continent) -> Value {
    let names = |name: &str| Value::map([("en", Value::from(name))]);
    let continent =
        Value::map([("code", Value::from(continent.code())), ("names", names(continent.name()))]);
    let country = country.map(|country| {
        Value::map([("iso_code", Value::from(country.code())), ("names", names(country.name()))])
    });
    Value::map(
        std::iter::once(("continent", continent))
            .chain(country.map(|country| ("country", country))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_is_cut_at_aliases() {
        let mut database = DatabaseWriter::new(0, "");
        let low = 0x2001_0001 << 96;
        assert_eq!(database.without_aliases(low, low), [(low, low)]);
        assert_eq!(database.aliased, 0);
        assert_eq!(database.without_aliases(0x2002 << 112, (0x2002 << 112) + 5), []);
        assert_eq!(database.without_aliases(0, 0xffff_ffff), []);
        assert_eq!(database.aliased, 2);
        assert_eq!(
            database.without_aliases(0, u128::MAX),
            [
                (1 << 32, 0xfffe_ffff_ffff),
                (1 << 48, (0x2001 << 112) - 1),
                (low, (0x2002 << 112) - 1),
                (0x2003 << 112, u128::MAX)
            ]
        );
    }
}
