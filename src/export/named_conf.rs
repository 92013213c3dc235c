//! Statements of named.conf.

use std::fmt::Write as _;
use std::path::Path;

use super::zone_file::{self, ZoneFile};
use cvdns_core::wire::name::Name;

/// BIND's default limit of records of one name and type (`max-records-per-type`, since 9.18.28).
const MAX_RECORDS_PER_TYPE: usize = 100;

/// The source of a zone in a zone statement.
pub(super) enum ZoneStatement<'s> {
    /// A file of the export; `is_large` if it exceeds [`MAX_RECORDS_PER_TYPE`].
    File { path: &'s str, is_large: bool },
    /// The same zone of an earlier view.
    InView(&'s str),
}

impl<'s> ZoneStatement<'s> {
    pub(super) fn file(path: &'s str, file: &ZoneFile) -> Self {
        Self::File { path, is_large: file.largest_rrset > MAX_RECORDS_PER_TYPE }
    }
}

/// Writes a zone statement.
pub(super) fn zone(
    out: &mut String,
    indent: &str,
    origin: &Name,
    directory: &Path,
    statement: &ZoneStatement<'_>,
) {
    // In named.conf `\"` does not end a string, but `\\"` does: write a quote in a name as `\034`.
    let name = quoted(&zone_file::name(origin).replace("\\\"", "\\034"));
    let _ = match statement {
        ZoneStatement::InView(view) => {
            writeln!(out, "{indent}zone {name} {{ in-view {}; }};", quoted(view))
        }
        ZoneStatement::File { path, is_large } => {
            let file = quoted(&directory.join(path).display().to_string());
            let limit = if *is_large { " max-records-per-type 0;" } else { "" };
            writeln!(
                out,
                "{indent}zone {name} {{ type primary; file {file}; check-names ignore;{limit} }};"
            )
        }
    };
}

/// Writes a statement with a list of elements, one per line.
pub(super) fn list(out: &mut String, indent: &str, head: &str, elements: &[String]) {
    let _ = writeln!(out, "{indent}{head} {{");
    for element in elements {
        let _ = writeln!(out, "{indent}    {element};");
    }
    let _ = writeln!(out, "{indent}}};");
}

/// Begins a statement that contains others.
pub(super) fn open(out: &mut String, head: &str) {
    let _ = writeln!(out, "{head} {{");
}

/// Ends a statement that [`open`] began.
pub(super) fn close(out: &mut String) {
    out.push_str("};\n");
}

/// Writes an include statement.
pub(super) fn include(out: &mut String, path: &Path) {
    let _ = writeln!(out, "include {};", quoted(&path.display().to_string()));
}

/// A quoted string. The content must have no quote, no backslash at its end and no line end, see
/// [`is_quotable`].
pub(super) fn quoted(string: &str) -> String {
    format!("\"{string}\"")
}

/// Whether a path can be quoted as it is. Backslashes are refused, as BIND interprets them only
/// before some characters.
pub(super) fn is_quotable(path: &Path) -> bool {
    path.to_str().is_some_and(|path| !path.contains(['"', '\\', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_ends_no_string() {
        for (name, written) in [
            ("q\\\"x.test.", "q\\034x.test"),
            ("b\\\\\\\"x.test.", "b\\\\\\034x.test"),
            ("b\\\\.test.", "b\\\\.test"),
            ("d\\.t.test.", "d\\.t.test"),
        ] {
            let origin = Name::parse(name, &Name::root()).unwrap();
            let mut out = String::new();
            zone(&mut out, "", &origin, Path::new("/x"), &ZoneStatement::InView("v"));
            assert_eq!(out, format!("zone \"{written}\" {{ in-view \"v\"; }};\n"));
        }
    }
}
