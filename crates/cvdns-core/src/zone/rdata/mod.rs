//! RDATA from text: the one reader of all types that BIND takes by name, each in the form that BIND and Knot take for it.
//!
//! [`table`] says of which fields a type is made; a field knows both its text and its octets. What is read is RDATA in
//! wire form with names uncompressed, as no type outside of RFC 1035 may have them otherwise (RFC 3597 section 4).

mod aliases;
mod apl;
mod data;
mod dnssec;
mod field;
mod fields;
mod loc;
mod octets;
mod service;
mod shapes;
mod table;
#[cfg(test)]
mod tests;

use super::token::{Fault, Token};
use crate::wire::name::Name;
use data::Data;
pub(super) use fields::bad_name;
pub(super) use table::number;

/// Reads the data of a record, `tokens`, behind its type, which ends at `end`. The octets are appended to `out`, which
/// is empty.
///
/// # Errors
/// When the data is not of the form of its type.
pub(super) fn read(
    rtype: u16,
    tokens: &[Token<'_>],
    end: usize,
    origin: &Name,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut data = Data::new(tokens, end, origin, out);
    let Some(layout) = table::by_number(rtype) else {
        return unknown(rtype, data);
    };
    let help = || layout.help();
    if data.is_generic() {
        data.generic().map_err(|fault| fault.or_with(help))?;
        if !layout.is_wire(data.out) {
            let what = format!("the octets are no {} data", layout.name);
            return Err(Fault::new(span(tokens), what).with(help()));
        }
    } else if layout.fields.is_empty() {
        return Err(data.fault_here(format!("{} has no form in text", layout.name)).with(help()));
    } else {
        for field in layout.fields {
            (field.text)(&mut data).map_err(|fault| fault.or_with(help))?;
        }
    }
    data.finish().map_err(|fault| fault.or_with(help))
}

/// Data of a type that has no name here, which is written in the form for all types (RFC 3597 section 5).
fn unknown(rtype: u16, mut data: Data<'_>) -> Result<(), Fault> {
    let help = || format!("write TYPE{rtype} \\# LENGTH HEX (RFC 3597 section 5)");
    if !data.is_generic() {
        return Err(data
            .fault_here(format!("the fields of TYPE{rtype} are not known"))
            .with(help()));
    }
    data.generic().and_then(|()| data.finish()).map_err(|fault| fault.or_with(help))
}

fn span(tokens: &[Token<'_>]) -> std::ops::Range<usize> {
    let start = tokens.first().map_or(0, |token| token.start);
    start..tokens.last().map_or(start, Token::end)
}
