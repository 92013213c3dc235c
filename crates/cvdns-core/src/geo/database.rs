//! Reading a country database: any MMDB file that says which country a network is in.

mod error;
mod fields;
mod metadata;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use maxminddb::{Metadata, Reader};

pub use self::error::{DatabaseError, Fault};
use self::fields::Fields;
use self::tree::{Leaf, Tree, TreeError};
use super::area::Area;
use super::country::{Continent, Country, UnknownCountry};

/// A country database in memory, every network of which was looked at when it was loaded.
///
/// The code of a record is the first there is of
/// - `country.iso_code` (`GeoIP2` and `GeoLite2` Country and City, DB-IP, files made by `cvdns geoip build`),
/// - `country_code` (ipinfo Lite),
/// - `country` itself if it is a string of two letters (older ipinfo),
/// - `registered_country.iso_code`, only if the record has neither of the others nor a continent: where an address is
///   used, even if no more of it is known than the continent, says more about its neighbours than where its owner sits.
///
/// The continent is `continent.code`, `continent_code`, or `continent` itself if it is a string of two letters. It counts
/// where the record has no country, or one that [`Country`] does not know.
pub struct CountryDatabase {
    file: String,
    bytes: Arc<[u8]>,
    reader: Reader<Arc<[u8]>>,
    records: Records,
    warnings: Vec<UnknownCode>,
    networks: usize,
}

/// A range of IPv4 addresses, first and last, and where it is.
pub type RangeV4 = (u32, u32, Area);

/// A range of IPv6 addresses, first and last, and where it is.
pub type RangeV6 = (u128, u128, Area);

/// A code in a database that [`Country`] does not know. Its networks count as being in no country, but on the continent that
/// their record names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCode {
    /// The code as the database has it.
    pub code: String,
    /// How many networks have it.
    pub networks: usize,
    /// The first of them, by address.
    pub first: IpAddr,
    /// Why the code is not a country: never was one, or was withdrawn.
    pub reason: UnknownCountry,
}

/// What a database says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// The file as it was named.
    pub file: String,
    /// Such as `GeoLite2-Country`.
    pub database_type: String,
    /// Unix seconds.
    pub build_epoch: u64,
    /// 4 or 6; a 6 has IPv4 too.
    pub ip_version: u16,
    /// Nodes in the search tree.
    pub node_count: u32,
    /// Bits of a record in the search tree: 24, 28 or 32.
    pub record_size: u16,
    /// Networks with data, aliases of IPv4 networks not counted.
    pub networks: usize,
    /// Languages of the names.
    pub languages: Vec<String>,
    /// By language.
    pub description: BTreeMap<String, String>,
}

impl CountryDatabase {
    /// Reads a database from the bytes of a file. `file` is its name for messages.
    ///
    /// The whole tree is walked and every distinct record decoded, so that nothing can go wrong later.
    ///
    /// # Errors
    /// A file that is cut off, damaged, in another format or without countries.
    pub fn from_bytes(bytes: Vec<u8>, file: &str) -> Result<CountryDatabase, DatabaseError> {
        let fail = |fault| DatabaseError { file: file.to_owned(), fault };
        check_envelope(&bytes).map_err(fail)?;
        let (bytes, reader) = metadata::open(bytes).map_err(|what| fail(Fault::Metadata(what)))?;
        check_metadata(reader.metadata()).map_err(fail)?;
        let records = survey(&bytes, &reader).map_err(fail)?;
        Ok(CountryDatabase {
            file: file.to_owned(),
            bytes,
            reader,
            warnings: warnings(&records),
            networks: records.values().map(|record| record.networks).sum(),
            records,
        })
    }

    /// The code of the country that the database has for an address, and the network that it has it for.
    ///
    /// `None`: no record. `Some((None, …))`: a record without a country, which may have a continent ([`Self::area`]). The code is as it stands in the
    /// database: [`Country::parse`] may not know it. IPv6 addresses that stand for IPv4 ones (`::ffff:0:0/96`,
    /// `2002::/16`) are looked up as those, whether the database has aliases or not.
    pub fn lookup(&self, address: IpAddr) -> Option<(Option<&str>, IpNet)> {
        let (record, network) = self.record(address)?;
        Some((record.code.as_deref(), network))
    }

    /// Where the database has an address, found as by [`Self::lookup`].
    pub fn area(&self, address: IpAddr) -> Area {
        self.record(address).map_or(Area::Unknown, |(record, _)| record.area)
    }

