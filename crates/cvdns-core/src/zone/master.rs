//! Reader of master files (RFC 1035 section 5.1, RFC 2308 section 4 for `$TTL`, RFC 3597 for
//! unknown types). Where these leave room, it reads a file as BIND does. One run reports all
//! invalid entries.

mod arguments;
mod directives;
mod generate;
mod lexer;
mod record_head;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::include::Include;
use super::rdata::{self, bad_name};
use super::records::ResourceRecord;
use super::token::{ParseError, Token};
use crate::problem::{BYTE_ORDER_MARK, HAS_MARK, Location, Problems};
use crate::wire::name::Name;
use crate::wire::rtype;
use lexer::{Lexer, MasterEntry};
use record_head::RecordHead;

/// Advice on a record without a TTL of its own, where neither `$TTL` nor an earlier record gives
/// one (RFC 2308 section 4).
const NO_TTL: &str = "write `$TTL 3600` at the top of the file, or a TTL into the record";

/// What is wrong with a first record that starts with a blank, and advice.
const NO_OWNER: (&str, &str) = (
    "the first record of the file has no owner",
    "write its name, or `@`, at the start of the line",
);

/// Parses a master file and the files that it includes. Invalid entries are reported to `problems`
/// and left out.
pub fn parse(
    file: &str,
    octets: impl AsRef<[u8]>,
    origin: &Name,
    include: &mut dyn Include,
    problems: &mut Problems,
) -> Vec<ResourceRecord> {
    let mut reader = MasterReader {
        include,
        problems,
        records: Vec::new(),
        open: Vec::new(),
        includes_stopped: false,
        default_ttl: None,
        last_ttl: None,
        generated: 0,
        generated_octets: 0,
        included_octets: 0,
        rdata: Vec::new(),
    };
    reader.file(file, octets.as_ref(), EntryContext { origin: origin.clone(), owner: None });
    reader.records
}

/// State of reading a master file with all files that it includes.
struct MasterReader<'r> {
    include: &'r mut dyn Include,
    problems: &'r mut Problems,
    records: Vec<ResourceRecord>,
    /// Files that are being read, each included by the one before.
    open: Vec<PathBuf>,
    /// Whether a limit of `$INCLUDE` was exceeded. No more files are included then, as a file that
    /// includes itself twice would double the number of files at each level.
    includes_stopped: bool,
    /// TTL of the last `$TTL` in seconds. A `$TTL` in an included file stays in effect after that
    /// file, as in BIND.
    default_ttl: Option<u32>,
    /// TTL of the last record in seconds, which applies without `$TTL` (RFC 1035 section 5.1).
    last_ttl: Option<u32>,
    /// Number of records that `$GENERATE` has made.
    generated: usize,
    /// Length of the data of these records in presentation format, in octets.
    generated_octets: usize,
    /// Length of all included files in octets; a file counts each time that it is included.
    included_octets: usize,
    /// Buffer for RDATA, reused from record to record.
    rdata: Vec<u8>,
}

/// A file's name and text, for messages.
struct SourceText {
    file: Arc<str>,
    text: Arc<str>,
}

/// What an entry passes on to the next entry of the same file. An included file starts with the
/// context of its `$INCLUDE`; its own changes end with it (RFC 1035 section 5.1).
#[derive(Clone)]
struct EntryContext {
    /// Name that completes relative names.
    origin: Name,
    /// Owner of the last record; `None` before the first record.
    owner: Option<Name>,
}

impl SourceText {
    /// Octets that are not UTF-8 become question marks, one for each, so that offsets stay the
    /// same.
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

    /// Location of an octet range of the file.
    fn location(&self, span: Range<usize>) -> Location {
        Location::at(&self.file, &self.text, span)
    }
}

