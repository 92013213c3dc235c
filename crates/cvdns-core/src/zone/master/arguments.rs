//! Arguments of directives.

use crate::zone::token::{ParseError, Token};

/// The first argument of the directive `name`, and the rest.
///
/// # Errors
/// If there is no argument; `form` says what to write.
pub(super) fn first<'a, 't>(
    name: &Token<'_>,
    arguments: &'a [Token<'t>],
    form: &str,
) -> Result<(&'a Token<'t>, &'a [Token<'t>]), ParseError> {
    arguments
        .split_first()
        .ok_or_else(|| name.error(format!("{} without an argument", name.shown())).with_help(form))
}

/// Checks that nothing follows the last argument.
///
/// # Errors
/// If something follows; `form` says what to write.
pub(super) fn expect_end(rest: &[Token<'_>], form: &str) -> Result<(), ParseError> {
    match rest.first() {
        Some(token) => {
            Err(token.error(format!("unexpected `{}` at the end", token.shown())).with_help(form))
        }
        None => Ok(()),
    }
}