    fn record(&self, address: IpAddr) -> Option<(&Record, IpNet)> {
        let address = embedded_v4(address);
        let result = self.reader.lookup(address).ok()?;
        let record = self.records.get(&pointer_of(result.offset()?, self.reader.metadata())?)?;
        let network = result.network().ok()?;
        let network = match (address, IpNet::new(network.network(), network.prefix()).ok()?) {
            // A record of ::/96, or of more, is one of all IPv4 addresses.
            (IpAddr::V4(_), IpNet::V6(_)) => IpNet::V4(Ipv4Net::default()),
            (_, network) => network,
        };
        Some((record, network))
    }

    /// What the database says of itself.
    pub fn metadata(&self) -> DatabaseInfo {
        let metadata = self.reader.metadata();
        DatabaseInfo {
            file: self.file.clone(),
            database_type: metadata.database_type.clone(),
            build_epoch: metadata.build_epoch,
            ip_version: metadata.ip_version,
            node_count: metadata.node_count,
            record_size: metadata.record_size,
            networks: self.networks,
            languages: metadata.languages.clone(),
            description: metadata.description.clone(),
        }
    }

    /// Codes that are not in the table of countries, most networks first.
    pub fn warnings(&self) -> &[UnknownCode] {
        &self.warnings
    }

    /// All IPv4 ranges: ascending, disjoint, equal neighbours merged.
    ///
    /// Ranges without a record are left out.
    pub fn ranges_v4(&self) -> Vec<RangeV4> {
        let mut ranges = Vec::new();
        self.walk(|leaf, area| {
            if let Some((start, end)) = leaf.v4() {
                match ranges.last_mut() {
                    Some((_, last, same))
                        if *same == area && start.checked_sub(1) == Some(*last) =>
                    {
                        *last = end;
                    }
                    _ => ranges.push((start, end, area)),
                }
            }
        });
        ranges
    }

    /// All IPv6 ranges: ascending, disjoint, equal neighbours merged.
    ///
    /// Without `::/96` (where an MMDB keeps IPv4), `::ffff:0:0/96` and `2002::/16`: such an address is looked up by
    /// the IPv4 address in it. Other aliases of the IPv4 part (`2001::/32`, Teredo) are left out: the address there
    /// is a relay's, not the client's.
    pub fn ranges_v6(&self) -> Vec<RangeV6> {
        let mut ranges = Vec::new();
        self.walk(|leaf, area| {
            for (start, end) in leaf.v6() {
                match ranges.last_mut() {
                    Some((_, last, same))
                        if *same == area && start.checked_sub(1) == Some(*last) =>
                    {
                        *last = end;
                    }
                    _ => ranges.push((start, end, area)),
                }
            }
        });
        ranges
    }

    /// Walks the tree again; it was found sound when the file was loaded.
    fn walk(&self, mut visit: impl FnMut(Leaf, Area)) {
        let Some(tree) = tree_of(&self.bytes, self.reader.metadata()) else {
            return;
        };
        let _ = tree.walk(|leaf| {
            visit(
                leaf,
                self.records.get(&leaf.pointer).map_or(Area::Unknown, |record| record.area),
            );
            Ok::<(), std::convert::Infallible>(())
        });
    }
}

impl std::fmt::Debug for CountryDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CountryDatabase")
            .field("metadata", &self.metadata())
            .finish_non_exhaustive()
    }
}

/// Records by the tree's pointer to them: the same pointer is the same data.
type Records = HashMap<u32, Record>;

struct Record {
    code: Option<String>,
    area: Area,
    networks: usize,
    first: IpAddr,
}

/// Marks the beginning of the metadata (MaxMind DB format 2.0, "Database Metadata").
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// The metadata, with its marker, may not be longer (same section).
const METADATA_MAX: usize = 128 * 1024;

/// Looks whether the file can be an MMDB file at all, and if not, what it is.
fn check_envelope(bytes: &[u8]) -> Result<(), Fault> {
    let tail = bytes.get(bytes.len().saturating_sub(METADATA_MAX)..).unwrap_or(bytes);
    if tail.windows(MARKER.len()).any(|window| window == MARKER) {
        return Ok(());
    }
    let text = |bytes: &[u8]| {
        bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
    };
    Err(match bytes {
        [] => Fault::Empty,
        [0x1f, 0x8b, ..] => {
            Fault::Other("a gzip file", "unpack it (gunzip, tar -xzf) and name the .mmdb file")
        }
        [b'P', b'K', 3, 4, ..] => Fault::Other("a zip file", "unpack it and name the .mmdb file"),
        _ if bytes.get(257..262) == Some(b"ustar") => {
            Fault::Other("a tar archive", "unpack it (tar -xf) and name the .mmdb file")
        }
        _ if text(bytes.get(..64).unwrap_or(bytes)) => {
            Fault::Other("a text file", "make a database of it with `cvdns geoip build`")
        }
        _ => Fault::NoMetadata,
    })
}

