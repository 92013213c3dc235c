//! Reasons to refuse a country database.

use std::fmt;

/// A file that cannot be used as a country database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseError {
    /// File name as the caller gave it.
    pub file: String,
    /// What is wrong with it.
    pub fault: DatabaseFault,
}

/// What is wrong with a country database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseFault {
    /// The file is empty.
    Empty,
    /// The first bytes are of another file format: its name, and what to do.
    Other(&'static str, &'static str),
    /// There is no metadata section: the file is truncated or in another format.
    NoMetadata,
    /// The metadata is invalid: the message of the reader.
    Metadata(String),
    /// The search tree is damaged: the reason.
    Tree(&'static str),
    /// A data record is damaged: the first address of its network, and the message of the reader.
    Record(String, String),
    /// A data record is valid, but its country or continent is not a code.
    NotACode {
        /// The first address of the network of the record.
        network: String,
        /// Name of the field; empty for the record itself.
        field: &'static str,
        /// Description of the value, for messages.
        found: String,
    },
    /// The database has no networks.
    NoNetworks,
    /// The database has no countries: its type.
    NoCountries(String),
}

/// Advice for a damaged file.
const AGAIN: &str = "fetch or build the file again";

/// Advice for a valid file that is of no use.
const OTHERWISE: &str =
    "name a database of countries, or make one of a list of networks with `cvdns geoip build`";

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        match &self.fault {
            DatabaseFault::Empty => {
                write!(f, "the file is empty; expected a country database in MMDB format; {AGAIN}")
            }
            DatabaseFault::Other(what, todo) => {
                write!(f, "this is {what}; expected a country database in MMDB format; {todo}")
            }
            DatabaseFault::NoMetadata => write!(
                f,
                "no MMDB metadata at the end of the file: it is cut off, or not in MMDB format; {AGAIN}"
            ),
            DatabaseFault::Metadata(message) => {
                write!(f, "the MMDB metadata is damaged or not of format 2.0: {message}; {AGAIN}")
            }
            DatabaseFault::Tree(how) => write!(f, "the search tree is damaged: {how}; {AGAIN}"),
            DatabaseFault::Record(network, message) => {
                write!(f, "the data record of {network} is damaged: {message}; {AGAIN}")
            }
            DatabaseFault::NotACode { network, field: "", found } => write!(
                f,
                "the record of {network} is {found}; expected a map with country.iso_code (GeoIP2, GeoLite2, DB-IP) or \
                 country_code (ipinfo), which is a code of two letters; {OTHERWISE}"
            ),
            DatabaseFault::NotACode { network, field, found } => write!(
                f,
                "{field} of {network} is {found}; expected a code of two letters, such as DE; {OTHERWISE}"
            ),
            DatabaseFault::NoNetworks => write!(f, "the database has no networks; {AGAIN}"),
            DatabaseFault::NoCountries(kind) => write!(
                f,
                "no record of this database of type {kind:?} has a country; expected country.iso_code (GeoIP2, \
                 GeoLite2, DB-IP) or country_code (ipinfo); name a Country or City database"
            ),
        }
    }
}

impl std::error::Error for DatabaseError {}
