//! Reads master files (RFC 1035 section 5.1, RFC 2308 section 4 for `$TTL`, RFC 3597 for unknown types), as BIND does where
//! these leave room. Every bad entry is found in one run.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::head::Head;
use super::include::Include;
use super::lexer::{Entry, Lexer};
use super::rdata::{self, bad_name};
use super::records::ResourceRecord;
use super::token::{Fault, Token};
use crate::problem::{BYTE_ORDER_MARK, HAS_MARK, Location, Problems};
use crate::wire::name::Name;
use crate::wire::rtype;

/// What to do about a record for which neither it, `$TTL`, a record before it nor a SOA before it gives a TTL (RFC 2308 section 4).
const NO_TTL: &str = "write `$TTL 3600` at the top of the file, or a TTL into the record";

/// What is wrong with an entry that starts with a blank when there was none before it, and what to do.
const NO_OWNER: (&str, &str) =
    ("the first record of the file has no owner", "write its name, or `@`, at the line's start");

/// Reads a master file; every bad entry is noted and left out.
pub fn parse(
    file: &str,
    octets: impl AsRef<[u8]>,
    origin: &Name,
    include: &mut dyn Include,
    problems: &mut Problems,
) -> Vec<ResourceRecord> {
    let mut reader = Reader {
        include,
        problems,
        records: Vec::new(),
        open: Vec::new(),
        includes_itself: false,
        default_ttl: None,
        last_ttl: None,
        generated: 0,
        generated_octets: 0,
        included_octets: 0,
        rdata: Vec::new(),
    };
    reader.file(file, octets.as_ref(), Place { origin: origin.clone(), owner: None });
    reader.records
}

/// What reads a master file with all that it includes.
pub(super) struct Reader<'r> {
    pub(super) include: &'r mut dyn Include,
    pub(super) problems: &'r mut Problems,
    records: Vec<ResourceRecord>,
    /// The files that are being read, each including the next.
    pub(super) open: Vec<PathBuf>,
    /// Whether files nested too deep: no more are included then, as their number would double with each level.
    pub(super) includes_itself: bool,
    /// What `$TTL` says. An included file's `$TTL` holds behind it too, as in BIND.
    pub(super) default_ttl: Option<u32>,
    /// The TTL of the last record, which counts where there is no `$TTL` (RFC 1035 section 5.1).
    last_ttl: Option<u32>,
    /// How many records `$GENERATE` has made.
    pub(super) generated: usize,
    /// Octets of what was read for them.
    pub(super) generated_octets: usize,
    /// Octets of included files, each as often as it was included.
    pub(super) included_octets: usize,
    /// RDATA under construction: kept, so that not every record allocates it anew.
    rdata: Vec<u8>,
}

/// A file's text as messages show it.
pub(super) struct Source {
    file: Arc<str>,
    text: Arc<str>,
}

/// What one entry leaves for the next, within one file: an included file has what was before it, and what it leaves ends
/// with it (RFC 1035 section 5.1).
#[derive(Clone)]
pub(super) struct Place {
    pub(super) origin: Name,
    pub(super) owner: Option<Name>,
}

impl Source {
    /// Octets that are no UTF-8 are shown as question marks, one for each, so that places stay the same.
    fn new(file: &str, octets: &[u8]) -> Self {
        let text = if let Ok(text) = std::str::from_utf8(octets) {
            Arc::from(text)
        } else {
            let mut text = String::with_capacity(octets.len());
            for chunk in octets.utf8_chunks() {
                text.push_str(chunk.valid());
                text.extend(chunk.invalid().iter().map(|_| '?'));
            }
            Arc::from(text)
        };
        Self { file: Arc::from(file), text }
    }

    /// The place of these octets.
    pub(super) fn location(&self, span: std::ops::Range<usize>) -> Location {
        Location::at(&self.file, &self.text, span)
    }
}