/// What the reader does not look at.
fn check_metadata(metadata: &Metadata) -> Result<(), Fault> {
    // 9999-12-31T23:59:59Z, the last second that calendars agree on.
    if metadata.build_epoch > 253_402_300_799 {
        return Err(Fault::Metadata(format!(
            "build_epoch {} is after the year 9999",
            metadata.build_epoch
        )));
    }
    Ok(())
}

/// Walks the whole tree and decodes every distinct record once.
fn survey(bytes: &[u8], reader: &Reader<Arc<[u8]>>) -> Result<Records, Fault> {
    let tree =
        tree_of(bytes, reader.metadata()).ok_or(Fault::Tree("it is longer than the file"))?;
    if !tree.is_separated(bytes) {
        return Err(Fault::Tree("it is not followed by 16 zero bytes"));
    }
    let mut records = Records::new();
    tree.walk(|leaf| {
        if let Some(record) = records.get_mut(&leaf.pointer) {
            record.networks += 1;
        } else {
            records.insert(leaf.pointer, decode(reader, &leaf)?);
        }
        Ok(())
    })
    .map_err(|error| match error {
        TreeError::TooDeep => Fault::Tree("it goes on below the last bit of an address"),
        TreeError::Endless => Fault::Tree("its nodes point at each other"),
        TreeError::Leaf(fault) => fault,
    })?;
    if records.is_empty() {
        return Err(Fault::NoNetworks);
    }
    if records.values().all(|record| record.code.is_none() && record.area == Area::Unknown) {
        return Err(Fault::NoCountries(reader.metadata().database_type.clone()));
    }
    Ok(records)
}

fn decode(reader: &Reader<Arc<[u8]>>, leaf: &Leaf) -> Result<Record, Fault> {
    let first = leaf.address();
    let bad =
        |error: maxminddb::MaxMindDbError| Fault::Record(first.to_string(), error.to_string());
    let result = reader.lookup(first).map_err(bad)?;
    let found = result.offset().and_then(|offset| pointer_of(offset, reader.metadata()));
    if found != Some(leaf.pointer) {
        return Err(Fault::Tree("a lookup and a walk end at different records"));
    }
    let fields = result.decode::<Fields>().map_err(bad)?.unwrap_or_default();
    let wrong = |(field, found)| Fault::Unfit { network: first.to_string(), field, found };
    let (code, continent) = fields.codes().map_err(wrong)?;
    let country = code.as_deref().and_then(|code| Country::parse(code).ok());
    let continent = continent.as_deref().and_then(Continent::parse);
    let area = country.map(Area::Country).or(continent.map(Area::Continent)).unwrap_or_default();
    Ok(Record { code, area, networks: 1, first })
}

fn tree_of<'a>(bytes: &'a [u8], metadata: &Metadata) -> Option<Tree<'a>> {
    Tree::new(bytes, metadata.node_count, metadata.record_size, metadata.ip_version == 6)
}

/// The tree's pointer to a data offset (MaxMind DB format 2.0, "Search Tree Lookup": offset = pointer - nodes - 16).
fn pointer_of(offset: usize, metadata: &Metadata) -> Option<u32> {
    u32::try_from(offset).ok()?.checked_add(metadata.node_count)?.checked_add(tree::SEPARATOR)
}

/// Counts the codes that are no countries.
fn warnings(records: &Records) -> Vec<UnknownCode> {
    let mut by_code = BTreeMap::<&str, UnknownCode>::new();
    for record in records.values() {
        let Some(code) = record.code.as_deref() else { continue };
        let Err(reason) = Country::parse(code) else { continue };
        let warning = by_code.entry(code).or_insert_with(|| UnknownCode {
            code: code.to_owned(),
            networks: 0,
            first: record.first,
            reason,
        });
        warning.networks += record.networks;
        warning.first = warning.first.min(record.first);
    }
    let mut warnings: Vec<_> = by_code.into_values().collect();
    warnings.sort_by_key(|warning| std::cmp::Reverse(warning.networks));
    warnings
}

/// The IPv4 address in one of the IPv6 forms that stand for it (`::ffff:0:0/96`, `2002::/16`); else the address as it is.
///
/// Whoever searches [`CountryDatabase::ranges_v4`] and [`CountryDatabase::ranges_v6`] asks this first.
pub fn embedded_v4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    match v6.segments() {
        // RFC 3056, section 2.
        [0x2002, high, low, ..] => {
            IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        _ => address,
    }
}
