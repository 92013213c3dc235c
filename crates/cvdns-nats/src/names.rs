//! How documents are called, and the subjects of NATS that follow from it.

use std::fmt;
use std::str::FromStr;

/// A document that is followed or published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name in the bucket.
    pub name: KeyName,
    /// Most octets of the document.
    pub limit: usize,
}

/// The name of a bucket, such as `cvdns`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bucket(String);

/// The name of a document in a bucket, such as `feed` or `reports.berlin`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(String);

/// Why a text is no name of a bucket or of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// It is empty or has more than 100 octets.
    Length,
    /// It has a character that no such name may have.
    Character(char),
    /// It begins or ends with a dot, or has two in a row.
    Dot,
}

/// Most octets of a name. NATS allows more, but each is part of every subject and of file names.
const MAX_NAME: usize = 100;

impl Bucket {
    /// The stream in which JetStream keeps the bucket (NATS ADR-8).
    pub(crate) fn stream(&self) -> String {
        format!("KV_{}", self.0)
    }

    /// The subject under which a document is stored.
    pub(crate) fn subject(&self, key: &KeyName) -> String {
        format!("$KV.{}.{key}", self.0)
    }

    /// The subject under which what was stored is published again.
    pub(crate) fn live(&self, key: &KeyName) -> String {
        format!("live.{}.{key}", self.0)
    }

    /// The subject of requests for the last value (NATS ADR-31).
    pub(crate) fn direct_get(&self, key: &KeyName) -> String {
        format!("$JS.API.DIRECT.GET.{}.{}", self.stream(), self.subject(key))
    }

    /// The bucket for the leases of this one.
    #[must_use]
    pub fn leases(&self) -> Self {
        Self(format!("{}_lease", self.0))
    }
}

impl KeyName {
    /// A name that the program knows. One that is no name is a defect, which tests find.
    pub fn constant(name: &'static str) -> Self {
        debug_assert!(name.parse::<Self>().is_ok(), "{name} is no name");
        Self(name.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Bucket {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        named(text, "-_").map(Self)
    }
}

impl FromStr for KeyName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let name = named(text, "-_/=.")?;
        if name.split('.').any(str::is_empty) { Err(NameError::Dot) } else { Ok(Self(name)) }
    }
}

fn named(text: &str, beside: &str) -> Result<String, NameError> {
    if text.is_empty() || text.len() > MAX_NAME {
        return Err(NameError::Length);
    }
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || beside.contains(letter);
    match text.chars().find(|letter| !is_allowed(*letter)) {
        Some(letter) => Err(NameError::Character(letter)),
        None => Ok(text.to_owned()),
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "a name has 1 to {MAX_NAME} characters"),
            Self::Character(letter) => write!(
                f,
                "a name has no {letter:?}: letters, digits, `-` and `_` are allowed, and `.`, `/` \
                 and `=` within a bucket"
            ),
            Self::Dot => f.write_str("a dot must stand between two other characters"),
        }
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_follow_from_names() {
        let (bucket, key): (Bucket, KeyName) =
            ("cvdns".parse().unwrap(), "reports.berlin".parse().unwrap());
        assert_eq!(bucket.subject(&key), "$KV.cvdns.reports.berlin");
        assert_eq!(bucket.live(&key), "live.cvdns.reports.berlin");
        assert_eq!(bucket.direct_get(&key), "$JS.API.DIRECT.GET.KV_cvdns.$KV.cvdns.reports.berlin");
        assert_eq!(bucket.leases().stream(), "KV_cvdns_lease");
    }

    #[test]
    fn names_that_would_be_other_subjects_are_refused() {
        use NameError::{Character, Dot, Length};
        for (text, wrong) in [
            ("", Length),
            ("a b", Character(' ')),
            ("a.*", Character('*')),
            (">", Character('>')),
            ("a\r\n", Character('\r')),
            ("$KV", Character('$')),
            (".a", Dot),
            ("a.", Dot),
            ("a..b", Dot),
        ] {
            assert_eq!(text.parse::<KeyName>(), Err(wrong), "{text:?}");
        }
        assert_eq!("a".repeat(101).parse::<KeyName>(), Err(Length));
        assert_eq!("a.b".parse::<Bucket>(), Err(Character('.')));
    }
}
