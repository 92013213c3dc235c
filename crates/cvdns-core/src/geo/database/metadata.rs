//! Opening a database, even if optional metadata is missing.

use std::sync::Arc;

use maxminddb::Reader;

/// Marks the beginning of the metadata (MaxMind DB format 2.0, "Database Metadata").
pub(super) const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Greatest length in octets of the metadata with its marker (same section).
pub(super) const MAX_LENGTH: usize = 128 * 1024;

/// Encoded keys with empty values that the reader requires although the format does not (MaxMind DB
/// format 2.0, "Database Metadata"): `languages`, an array, and `description`, a map.
const OPTIONAL: [&[u8]; 2] = [b"\x49languages\x00\x04", b"\x4bdescription\xe0"];

/// The control octet of a map. The last five bits, here 0, are the number of entries.
const MAP: u8 = 0b1110_0000;

/// Numbers from this one on need more than these five bits.
const EXTENDED_SIZE: u8 = 29;

/// The octets of a database and their reader.
type Opened = (Arc<[u8]>, Reader<Arc<[u8]>>);

/// Opens a database, and adds optional metadata if the reader misses it.
///
/// # Errors
/// The message of the reader for the unchanged file, if adding metadata does not help.
pub(super) fn open(bytes: Vec<u8>) -> Result<Opened, String> {
    let whole: Arc<[u8]> = bytes.into();
    let error = match Reader::from_source(Arc::clone(&whole)) {
        Ok(reader) => return Ok((whole, reader)),
        Err(error) => error.to_string(),
    };
    let [languages, description] = OPTIONAL;
    for missing in [&[languages][..], &[description], &[languages, description]] {
        let Some(filled) = fill(&whole, missing) else { break };
        let filled: Arc<[u8]> = filled.into();
        if let Ok(reader) = Reader::from_source(Arc::clone(&filled)) {
            return Ok((filled, reader));
        }
    }
    Err(error)
}

/// Appends entries to the metadata of a file, which is a map at its end; `None` if it is not.
fn fill(file: &[u8], entries: &[&[u8]]) -> Option<Vec<u8>> {
    let marker = file.windows(MARKER.len()).rposition(|window| window == MARKER)?;
    let start = marker.checked_add(MARKER.len())?;
    let head = *file.get(start)?;
    let count = u8::try_from(entries.len()).ok()?.checked_add(head & !MAP)?;
    if head & MAP != MAP || count >= EXTENDED_SIZE {
        return None;
    }
    let mut out = file.to_vec();
    *out.get_mut(start)? = MAP | count;
    for entry in entries {
        out.extend_from_slice(entry);
    }
    Some(out)
}
