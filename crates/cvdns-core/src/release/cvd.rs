//! The header of a database file: the first 512 octets of a CVD, or of a CLD, which freshclam
//! assembles locally.
//!
//! `ClamAV-VDB:<build time>:<version>:<signatures>:<flevel>:<md5 of the
//! rest>:<dsig>:<builder>:<unix time>`, padded with spaces (CLIENTS: "CVD file header").

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::is_number;
use crate::problem::clock::{AHEAD, is_ahead};

/// Size of a header in octets.
pub const HEADER_SIZE: usize = 512;

/// The first octets of a header.
const MAGIC: &str = "ClamAV-VDB";

/// Format of build times: `16 Dec 2025 23-18 +0000`.
const BUILD_TIME: &str = "%d %b %Y %H-%M %z";

/// The fields of a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Build time as the header has it.
    pub built: String,
    /// Version of the database, 1 or more.
    pub version: u32,
    /// Number of signatures in the database.
    pub signatures: u32,
    /// Lowest functionality level that can read the database.
    pub flevel: u32,
    /// MD5 of the octets after the header; `X` in a CLD.
    pub md5: String,
    /// Digital signature; `X` in a CLD.
    pub signature: String,
    /// Builder of the database.
    pub builder: String,
    /// Build time from the last field. Old files lack it: then it is the time in `built`.
    pub time: Timestamp,
}

/// Why octets are not a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderError {
    /// The file ends within the header; its size in octets.
    CutOff(usize),
    /// They do not begin as a header does, or are not printable.
    NotCvd,
    /// The named field is missing or empty.
    Missing(&'static str),
    /// A field is not valid.
    Wrong {
        /// Name of the field.
        field: &'static str,
        /// Text of the field.
        text: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The build time is more than [`MAX_AHEAD`](crate::problem::clock::MAX_AHEAD) after now.
    FromTheFuture(Timestamp),
}

impl Header {
    /// Reads the header at the start of a file.
    ///
    /// # Errors
    /// If there is no valid header, or its build time is more than 5 minutes after `now`.
    pub fn parse(octets: &[u8], now: Timestamp) -> Result<Self, HeaderError> {
        let Some(head) = octets.get(..HEADER_SIZE) else {
            let begins = MAGIC.as_bytes().starts_with(octets.get(..MAGIC.len()).unwrap_or(octets));
            return Err(if begins {
                HeaderError::CutOff(octets.len())
            } else {
                HeaderError::NotCvd
            });
        };
        let printable = head.iter().all(|octet| (b' '..=b'~').contains(octet));
        let text =
            std::str::from_utf8(head).ok().filter(|_| printable).ok_or(HeaderError::NotCvd)?;
        let mut fields = text.trim_end_matches(' ').split(':');
        if fields.next() != Some(MAGIC) {
            return Err(HeaderError::NotCvd);
        }
        let mut next = |field| {
            fields.next().filter(|text| !text.is_empty()).ok_or(HeaderError::Missing(field))
        };
        let built = next("build time")?;
        let header = Self {
            built: built.to_owned(),
            version: number("version", next("version")?, 1)?,
            signatures: number("number of signatures", next("number of signatures")?, 0)?,
            flevel: number("functionality level", next("functionality level")?, 0)?,
            md5: md5(next("MD5")?)?,
            signature: next("digital signature")?.to_owned(),
            builder: next("builder")?.to_owned(),
            // libclamav ignores further fields too.
            time: time(built, fields.next().filter(|text| !text.is_empty()))?,
        };
        if is_ahead(header.time, now) {
            return Err(HeaderError::FromTheFuture(header.time));
        }
        Ok(header)
    }
}

fn number(field: &'static str, text: &str, least: u32) -> Result<u32, HeaderError> {
    let number = text.parse().ok().filter(|number| is_number(text) && *number >= least);
    let expected = if least == 0 { "a number" } else { "a number, 1 or more" };
    number.ok_or_else(|| HeaderError::Wrong { field, text: text.to_owned(), expected })
}

fn md5(text: &str) -> Result<String, HeaderError> {
    let is_md5 = text.len() == 32 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    if is_md5 || text == "X" {
        return Ok(text.to_owned());
    }
    Err(HeaderError::Wrong {
        field: "MD5",
        text: text.to_owned(),
        expected: "32 hexadecimal digits or X",
    })
}

fn time(built: &str, seconds: Option<&str>) -> Result<Timestamp, HeaderError> {
    let wrong =
        |field, text: &str, expected| HeaderError::Wrong { field, text: text.to_owned(), expected };
    let Some(seconds) = seconds else {
        return Timestamp::strptime(BUILD_TIME, built)
            .map_err(|_| wrong("build time", built, "a time such as 16 Dec 2025 23-18 +0000"));
    };
    let time = seconds.parse().ok().filter(|_| is_number(seconds)).map(Timestamp::from_second);
    time.and_then(Result::ok).ok_or_else(|| wrong("time", seconds, "Unix seconds"))
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff(size) => {
                write!(
                    f,
                    "cut off: {size} octets, but the header of a database alone has {HEADER_SIZE}"
                )
            }
            Self::NotCvd => {
                write!(f, "not a ClamAV database: a CVD or CLD file begins with {MAGIC}:")
            }
            Self::Missing(field) => write!(f, "its header has no {field}"),
            Self::Wrong { field, text, expected } => {
                write!(f, "the {field} in its header is \"{text}\"; expected {expected}")
            }
            Self::FromTheFuture(time) => {
                write!(f, "it was built at {time}, {AHEAD}")
            }
        }
    }
}

