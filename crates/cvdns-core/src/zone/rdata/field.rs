//! What a field of RDATA is: how it is read from text, and how it is told in octets.

use super::data::Data;
use super::octets::Octets;
use crate::zone::token::Fault;

/// A field. Whatever `text` makes, `wire` takes whole.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// Takes the field's tokens and appends its octets.
    pub(super) text: for<'e> fn(&mut Data<'e>) -> Result<(), Fault>,
    /// Takes the field's octets; `None` where there is no such field.
    pub(super) wire: for<'o> fn(&mut Octets<'o>) -> Option<()>,
}