impl Reader<'_> {
    pub(super) fn file(&mut self, file: &str, octets: &[u8], mut place: Place) {
        let mut mark = [0; 4];
        let plain = octets.strip_prefix(BYTE_ORDER_MARK.encode_utf8(&mut mark).as_bytes());
        if plain.is_some() {
            self.problems.warning(Location::file(file), HAS_MARK.0, HAS_MARK.1);
        }
        let octets = plain.unwrap_or(octets);
        let source = Source::new(file, octets);
        self.open.push(plain_path(Path::new(file)));
        let mut lexer = Lexer::new(octets);
        let mut tokens = Vec::new();
        while let Some(entry) = lexer.entry(&mut tokens) {
            self.entry(&entry, &tokens, &source, octets, &mut place);
        }
        self.open.pop();
    }

    fn entry(
        &mut self,
        entry: &Entry,
        tokens: &[Token<'_>],
        source: &Source,
        octets: &[u8],
        place: &mut Place,
    ) {
        if let Some(fault) = &entry.fault {
            let what = format!("not a record: {}", fault.what);
            return self.problems.error(
                source.location(fault.span.clone()),
                what,
                fault.help.clone(),
            );
        }
        // The line on which the entry begins: what stands on further lines is told by its own place.
        let text = octets.get(entry.span.clone()).unwrap_or_default();
        let line = text.iter().position(|octet| *octet == b'\n').unwrap_or(text.len());
        let location = source.location(entry.span.start..entry.span.start + line);
        match tokens.split_first() {
            Some((name, arguments)) if !entry.starts_blank && name.text.starts_with(b"$") => {
                self.directive(name, arguments, source, &location, place);
            }
            _ => {
                if let Err(fault) = self.record(entry, tokens, &location, place) {
                    let what = format!("not a record: {}", fault.what);
                    self.problems.error(source.location(fault.span), what, fault.help);
                }
            }
        }
    }

    fn record(
        &mut self,
        entry: &Entry,
        tokens: &[Token<'_>],
        location: &Location,
        place: &mut Place,
    ) -> Result<(), Fault> {
        let (mut rest, mut end) = (tokens, entry.span.start);
        if let (false, Some((token, behind))) = (entry.starts_blank, tokens.split_first()) {
            let owner =
                Name::parse_octets(token.text, &place.origin).map_err(|e| bad_name(token, e));
            place.owner =
                Some(owner.map_err(|fault| fault.or_with(|| "write a domain name".to_owned()))?);
            (rest, end) = (behind, token.end());
        }
        let head = Head::read(rest, end)?;
        let Some(owner) = place.owner.clone() else {
            self.problems.error(location.clone(), NO_OWNER.0, NO_OWNER.1);
            return Ok(());
        };
        let data = rest.get(head.count..).unwrap_or_default();
        self.data(&head, data, owner, location, &place.origin)
    }

    /// Reads the data of a record and keeps it.
    ///
    /// # Errors
    /// When the data is not of the form of its type.
    pub(super) fn data(
        &mut self,
        head: &Head,
        tokens: &[Token<'_>],
        owner: Name,
        location: &Location,
        origin: &Name,
    ) -> Result<(), Fault> {
        self.rdata.clear();
        rdata::read(head.rtype, tokens, head.end, origin, &mut self.rdata)?;
        let Some(ttl) =
            head.ttl.or(self.default_ttl).or(self.last_ttl).or_else(|| self.of_soa(head, location))
        else {
            self.problems.error(location.clone(), "the record has no TTL", NO_TTL);
            return Ok(());
        };
        self.last_ttl = Some(ttl);
        let rdata = self.rdata.as_slice().into();
        self.records.push(ResourceRecord {
            owner,
            rtype: head.rtype,
            ttl,
            rdata,
            location: location.clone(),
        });
        Ok(())
    }

    /// The TTL of a SOA record for which nothing says one: its MINIMUM, which was that before RFC 2308 (section 4), and
    /// from here on of all records for which nothing else says one, as in BIND.
    fn of_soa(&mut self, head: &Head, location: &Location) -> Option<u32> {
        let minimum = self.rdata.last_chunk::<4>().filter(|_| head.rtype == rtype::SOA)?;
        let ttl = u32::from_be_bytes(*minimum).min(i32::MAX as u32);
        self.default_ttl = Some(ttl);
        self.problems.warning(
            location.clone(),
            format!("the zone has no $TTL: the MINIMUM of its SOA record, {ttl} seconds, is taken"),
            format!("write `$TTL {ttl}` at the top of the file (RFC 2308 section 4)"),
        );
        Some(ttl)
    }
}

/// A path without `.` and, as far as it can be told without looking, without `..`.
pub(super) fn plain_path(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        let within = matches!(out.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if within => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
#[cfg(test)]
mod tests;
