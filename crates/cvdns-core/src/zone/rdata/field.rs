//! A field of RDATA, in presentation format and in wire form.

use super::octets::Octets;
use super::parser::RdataParser;
use crate::zone::token::ParseError;

/// A field. `wire` accepts all octets that `text` makes.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// Reads the field's tokens, and appends its octets.
    pub(super) text: for<'e> fn(&mut RdataParser<'e>) -> Result<(), ParseError>,
    /// Consumes the field's octets; `None` if they are not valid.
    pub(super) wire: for<'o> fn(&mut Octets<'o>) -> Option<()>,
}
