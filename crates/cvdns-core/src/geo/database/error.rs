//! Why a country database is refused.

use std::fmt;

/// A file that is not a sound country database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseError {
    /// The file as it was named.
    pub file: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a country database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No bytes at all.
    Empty,
    /// Not an MMDB file but, by its first bytes, something known: what it is, and what to do.
    Other(&'static str, &'static str),
    /// No metadata section: cut off, or another format.
    NoMetadata,
    /// The metadata makes no sense: the reader's words.
    Metadata(String),
    /// The search tree is damaged: how.
    Tree(&'static str),
    /// A data record is damaged: the network that leads to it and the reader's words.
    Record(String, String),
    /// A sound record that says nothing of countries in a way that is known here.
    Unfit {
        /// The first address of the network that leads to it.
        network: String,
        /// The field; empty: the record itself.
        field: &'static str,
        /// What is there, in words.
        found: String,
    },
    /// There is not one network in it.
    NoNetworks,
    /// A sound MMDB file of another kind: its type.
    NoCountries(String),
}

const AGAIN: &str = "fetch or build the file again";

const OTHERWISE: &str =
    "name a database of countries, or make one of a list of networks with `cvdns geoip build`";

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        match &self.fault {
            Fault::Empty => {
                write!(f, "the file is empty; expected a country database in MMDB format; {AGAIN}")
            }
            Fault::Other(what, todo) => {
                write!(f, "this is {what}; expected a country database in MMDB format; {todo}")
            }
            Fault::NoMetadata => write!(
                f,
                "no MMDB metadata at the end of the file: it is cut off, or not in MMDB format; {AGAIN}"
            ),
            Fault::Metadata(message) => {
                write!(f, "the MMDB metadata is damaged or not of format 2.0: {message}; {AGAIN}")
            }
            Fault::Tree(how) => write!(f, "the search tree is damaged: {how}; {AGAIN}"),
            Fault::Record(network, message) => {
                write!(f, "the data record of {network} is damaged: {message}; {AGAIN}")
            }
            Fault::Unfit { network, field: "", found } => write!(
                f,
                "the record of {network} is {found}; expected a map with country.iso_code (GeoIP2, GeoLite2, DB-IP) or \
                 country_code (ipinfo), which is a code of two letters; {OTHERWISE}"
            ),
            Fault::Unfit { network, field, found } => write!(
                f,
                "{field} of {network} is {found}; expected a code of two letters, such as DE; {OTHERWISE}"
            ),
            Fault::NoNetworks => write!(f, "the database has no networks; {AGAIN}"),
            Fault::NoCountries(kind) => write!(
                f,
                "no record of this database of type {kind:?} has a country; expected country.iso_code (GeoIP2, \
                 GeoLite2, DB-IP) or country_code (ipinfo); name a Country or City database"
            ),
        }
    }
}

impl std::error::Error for DatabaseError {}