impl std::error::Error for HeaderError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAIN: &str = "ClamAV-VDB:16 Dec 2025 23-18 +0000:63:3287027:90:9c353a6b32555186a45a61c6441f38c0:gI9w:tomjudge:1765927102";

    fn parse(text: &str) -> Result<Header, HeaderError> {
        let now = "2026-11-24T00:00:00Z".parse().unwrap();
        Header::parse(format!("{text:512}the rest").as_bytes(), now)
    }

    fn says(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    /// Real headers (CLIENTS: "CVD file header").
    #[test]
    fn real_headers_are_read() {
        let main = parse(MAIN).unwrap();
        assert_eq!((main.version, main.signatures, main.flevel), (63, 3_287_027, 90));
        assert_eq!((main.builder.as_str(), main.signature.as_str()), ("tomjudge", "gI9w"));
        assert_eq!(main.time.as_second(), 1_765_927_102);
        let old = "ClamAV-VDB:23 Jun 2016 11-01 -0400:283:53:63:a3c18c1a448521c27ce915fefbc0d1b9:lYZ9:neo";
        // "The last field is missing in old files".
        let old = parse(old).unwrap();
        assert_eq!((old.version, old.time.to_string().as_str()), (283, "2016-06-23T15:01:00Z"));
        // "locally assembled .cld files carry X:X for md5 and dsig".
        let cld =
            parse("ClamAV-VDB:26 Sep 2026 06-24 +0000:28135:355678:90:X:X:svc:1790403853").unwrap();
        assert_eq!((cld.md5.as_str(), cld.signature.as_str()), ("X", "X"));
    }

    #[test]
    fn errors_name_the_field() {
        let now = Timestamp::UNIX_EPOCH;
        let cut = Header::parse(&MAIN.as_bytes()[..100], now).unwrap_err();
        assert!(cut.to_string().starts_with("cut off: 100 octets"), "{cut}");
        assert_eq!(Header::parse(b"", now), Err(HeaderError::CutOff(0)));
        assert_eq!(Header::parse(b"<html>", now), Err(HeaderError::NotCvd));
        assert!(says("<html><body>404</body></html>").contains("begins with ClamAV-VDB:"));
        assert_eq!(
            parse("ClamAV-VDB:16 Dec 2025 23-18 +0000:63:1"),
            Err(HeaderError::Missing("functionality level"))
        );
        assert_eq!(parse(&MAIN.replace(":63:", "::")), Err(HeaderError::Missing("version")));
        for (from, to, words) in [
            (":63:", ":0:", "the version in its header is \"0\"; expected a number, 1 or more"),
            (":63:", ":sixty:", "\"sixty\"; expected a number"),
            (":63:", ":+63:", "\"+63\""),
            (":63:", ":4294967296:", "\"4294967296\""),
            (":90:", ":9O:", "the functionality level in its header is \"9O\""),
            ("9c353a", "9c353g", "expected 32 hexadecimal digits or X"),
            (":1765927102", ":soon", "expected Unix seconds"),
            (
                ":1765927102",
                ":1795500000",
                "it was built at 2026-11-24T06:00:00Z, more than 5 minutes in the future",
            ),
        ] {
            assert!(
                says(&MAIN.replace(from, to)).contains(words),
                "{words}: {}",
                says(&MAIN.replace(from, to))
            );
        }
        assert!(
            says(&MAIN.replace("16 Dec", "16 Dez").replace(":1765927102", ""))
                .contains("expected a time such as")
        );
        assert!(says(&MAIN.replace("tomjudge", "tom\u{7}judge")).contains("not a ClamAV database"));
    }

    proptest! {
        #[test]
        fn no_mutation_panics(at in 0usize..520, octet in any::<u8>(), cut in 0usize..600) {
            let mut octets = format!("{MAIN:512}").into_bytes();
            if let Some(slot) = octets.get_mut(at) { *slot = octet; }
            octets.truncate(octets.len().saturating_sub(cut));
            let _ = Header::parse(&octets, Timestamp::UNIX_EPOCH);
        }
    }
}
