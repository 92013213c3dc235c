//! Times on the command line.

use jiff::Timestamp;

/// Reads a time with an offset; the error says how to write one.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write a time such as 2026-12-24T00:00:00Z".to_owned())
}
