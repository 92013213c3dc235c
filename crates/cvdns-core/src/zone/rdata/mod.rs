//! RDATA from presentation format, for all types whose mnemonics BIND knows, as BIND and Knot read
//! it.
//!
//! [`formats`] lists the fields of each type; a [`field`] has both a presentation format and a wire
//! form. The result is RDATA in wire form with uncompressed names: in types outside of RFC 1035,
//! names must not be compressed (RFC 3597 section 4).

mod apl;
mod dnssec;
mod field;
mod fields;
mod formats;
mod loc;
mod mnemonics;
mod octets;
mod parser;
mod rr_type;
mod special;
mod svcb;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::token::{ParseError, Token};
use crate::wire::name::Name;
pub(super) use fields::bad_name;
use fields::generic;
use parser::RdataParser;
pub(super) use rr_type::type_number;

/// Reads the data of a record from `tokens`, which follow the type. `end` is the end of the type,
/// as an octet offset in the file. The octets are appended to `out`, which must be empty.
///
/// # Errors
/// If the data is not valid for the type.
pub(super) fn read(
    rtype: u16,
    tokens: &[Token<'_>],
    end: usize,
    origin: &Name,
    out: &mut Vec<u8>,
) -> Result<(), ParseError> {
    let mut parser = RdataParser::new(tokens, end, origin, out);
    let Some(format) = formats::by_number(rtype) else {
        return read_unknown(rtype, parser);
    };
    let mnemonic = format.rr_type.mnemonic;
    let help = || format.help();
    if parser.is_generic() {
        generic(&mut parser).map_err(|error| error.or_help(help))?;
        if !format.is_valid(parser.out) {
            let what = format!("the octets are not {mnemonic} data");
            return Err(ParseError::new(span(tokens), what).with_help(help()));
        }
    } else if format.fields.is_empty() {
        let what = format!("{mnemonic} data has only the generic form");
        return Err(parser.error_here(what).with_help(help()));
    } else {
        for field in format.fields {
            (field.text)(&mut parser).map_err(|error| error.or_help(help))?;
        }
    }
    parser.finish().map_err(|error| error.or_help(help))
}

/// Reads the data of an unknown type, which has only the generic form (RFC 3597 section 5).
fn read_unknown(rtype: u16, mut parser: RdataParser<'_>) -> Result<(), ParseError> {
    let help = || format!("write TYPE{rtype} \\# LENGTH HEX (RFC 3597 section 5)");
    if !parser.is_generic() {
        return Err(parser
            .error_here(format!("the fields of TYPE{rtype} are not known"))
            .with_help(help()));
    }
    generic(&mut parser).and_then(|()| parser.finish()).map_err(|error| error.or_help(help))
}

fn span(tokens: &[Token<'_>]) -> Range<usize> {
    let start = tokens.first().map_or(0, |token| token.start);
    start..tokens.last().map_or(start, Token::end)
}
