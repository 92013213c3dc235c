//! What stands before the data of a record: owner, TTL, class and type (RFC 1035 section 5.1).

use super::rdata;
use super::token::{Fault, Token};
use super::ttl::ttl;
use crate::wire::rtype::OPT;

/// How a record is written, for messages.
const FORM: &str = "write OWNER [TTL] [IN] TYPE DATA; a type unknown by name goes as TYPEnnn \\# LENGTH HEX (RFC 3597)";

/// TTL, class and type of a record.
pub(super) struct Head {
    /// Time to live in seconds, where the entry says one.
    pub(super) ttl: Option<u32>,
    /// Type.
    pub(super) rtype: u16,
    /// How many tokens they take.
    pub(super) count: usize,
    /// Where the type ends.
    pub(super) end: usize,
}

impl Head {
    /// Reads TTL and class in either order, and the type; `end` is where the token before these ends.
    ///
    /// # Errors
    /// When there is no type, or when the class is not IN.
    pub(super) fn read(tokens: &[Token<'_>], end: usize) -> Result<Self, Fault> {
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
        Err(Fault::new(end..end, "the record's type is missing").with(FORM))
    }
}

fn is_in(token: &Token<'_>) -> bool {
    token.is("IN") || class_number(token) == Some(1)
}

/// The number of a class in the form `CLASSnnn` (RFC 3597 section 5).
fn class_number(token: &Token<'_>) -> Option<u16> {
    let (prefix, digits) = token.text.split_at_checked(5).filter(|_| !token.quoted)?;
    let digits =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|o| o.is_ascii_digit()))?;
    digits.parse().ok().filter(|_| prefix.eq_ignore_ascii_case(b"CLASS"))
}

fn type_of(token: &Token<'_>) -> Result<u16, Fault> {
    if ["CH", "CHAOS", "HS", "HESIOD", "CS", "NONE"].iter().any(|class| token.is(class))
        || class_number(token).is_some()
    {
        let what = format!("class {}", token.shown());
        return Err(token.fault(what).with("only IN is served: leave the class out"));
    }
    let number = Some(token.text).filter(|_| !token.quoted).and_then(rdata::number);
    let Some(number) = number else {
        return Err(token.fault(format!("`{}` is no type", token.shown())).with(FORM));
    };
    match number {
        // RFC 6895 section 3.1: 0 is reserved, 128 to 255 are for questions and for what travels with messages.
        0 | OPT | 128..=255 => {
            let what = format!("type {} exists in messages only", token.shown());
            Err(token.fault(what).with("remove the record"))
        }
        3 | 4 => {
            let what = format!("type {} is obsolete", token.shown());
            Err(token.fault(what).with("write an MX record (RFC 1035 section 3.3.4)"))
        }
        _ => Ok(number),
    }
}
