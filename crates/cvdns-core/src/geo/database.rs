//! Reading a country database: any MMDB file that maps networks to countries.

mod error;
mod fields;
mod metadata;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use maxminddb::{Metadata, Reader};

pub use self::error::{DatabaseError, DatabaseFault};
use self::fields::Fields;
use self::metadata::{MARKER, MAX_LENGTH};
use self::tree::{Leaf, Tree, TreeError};
use super::area::Area;
use super::country::{Continent, Country, UnknownCountry};
use super::embedded::embedded_v4;

/// A country database in memory. Loading it checks every network.
///
/// The country code of a record is the first of these that it has:
/// - `country.iso_code` (`GeoIP2` and `GeoLite2` Country and City, DB-IP, files made by
///   `cvdns geoip build`),
/// - `country`, if it is a string of two letters (older ipinfo),
/// - `country_code` (ipinfo Lite),
/// - `registered_country.iso_code`, but only if the record has no continent either: the place where
///   an address is used, even if only its continent is known, says more about network distance than
///   the seat of its owner.
///
/// The continent is `continent.code`, `continent` if it is a string of two letters, or
/// `continent_code`. It is used if the record has no country, or one that [`Country`] does not
/// know.
pub struct CountryDatabase {
    file: String,
    bytes: Arc<[u8]>,
    reader: Reader<Arc<[u8]>>,
    records: Records,
    warnings: Vec<UnknownCode>,
    networks: usize,
}

/// First address, last address and area of an IPv4 range.
pub type RangeV4 = (u32, u32, Area);

/// First address, last address and area of an IPv6 range.
pub type RangeV6 = (u128, u128, Area);

/// A code in a database that [`Country`] does not know. Its networks are in no country, but on the
/// continent that their record names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCode {
    /// The code as in the database.
    pub code: String,
    /// Number of networks with this code.
    pub networks: usize,
    /// The lowest address with this code.
    pub first: IpAddr,
    /// Why the code is not a country's: it is unknown or withdrawn.
    pub reason: UnknownCountry,
}

/// The metadata of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// File name as the caller gave it.
    pub file: String,
    /// Type of the database, such as `GeoLite2-Country`.
    pub database_type: String,
    /// Build time in Unix seconds.
    pub build_epoch: u64,
    /// 4 or 6; a database of version 6 has IPv4 addresses too.
    pub ip_version: u16,
    /// Number of nodes in the search tree.
    pub node_count: u32,
    /// Size in bits of a record in the search tree: 24, 28 or 32.
    pub record_size: u16,
    /// Number of networks with data, without aliases of IPv4 networks.
    pub networks: usize,
    /// Languages of the names in the database.
    pub languages: Vec<String>,
    /// Descriptions of the database by language.
    pub description: BTreeMap<String, String>,
}

impl CountryDatabase {
    /// Reads a database from the bytes of a file. `file` is its name for messages.
    ///
    /// The whole tree is walked and every distinct record is decoded, so that later look-ups cannot
    /// fail.
    ///
    /// # Errors
    /// The file is truncated, damaged, in another format, or has no countries.
    pub fn from_bytes(bytes: Vec<u8>, file: &str) -> Result<CountryDatabase, DatabaseError> {
        let fail = |fault| DatabaseError { file: file.to_owned(), fault };
        check_file_type(&bytes).map_err(fail)?;
        let (bytes, reader) =
            metadata::open(bytes).map_err(|what| fail(DatabaseFault::Metadata(what)))?;
        check_metadata(reader.metadata()).map_err(fail)?;
        let records = check_records(&bytes, &reader).map_err(fail)?;
        Ok(CountryDatabase {
            file: file.to_owned(),
            bytes,
            reader,
            warnings: unknown_codes(&records),
            networks: records.values().map(|record| record.networks).sum(),
            records,
        })
    }

    /// The country code that the database has for an address, and the network of that record.
    ///
    /// `None` means that there is no record. `Some((None, …))` is a record without a country; it
    /// may have a continent (see [`Self::area`]). The code is as in the database, so
    /// [`Country::parse`] may not know it. IPv6 addresses that embed an IPv4 address
    /// (`::ffff:0:0/96`, `2002::/16`) are looked up as that address, whether the database has
    /// aliases or not.
    pub fn lookup(&self, address: IpAddr) -> Option<(Option<&str>, IpNet)> {
        let (record, network) = self.record(address)?;
        Some((record.code.as_deref(), network))
    }

    /// The area of an address, looked up as by [`Self::lookup`].
    pub fn area(&self, address: IpAddr) -> Area {
        self.record(address).map_or(Area::Unknown, |(record, _)| record.area)
    }

    fn record(&self, address: IpAddr) -> Option<(&CountryRecord, IpNet)> {
        let address = embedded_v4(address);
        let result = self.reader.lookup(address).ok()?;
        let record = self.records.get(&pointer_of(result.offset()?, self.reader.metadata())?)?;
        let network = result.network().ok()?;
        let network = match (address, IpNet::new(network.network(), network.prefix()).ok()?) {
            // A record for ::/96, or for a shorter prefix, covers all IPv4 addresses.
            (IpAddr::V4(_), IpNet::V6(_)) => IpNet::V4(Ipv4Net::default()),
            (_, network) => network,
        };
        Some((record, network))
    }

    /// The metadata of the database.
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

    /// The codes that are not countries', those with the most networks first.
    pub fn warnings(&self) -> &[UnknownCode] {
        &self.warnings
    }

