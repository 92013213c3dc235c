//! Reader of master files (RFC 1035 section 5.1, RFC 2308 section 4 for `$TTL`, RFC 3597 for
//! unknown types). Where these leave room, it reads a file as BIND does. One run reports all
//! invalid entries.

mod arguments;
mod directives;
mod generate;
mod lexer;
mod record_head;
mod state;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::include::Include;
use super::rdata::bad_name;
use super::records::ResourceRecord;
use super::token::{ParseError, Token};
use crate::problem::{BYTE_ORDER_MARK, HAS_MARK, Location, Problems};
use crate::wire::name::Name;
use directives::Inclusion;
use lexer::{Lexer, MasterEntry};
use record_head::RecordHead;
use state::{EntryContext, ReaderState, normalized};

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
    let mut reader = MasterReader { state: ReaderState::new(include, problems) };
    reader.file(file, octets.as_ref(), EntryContext { origin: origin.clone(), owner: None });
    reader.state.records
}

/// Reads a master file with all files that it includes.
struct MasterReader<'r> {
    state: ReaderState<'r>,
}

/// A file's name and text, for messages.
struct SourceText {
    file: Arc<str>,
    text: Arc<str>,
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
            self.state.problems.warning(Location::file(file), HAS_MARK.0, HAS_MARK.1);
        }
        let octets = unmarked.unwrap_or(octets);
        let source = SourceText::new(file, octets);
        self.state.open.push(normalized(Path::new(file)));
        let mut lexer = Lexer::new(octets);
        let mut tokens = Vec::new();
        while let Some(entry) = lexer.entry(&mut tokens) {
            self.entry(&entry, &tokens, &source, octets, &mut context);
        }
        self.state.open.pop();
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
                let state = &mut self.state;
                match directives::follow(state, name, arguments, &location, context) {
                    Ok(None) => {}
                    Ok(Some(Inclusion { included, context })) => {
                        self.file(&included.file, &included.octets, context);
                    }
                    Err(error) => {
                        let location = source.location(error.span);
                        self.state.problems.error(location, error.what, error.help);
                    }
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
        self.state.problems.error(source.location(error.span), what, error.help);
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
            self.state.problems.error(location.clone(), NO_OWNER.0, NO_OWNER.1);
            return Ok(());
        };
        let data = rest.get(head.count..).unwrap_or_default();
        self.state.data(&head, data, owner, location, &context.origin)
    }
}