impl MasterReader<'_> {
    /// Reads a file, in the context that its `$INCLUDE` or the zone gives.
    fn file(&mut self, file: &str, octets: &[u8], mut context: EntryContext) {
        let mut mark = [0; 4];
        let unmarked = octets.strip_prefix(BYTE_ORDER_MARK.encode_utf8(&mut mark).as_bytes());
        if unmarked.is_some() {
            self.problems.warning(Location::file(file), HAS_MARK.0, HAS_MARK.1);
        }
        let octets = unmarked.unwrap_or(octets);
        let source = SourceText::new(file, octets);
        self.open.push(normalized(Path::new(file)));
        let mut lexer = Lexer::new(octets);
        let mut tokens = Vec::new();
        while let Some(entry) = lexer.entry(&mut tokens) {
            self.entry(&entry, &tokens, &source, octets, &mut context);
        }
        self.open.pop();
    }

    /// Reads an entry, and reports why if it is invalid.
    fn entry(
        &mut self,
        entry: &MasterEntry,
        tokens: &[Token<'_>],
        source: &SourceText,
        octets: &[u8],
        context: &mut EntryContext,
    ) {
        if let Some(error) = &entry.error {
            return self.report_no_record(error.clone(), source);
        }
        // Only the entry's first line: errors on further lines have locations of their own.
        let text = octets.get(entry.span.clone()).unwrap_or_default();
        let line = text.iter().position(|octet| *octet == b'\n').unwrap_or(text.len());
        let location = source.location(entry.span.start..entry.span.start + line);
        match tokens.split_first() {
            Some((name, arguments)) if !entry.starts_blank && name.text.starts_with(b"$") => {
                if let Err(error) = directives::follow(self, name, arguments, &location, context) {
                    self.problems.error(source.location(error.span), error.what, error.help);
                }
            }
            _ => {
                if let Err(error) = self.record(entry, tokens, &location, context) {
                    self.report_no_record(error, source);
                }
            }
        }
    }

    fn report_no_record(&mut self, error: ParseError, source: &SourceText) {
        let what = format!("not a record: {}", error.what);
        self.problems.error(source.location(error.span), what, error.help);
    }

    fn record(
        &mut self,
        entry: &MasterEntry,
        tokens: &[Token<'_>],
        location: &Location,
        context: &mut EntryContext,
    ) -> Result<(), ParseError> {
        let (mut rest, mut end) = (tokens, entry.span.start);
        if let (false, Some((token, after))) = (entry.starts_blank, tokens.split_first()) {
            let owner =
                Name::parse_octets(token.text, &context.origin).map_err(|e| bad_name(token, e));
            context.owner =
                Some(owner.map_err(|error| error.or_help(|| "write a domain name".to_owned()))?);
            (rest, end) = (after, token.end());
        }
        let head = RecordHead::read(rest, end)?;
        let Some(owner) = context.owner.clone() else {
            self.problems.error(location.clone(), NO_OWNER.0, NO_OWNER.1);
            return Ok(());
        };
        let data = rest.get(head.count..).unwrap_or_default();
        self.data(&head, data, owner, location, &context.origin)
    }

    /// Reads the data of a record, and adds the record.
    ///
    /// # Errors
    /// If the data is not valid for the type.
    fn data(
        &mut self,
        head: &RecordHead,
        tokens: &[Token<'_>],
        owner: Name,
        location: &Location,
        origin: &Name,
    ) -> Result<(), ParseError> {
        self.rdata.clear();
        rdata::read(head.rtype, tokens, head.end, origin, &mut self.rdata)?;
        let Some(ttl) = head
            .ttl
            .or(self.default_ttl)
            .or(self.last_ttl)
            .or_else(|| self.ttl_of_soa(head, location))
        else {
            self.problems.error(location.clone(), "the record has no TTL", NO_TTL);
            return Ok(());
        };
        self.last_ttl = Some(ttl);
        let rdata = self.rdata.as_slice().into();
        let location = location.clone();
        self.records.push(ResourceRecord { owner, rtype: head.rtype, ttl, rdata, location });
        Ok(())
    }

    /// The TTL of a SOA record without any TTL: its MINIMUM, which was the default TTL before RFC
    /// 2308 (section 4). As in BIND, it becomes the default TTL of all further records.
    fn ttl_of_soa(&mut self, head: &RecordHead, location: &Location) -> Option<u32> {
        let minimum = self.rdata.last_chunk::<4>().filter(|_| head.rtype == rtype::SOA)?;
        let ttl = u32::from_be_bytes(*minimum).min(i32::MAX as u32);
        self.default_ttl = Some(ttl);
        self.problems.warning(
            location.clone(),
            format!(
                "the zone has no $TTL: the MINIMUM of its SOA record, {ttl} seconds, is used instead"
            ),
            format!("write `$TTL {ttl}` at the top of the file (RFC 2308 section 4)"),
        );
        Some(ttl)
    }
}

/// A path without `.`, and without `..` where the path itself names the directory before it.
/// Symbolic links are not followed.
fn normalized(path: &Path) -> PathBuf {
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