    /// All IPv4 ranges that have a record: ascending and disjoint, with equal neighbours merged.
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

    /// All IPv6 ranges that have a record: ascending and disjoint, with equal neighbours merged.
    ///
    /// `::/96` (where an MMDB file keeps IPv4), `::ffff:0:0/96` and `2002::/16` are left out,
    /// because their addresses are looked up by the IPv4 address in them. Other aliases of the IPv4
    /// part (`2001::/32`, Teredo) are left out, because the IPv4 address there is that of a relay.
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

    /// Walks the tree again. It cannot fail, because the tree was checked when the file was loaded.
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

/// Records by their pointer in the tree; equal pointers lead to the same data.
type Records = HashMap<u32, CountryRecord>;

struct CountryRecord {
    code: Option<String>,
    area: Area,
    networks: usize,
    first: IpAddr,
}

/// Checks that the file can be an MMDB file, and else recognises what it is.
fn check_file_type(bytes: &[u8]) -> Result<(), DatabaseFault> {
    let tail = bytes.get(bytes.len().saturating_sub(MAX_LENGTH)..).unwrap_or(bytes);
    if tail.windows(MARKER.len()).any(|window| window == MARKER) {
        return Ok(());
    }
    let text = |bytes: &[u8]| {
        bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
    };
    Err(match bytes {
        [] => DatabaseFault::Empty,
        [0x1f, 0x8b, ..] => DatabaseFault::Other(
            "a gzip file",
            "unpack it (gunzip, tar -xzf) and name the .mmdb file",
        ),
        [b'P', b'K', 3, 4, ..] => {
            DatabaseFault::Other("a zip file", "unpack it and name the .mmdb file")
        }
        _ if bytes.get(257..262) == Some(b"ustar") => {
            DatabaseFault::Other("a tar archive", "unpack it (tar -xf) and name the .mmdb file")
        }
        _ if text(bytes.get(..64).unwrap_or(bytes)) => {
            DatabaseFault::Other("a text file", "make a database of it with `cvdns geoip build`")
        }
        _ => DatabaseFault::NoMetadata,
    })
}

/// Checks the metadata that the reader does not check.
fn check_metadata(metadata: &Metadata) -> Result<(), DatabaseFault> {
    // 9999-12-31T23:59:59Z, the last second with a year of four digits.
    if metadata.build_epoch > 253_402_300_799 {
        return Err(DatabaseFault::Metadata(format!(
            "build_epoch {} is after the year 9999",
            metadata.build_epoch
        )));
    }
    Ok(())
}

/// Walks the whole tree and decodes every distinct record once.
fn check_records(bytes: &[u8], reader: &Reader<Arc<[u8]>>) -> Result<Records, DatabaseFault> {
    let tree = tree_of(bytes, reader.metadata())
        .ok_or(DatabaseFault::Tree("it is longer than the file"))?;
    if !tree.is_separated(bytes) {
        return Err(DatabaseFault::Tree("it is not followed by 16 zero bytes"));
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
        TreeError::TooDeep => DatabaseFault::Tree("it goes on below the last bit of an address"),
        TreeError::Endless => DatabaseFault::Tree("its nodes point at each other"),
        TreeError::Leaf(fault) => fault,
    })?;
    if records.is_empty() {
        return Err(DatabaseFault::NoNetworks);
    }
    if records.values().all(|record| record.code.is_none() && record.area == Area::Unknown) {
        return Err(DatabaseFault::NoCountries(reader.metadata().database_type.clone()));
    }
    Ok(records)
}

fn decode(reader: &Reader<Arc<[u8]>>, leaf: &Leaf) -> Result<CountryRecord, DatabaseFault> {
    let first = leaf.address();
    let bad = |error: maxminddb::MaxMindDbError| {
        DatabaseFault::Record(first.to_string(), error.to_string())
    };
    let result = reader.lookup(first).map_err(bad)?;
    let found = result.offset().and_then(|offset| pointer_of(offset, reader.metadata()));
    if found != Some(leaf.pointer) {
        return Err(DatabaseFault::Tree("a lookup and a walk end at different records"));
    }
    let fields = result.decode::<Fields>().map_err(bad)?.unwrap_or_default();
    let wrong =
        |(field, found)| DatabaseFault::NotACode { network: first.to_string(), field, found };
    let (code, continent) = fields.codes().map_err(wrong)?;
    let country = code.as_deref().and_then(|code| Country::parse(code).ok());
    let continent = continent.as_deref().and_then(Continent::parse);
    let area = country.map(Area::Country).or(continent.map(Area::Continent)).unwrap_or_default();
    Ok(CountryRecord { code, area, networks: 1, first })
}

fn tree_of<'a>(bytes: &'a [u8], metadata: &Metadata) -> Option<Tree<'a>> {
    Tree::new(bytes, metadata.node_count, metadata.record_size, metadata.ip_version == 6)
}

/// The pointer in the tree to a data offset (MaxMind DB format 2.0, "Search Tree Lookup": offset =
/// pointer - nodes - 16).
fn pointer_of(offset: usize, metadata: &Metadata) -> Option<u32> {
    u32::try_from(offset).ok()?.checked_add(metadata.node_count)?.checked_add(tree::SEPARATOR)
}

/// Counts the networks of codes that are not countries'.
fn unknown_codes(records: &Records) -> Vec<UnknownCode> {
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
