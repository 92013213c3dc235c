//! The directives of master files: `$ORIGIN`, `$TTL` and `$INCLUDE` (RFC 1035 section 5.1, RFC 2308
//! section 4). `$GENERATE` has a file of its own.

use std::path::Path;

use super::arguments::{expect_end, first};
use super::generate;
use super::state::{EntryContext, ReaderState, normalized};
use crate::problem::Location;
use crate::wire::name::Name;
use crate::zone::include::IncludedFile;
use crate::zone::rdata::bad_name;
use crate::zone::token::{ParseError, Token};
use crate::zone::ttl::ttl;

/// Highest total length of all included files in octets, as much as one file may have. A file
/// counts each time that it is included. Without this limit, a chain of files that include the next
/// one ten times each would take forever.
const MAX_INCLUDED: usize = 256 << 20;

/// How deep `$INCLUDE` may nest. A deeper one is a file that includes itself under changing names.
const MAX_DEPTH: usize = 32;

/// TTL in seconds that replaces an unreadable `$TTL`, so that the error is not repeated at each
/// record.
const STAND_IN_TTL: u32 = 3600;

/// A file to read in place of an `$INCLUDE`.
pub(super) struct Inclusion {
    pub(super) included: IncludedFile,
    /// The context in which the file is read.
    pub(super) context: EntryContext,
}

/// Carries out the directive `name`. Returns the file to read if it is `$INCLUDE`.
///
/// # Errors
/// If the directive is unknown, or its arguments are invalid.
pub(super) fn follow(
    reader: &mut ReaderState<'_>,
    name: &Token<'_>,
    arguments: &[Token<'_>],
    location: &Location,
    context: &mut EntryContext,
) -> Result<Option<Inclusion>, ParseError> {
    let is = |known: &str| name.text.eq_ignore_ascii_case(known.as_bytes());
    if is("$ORIGIN") {
        context.origin = origin(name, arguments, &context.origin)?;
        Ok(None)
    } else if is("$TTL") {
        let read = default_ttl(name, arguments);
        let stand_in = reader.default_ttl.unwrap_or(STAND_IN_TTL);
        reader.default_ttl = Some(*read.as_ref().unwrap_or(&stand_in));
        read.map(|_| None)
    } else if is("$INCLUDE") {
        include(reader, name, arguments, location, context)
    } else if is("$GENERATE") {
        generate::generate(reader, name, arguments, location, context).map(|()| None)
    } else {
        let what = format!("unknown directive {}", name.shown());
        Err(name.error(what).with_help("known are $ORIGIN, $TTL, $INCLUDE and $GENERATE"))
    }
}

/// The file that `$INCLUDE` names; `None` after a limit was exceeded.
fn include(
    reader: &mut ReaderState<'_>,
    name: &Token<'_>,
    arguments: &[Token<'_>],
    location: &Location,
    context: &EntryContext,
) -> Result<Option<Inclusion>, ParseError> {
    const FORM: &str = "write $INCLUDE FILE [ORIGIN]";
    let (path, rest) = first(name, arguments, FORM)?;
    let mut inner = context.clone();
    if let Some((second, rest)) = rest.split_first() {
        inner.origin = origin_of(second, &context.origin)?;
        expect_end(rest, FORM)?;
    }
    if reader.includes_stopped {
        return Ok(None);
    }
    if reader.open.len() > MAX_DEPTH {
        reader.includes_stopped = true;
        let what = format!("`$INCLUDE` is nested more than {MAX_DEPTH} deep");
        return Err(path.error(what).with_help(
            "include the file from one that is less deep, or check whether it includes itself",
        ));
    }
    match reader.include.include(&path.octets()?, location.file_name()) {
        Ok(included) if reader.open.contains(&normalized(Path::new(&included.file))) => {
            let what = format!("{} includes itself", included.file);
            Err(path.error(what).with_help("remove the line, or name another file"))
        }
        Ok(included) => {
            reader.included_octets = reader.included_octets.saturating_add(included.octets.len());
            if reader.included_octets > MAX_INCLUDED {
                reader.includes_stopped = true;
                let limit = MAX_INCLUDED >> 20;
                let what = format!("the included files have over {limit} MiB in total");
                let help = "include each file once, or split the zone";
                return Err(path.error(what).with_help(help));
            }
            Ok(Some(Inclusion { included, context: inner }))
        }
        Err(what) => Err(path.error(what).with_help("check the path: it is relative to this file")),
    }
}

fn origin(name: &Token<'_>, arguments: &[Token<'_>], origin: &Name) -> Result<Name, ParseError> {
    const FORM: &str = "write $ORIGIN NAME";
    let (argument, rest) = first(name, arguments, FORM)?;
    let read = origin_of(argument, origin)?;
    expect_end(rest, FORM)?;
    Ok(read)
}

fn origin_of(argument: &Token<'_>, origin: &Name) -> Result<Name, ParseError> {
    if argument.quoted {
        return Err(argument
            .error("an origin is written without quotes")
            .with_help("write a domain name"));
    }
    let read = Name::parse_octets(argument.text, origin).map_err(|e| bad_name(argument, e));
    read.map_err(|error| error.or_help(|| "write a domain name".to_owned()))
}

fn default_ttl(name: &Token<'_>, arguments: &[Token<'_>]) -> Result<u32, ParseError> {
    const FORM: &str = "write seconds up to 2147483647, or 1h, 2d, 1w";
    let (argument, rest) = first(name, arguments, FORM)?;
    let not_a_ttl =
        || argument.error(format!("`{}` is not a TTL", argument.shown())).with_help(FORM);
    let read = ttl(argument)?.ok_or_else(not_a_ttl)?;
    expect_end(rest, "write $TTL and one time")?;
    Ok(read)
}
