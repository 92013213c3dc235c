//! The lines of a master file that are no records: `$ORIGIN`, `$TTL` and `$INCLUDE` (RFC 1035 section 5.1, RFC 2308 section
//! 4). `$GENERATE` has a file of its own.

use std::path::Path;

use super::master::{Place, Reader, Source, plain_path};
use super::rdata::bad_name;
use super::token::{Fault, Token};
use super::ttl::ttl;
use crate::problem::Location;
use crate::wire::name::Name;

/// Most octets that included files have together, each counted as often as it is included: as many as one file may have. Files
/// that include each other ten times would else be read without end.
const MOST_INCLUDED: usize = 256 << 20;

/// How deep `$INCLUDE` may nest: deeper is a file that includes itself under ever other names.
const MAX_DEPTH: usize = 32;

/// Stands in for a `$TTL` that cannot be read, so that the records behind it are not blamed for it.
const STAND_IN_TTL: u32 = 3600;

impl Reader<'_> {
    /// Follows a directive; what is wrong with it is noted.
    pub(super) fn directive(
        &mut self,
        name: &Token<'_>,
        arguments: &[Token<'_>],
        source: &Source,
        location: &Location,
        place: &mut Place,
    ) {
        let is = |known: &str| name.text.eq_ignore_ascii_case(known.as_bytes());
        let done = if is("$ORIGIN") {
            origin(name, arguments, &place.origin).map(|origin| place.origin = origin)
        } else if is("$TTL") {
            let read = default_ttl(name, arguments);
            let stand_in = self.default_ttl.unwrap_or(STAND_IN_TTL);
            self.default_ttl = Some(*read.as_ref().unwrap_or(&stand_in));
            read.map(drop)
        } else if is("$INCLUDE") {
            self.include(name, arguments, location, place)
        } else if is("$GENERATE") {
            self.generate(name, arguments, location, place)
        } else {
            let what = format!("unknown directive {}", name.shown());
            Err(name.fault(what).with("known are $ORIGIN, $TTL, $INCLUDE and $GENERATE"))
        };
        if let Err(fault) = done {
            self.problems.error(source.location(fault.span), fault.what, fault.help);
        }
    }

    /// Reads another file in between. What it leaves as `$ORIGIN` and owner ends with it (RFC 1035 section 5.1).
    fn include(
        &mut self,
        name: &Token<'_>,
        arguments: &[Token<'_>],
        location: &Location,
        place: &Place,
    ) -> Result<(), Fault> {
        const FORM: &str = "write $INCLUDE FILE [ORIGIN]";
        let (path, rest) =
            arguments.split_first().ok_or_else(|| without_argument(name).with(FORM))?;
        let mut inner = place.clone();
        if let Some((second, behind)) = rest.split_first() {
            inner.origin = origin_of(second, &place.origin)?;
            nothing_behind(behind, FORM)?;
        }
        if self.includes_itself {
            return Ok(());
        }
        if self.open.len() > MAX_DEPTH {
            self.includes_itself = true;
            let what = format!("`$INCLUDE` is nested more than {MAX_DEPTH} deep");
            return Err(path.fault(what).with(
                "include the file from one that is less deep, or see whether it includes itself",
            ));
        }
        match self.include.include(&path.octets()?, location.file_name()) {
            Ok(included) if self.open.contains(&plain_path(Path::new(&included.file))) => {
                let what = format!("{} includes itself", included.file);
                Err(path.fault(what).with("remove the line, or name another file"))
            }
            Ok(included) => {
                self.included_octets = self.included_octets.saturating_add(included.octets.len());
                if self.included_octets > MOST_INCLUDED {
                    self.includes_itself = true;
                    let what = format!(
                        "the included files have over {} MiB together",
                        MOST_INCLUDED >> 20
                    );
                    return Err(path
                        .fault(what)
                        .with("include each file once, or make it several zones"));
                }
                self.file(&included.file, &included.octets, inner);
                Ok(())
            }
            Err(what) => Err(path.fault(what).with("check the path: it is relative to this file")),
        }
    }
}

fn origin(name: &Token<'_>, arguments: &[Token<'_>], origin: &Name) -> Result<Name, Fault> {
    const FORM: &str = "write $ORIGIN NAME";
    let (argument, rest) =
        arguments.split_first().ok_or_else(|| without_argument(name).with(FORM))?;
    let read = origin_of(argument, origin)?;
    nothing_behind(rest, FORM)?;
    Ok(read)
}

fn origin_of(argument: &Token<'_>, origin: &Name) -> Result<Name, Fault> {
    if argument.quoted {
        return Err(argument
            .fault("an origin has no quotes around it")
            .with("write a domain name"));
    }
    let read = Name::parse_octets(argument.text, origin).map_err(|e| bad_name(argument, e));
    read.map_err(|fault| fault.or_with(|| "write a domain name".to_owned()))
}

fn default_ttl(name: &Token<'_>, arguments: &[Token<'_>]) -> Result<u32, Fault> {
    const FORM: &str = "write seconds up to 2147483647, or 1h, 2d, 1w";
    let (argument, rest) =
        arguments.split_first().ok_or_else(|| without_argument(name).with(FORM))?;
    let is_none = || argument.fault(format!("`{}` is no TTL", argument.shown())).with(FORM);
    let read = ttl(argument)?.ok_or_else(is_none)?;
    nothing_behind(rest, "write $TTL and one time")?;
    Ok(read)
}

/// That a directive has no argument.
pub(super) fn without_argument(name: &Token<'_>) -> Fault {
    name.fault(format!("{} without an argument", name.shown()))
}

/// That nothing follows the last argument of a directive.
///
/// # Errors
/// When something follows.
pub(super) fn nothing_behind(rest: &[Token<'_>], form: &str) -> Result<(), Fault> {
    match rest.first() {
        Some(token) => {
            Err(token.fault(format!("unexpected `{}` at the end", token.shown())).with(form))
        }
        None => Ok(()),
    }
}
