//! Completes answers: OPT record, header, and what is left of an answer that does not fit.

use super::body::{self, Body};
use super::options::Opt;
use crate::snapshot::extended_error::ExtendedError;
use crate::wire::query::Query;
use crate::wire::tsig::Tsig;
use crate::wire::{HEADER, rcode};

/// A complete answer.
pub(super) struct Finished {
    /// Its length in octets.
    pub end: usize,
    /// Whether TC is set.
    pub truncated: bool,
}

/// Completes an answer: removes its sections and sets TC if it is too long, adds the OPT record,
/// writes the header.
pub(super) fn finish(
    buffer: &mut [u8],
    query: &Query,
    body: Body<'_>,
    opt: Option<Opt<'_>>,
    limit: usize,
) -> Option<Finished> {
    let opt_size = opt.map_or(0, |opt| opt.size());
    let end = body.end.map(|end| end.max(query.question_end));
    let fits = end.filter(|end| end + opt_size <= limit);
    // An extended error never displaces records.
    let ede = body.ede.filter(|ede| fits.is_some_and(|end| end + opt_size + ede.size() <= limit));
    let (sections_end, counts) = match fits {
        Some(end) => (end, body.counts),
        None => (query.question_end, body::SectionCounts::default()),
    };
    let end = match opt {
        Some(opt) => opt.write(buffer, sections_end, body.rcode, body.scope, ede)?,
        None => sections_end,
    };
    let [answer, authority] = [counts.answer.to_be_bytes(), counts.authority.to_be_bytes()];
    let additional = (counts.additional + u16::from(opt.is_some())).to_be_bytes();
    let header = buffer.first_chunk_mut::<HEADER>()?;
    let [_, _, flags, code, _, _, an1, an0, ns1, ns0, ar1, ar0] = header;
    let truncated = if fits.is_none() { 0x02 } else { 0 };
    let authoritative = if body.authoritative { 0x04 } else { 0 };
    *flags = 0x80 | authoritative | truncated | (*flags & 0x01);
    *code = (body.rcode & 0x0f) as u8;
    [[*an1, *an0], [*ns1, *ns0], [*ar1, *ar0]] = [answer, authority, additional];
    Some(Finished { end, truncated: fits.is_none() })
}

/// NOTAUTH with a TSIG record that says BADKEY (RFC 8945 section 5.2.1), which is left out if it
/// does not fit.
#[cold]
pub(super) fn unknown_key(
    buffer: &mut [u8],
    question_end: usize,
    opt: Option<Opt<'_>>,
    tsig: Tsig,
    limit: usize,
) -> Option<usize> {
    let (record, length) = tsig.unknown_key(buffer)?;
    let end = reject(buffer, rcode::NOTAUTH, Some(question_end), opt, None)?;
    if end + length > limit {
        return Some(end);
    }
    buffer.get_mut(end..end + length)?.copy_from_slice(record.get(..length)?);
    // The last octet of ARCOUNT: the TSIG record counts beside the OPT record.
    *buffer.get_mut(HEADER - 1)? += 1;
    Some(end + length)
}

/// An answer that consists of an RCODE, the question if it could be read, and an OPT record.
pub(super) fn reject(
    buffer: &mut [u8],
    rcode: u16,
    question_end: Option<usize>,
    opt: Option<Opt<'_>>,
    ede: Option<ExtendedError<'_>>,
) -> Option<usize> {
    let end = question_end.unwrap_or(HEADER);
    let end = match opt {
        Some(opt) => opt.write(buffer, end, rcode, 0, ede)?,
        None => end,
    };
    let header = buffer.first_chunk_mut::<HEADER>()?;
    let [_, _, flags, code, counts @ ..] = header;
    // OPCODE and RD are copied (RFC 1035 section 4.1.1).
    *flags = 0x80 | (*flags & 0x79);
    *code = (rcode & 0x0f) as u8;
    *counts = [0, u8::from(question_end.is_some()), 0, 0, 0, 0, 0, u8::from(opt.is_some())];
    Some(end)
}
