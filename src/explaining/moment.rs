//! Times as people write them.

use jiff::Timestamp;

use cvdns_core::schema::read::beyond_time;

/// Reads a time with an offset; the error says how to write one.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| {
        let how = "write a time such as 2026-12-24T00:00:00Z";
        beyond_time(text).map_or_else(|| how.to_owned(), |why| format!("{why}: {how}"))
    })
}
