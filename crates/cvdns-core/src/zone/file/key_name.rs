//! The name of a key for transfers.

use std::fmt;
use std::str::FromStr;

use crate::wire::name::Name;

/// The name of a key, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName(pub Name);

impl FromStr for KeyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = Name::parse(text, &Name::root()).map_err(|error| error.to_string())?;
        Ok(Self(name.to_lower()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
