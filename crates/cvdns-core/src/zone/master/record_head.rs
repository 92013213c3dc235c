//! TTL, class and type of a record, which precede its data (RFC 1035 section 5.1).

use crate::wire::rtype::OPT;
use crate::zone::rdata;
use crate::zone::token::{ParseError, Token};
use crate::zone::ttl::ttl;

/// Syntax of a record, for messages.
const FORM: &str = "write OWNER [TTL] [IN] TYPE DATA; a type unknown by name goes as TYPEnnn \\# LENGTH HEX (RFC 3597)";

/// TTL, class and type of a record.
pub(super) struct RecordHead {
    /// TTL in seconds; `None` if the entry has none.
    pub(super) ttl: Option<u32>,
    /// Type.
    pub(super) rtype: u16,
    /// Number of tokens up to and including the type.
    pub(super) count: usize,
    /// End of the type, as an octet offset in the file.
    pub(super) end: usize,
}

impl RecordHead {
    /// Reads TTL and class in either order, then the type. `end` is the end of the preceding token.
    ///
    /// # Errors
    /// If the type is missing, unknown or not allowed in zones, if the class is not IN, or if the
    /// TTL is too long.
    pub(super) fn read(tokens: &[Token<'_>], end: usize) -> Result<Self, ParseError> {
        let (mut seconds, mut has_class, mut end) = (None, false, end);
        for (at, token) in tokens.iter().enumerate() {
            match ttl(token)? {
                Some(read) if seconds.is_none() => seconds = Some(read),
                _ if !has_class && is_in(token) => has_class = true,
                _ => {
                    let rtype = type_of(token)?;
                    return Ok(Self { ttl: seconds, rtype, count: at + 1, end: token.end() });
                }
            }
            end = token.end();
        }
        Err(ParseError::new(end..end, "the record's type is missing").with_help(FORM))
    }
}

fn is_in(token: &Token<'_>) -> bool {
    token.is("IN") || class_number(token) == Some(1)
}

/// The number of a class that is written as `CLASSnnn` (RFC 3597 section 5).
fn class_number(token: &Token<'_>) -> Option<u16> {
    let (prefix, digits) = token.text.split_at_checked(5).filter(|_| !token.quoted)?;
    let digits =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|o| o.is_ascii_digit()))?;
    digits.parse().ok().filter(|_| prefix.eq_ignore_ascii_case(b"CLASS"))
}

fn type_of(token: &Token<'_>) -> Result<u16, ParseError> {
    if ["CH", "CHAOS", "HS", "HESIOD", "CS", "NONE"].iter().any(|class| token.is(class))
        || class_number(token).is_some()
    {
        let what = format!("class {}", token.shown());
        return Err(token.error(what).with_help("only IN is served: leave the class out"));
    }
    let number = Some(token.text).filter(|_| !token.quoted).and_then(rdata::type_number);
    let Some(number) = number else {
        return Err(token.error(format!("`{}` is not a type", token.shown())).with_help(FORM));
    };
    match number {
        // RFC 6895 section 3.1: 0 is reserved; 128 to 255 are QTYPEs and meta-TYPEs.
        0 | OPT | 128..=255 => {
            let what = format!("type {} exists in messages only", token.shown());
            Err(token.error(what).with_help("remove the record"))
        }
        3 | 4 => {
            let what = format!("type {} is obsolete", token.shown());
            Err(token.error(what).with_help("write an MX record (RFC 1035 section 3.3.4)"))
        }
        _ => Ok(number),
    }
}
