//! Reading the metadata of a database, also where some of it is left out.

use std::sync::Arc;

use maxminddb::Reader;

use super::MARKER;

/// What the format does not insist on (MaxMind DB format 2.0, "Database Metadata") and the reader does: a key with an empty
/// value, as it stands in the file. First `languages`, an array, then `description`, a map.
const OPTIONAL: [&[u8]; 2] = [b"\x49languages\x00\x04", b"\x4bdescription\xe0"];

/// The octet that begins a map, without the number of its entries, which has the last five bits.
const MAP: u8 = 0b1110_0000;

/// Numbers from this one on do not stand in these five bits alone.
const LONG: u8 = 29;

/// A database in memory, and its reader.
type Opened = (Arc<[u8]>, Reader<Arc<[u8]>>);

/// The bytes, with what is left out of their metadata filled in, and their reader.
///
/// # Errors
/// The reader's words when it cannot be opened in any case.
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

/// The file with further entries in its metadata, which is a map at its end. `None` when it is not that.
fn fill(file: &[u8], entries: &[&[u8]]) -> Option<Vec<u8>> {
    let marker = file.windows(MARKER.len()).rposition(|window| window == MARKER)?;
    let start = marker.checked_add(MARKER.len())?;
    let head = *file.get(start)?;
    let count = u8::try_from(entries.len()).ok()?.checked_add(head & !MAP)?;
    if head & MAP != MAP || count >= LONG {
        return None;
    }
    let mut out = file.to_vec();
    *out.get_mut(start)? = MAP | count;
    for entry in entries {
        out.extend_from_slice(entry);
    }
    Some(out)
}
