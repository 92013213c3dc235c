//! The RR types that `domain` knows by number only, read from the text that BIND and Knot take for them. The types
//! of DNSSEC whose algorithm it does not take by name (RFC 4034 appendix A.1) are here too.
//!
//! [`read`] goes over an entry before `domain` does. It keeps its hands off all entries but those of a type in
//! [`table`], so that there is one reader for each type. What it makes is RDATA in wire form with names
//! uncompressed, as no type outside of RFC 1035 may have them otherwise (RFC 3597 section 4).

mod aliases;
mod apl;
mod data;
mod dnssec;
mod fields;
mod loc;
mod shapes;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::ops::Range;
use std::str::FromStr;

use domain::base::iana::Rtype;

use super::units::parse_ttl;
use crate::wire::name::Name;
use data::Data;
use table::Layout;
use words::{Word, Words};

/// A record of a rare type.
pub(super) struct Read {
    /// The owner; none when the entry repeats the last one.
    pub(super) owner: Option<Name>,
    /// Time to live in seconds, where the entry says one.
    pub(super) ttl: Option<u32>,
    /// Type.
    pub(super) rtype: u16,
    /// RDATA in wire form.
    pub(super) rdata: Vec<u8>,
}

/// Why an entry is no record.
pub(super) struct Fault {
    /// The bytes of the entry that are meant.
    pub(super) span: Range<usize>,
    /// What is wrong.
    pub(super) what: String,
    /// What to write instead.
    pub(super) help: String,
}

/// What stands before the data of a record (RFC 1035 section 5.1).
struct Head<'e> {
    owner: Option<Word<'e>>,
    ttl: Option<u32>,
    rtype: Word<'e>,
}

/// Reads an entry; none when its type is not one of these, or when it is not even known what its type is.
pub(super) fn read(entry: &str, origin: &Name) -> Option<Result<Read, Fault>> {
    let mut words = Words::new(entry);
    let head = Head::read(entry, &mut words)?;
    let layout = layout(head.rtype.text)?;
    let read = record(&head, layout, words, origin);
    Some(read.map_err(|fault| if fault.help.is_empty() { fault.with(layout.help()) } else { fault }))
}

/// The layout of the type with this mnemonic, or with this number in the form `TYPEnnn` (RFC 3597 section 5).
fn layout(mnemonic: &str) -> Option<&'static Layout> {
    table::by_name(mnemonic).or_else(|| table::by_number(Rtype::from_str(mnemonic).ok()?.to_int()))
}

fn record(head: &Head<'_>, layout: &Layout, words: Words<'_>, origin: &Name) -> Result<Read, Fault> {
    // First, as one that is not closed makes words of the rest of the file.
    words.clone().check_balance()?;
    let mut data = Data::new(words, head.rtype.span.end, origin);
    let owner = match &head.owner {
        Some(word) => Some(
            Name::parse(word.text, origin)
                .map_err(|e| word.fault(format!("`{}`: {e}", word.text)).with("write a domain name"))?,
        ),
        None => None,
    };
    if data.is_generic() {
        data.generic()?;
    } else if layout.fields.is_empty() {
        return Err(data.fault_here(format!("{} has no form in text", layout.name)));
    } else {
        for field in layout.fields {
            field(&mut data)?;
        }
    }
    Ok(Read { owner, ttl: head.ttl, rtype: layout.number, rdata: data.finish()? })
}

impl<'e> Head<'e> {
    /// Reads owner, TTL and class in either order, and the type; none for another class than IN, of which the
    /// reader of common types has something to say.
    fn read(entry: &str, words: &mut Words<'e>) -> Option<Self> {
        let owner = if entry.starts_with([' ', '\t']) { None } else { Some(words.next()?) };
        let (mut ttl, mut class) = (None, false);
        loop {
            let word = words.next().filter(|word| !word.quoted)?;
            match parse_ttl(word.text) {
                Some(seconds) if ttl.is_none() => ttl = Some(seconds),
                _ if !class && word.text.eq_ignore_ascii_case("IN") => class = true,
                _ => return Some(Self { owner, ttl, rtype: word }),
            }
        }
    }
}

impl Fault {
    fn new(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { span, what: what.into(), help: String::new() }
    }

    fn with(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }
}
