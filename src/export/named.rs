//! Statements of named.conf.

use std::fmt::Write as _;
use std::path::Path;

use super::zone_file::{self, ZoneFile};
use cvdns_core::wire::name::Name;

/// More records than this of one name and type BIND refuses unless it is told not to (`max-records-per-type`, since 9.18.28).
const FEW: usize = 100;

/// From where a zone is loaded.
pub(super) enum Statement<'s> {
    /// From this file of the export.
    File { path: &'s str, is_large: bool },
    /// It is the zone of this view, which stands before.
    InView(&'s str),
}

impl<'s> Statement<'s> {
    pub(super) fn file(path: &'s str, file: &ZoneFile) -> Self {
        Self::File { path, is_large: file.most_alike > FEW }
    }
}

/// Writes a zone statement.
pub(super) fn zone(
    out: &mut String,
    indent: &str,
    origin: &Name,
    directory: &Path,
    statement: &Statement<'_>,
) {
    // A quote behind a backslash ends no string, but a name may have a backslash before that.
    let name = quoted(&zone_file::name(origin).replace("\\\"", "\\034"));
    let _ = match statement {
        Statement::InView(view) => {
            writeln!(out, "{indent}zone {name} {{ in-view {}; }};", quoted(view))
        }
        Statement::File { path, is_large } => {
            let file = quoted(&directory.join(path).display().to_string());
            let limit = if *is_large { " max-records-per-type 0;" } else { "" };
            writeln!(
                out,
                "{indent}zone {name} {{ type primary; file {file}; check-names ignore;{limit} }};"
            )
        }
    };
}

/// Writes a statement with a list of elements, each on its line.
pub(super) fn list(out: &mut String, indent: &str, head: &str, elements: &[String]) {
    let _ = writeln!(out, "{indent}{head} {{");
    for element in elements {
        let _ = writeln!(out, "{indent}    {element};");
    }
    let _ = writeln!(out, "{indent}}};");
}

/// Begins a statement that others stand in.
pub(super) fn open(out: &mut String, head: &str) {
    let _ = writeln!(out, "{head} {{");
}

/// Ends it.
pub(super) fn close(out: &mut String) {
    out.push_str("};\n");
}

/// Writes an include of this file.
pub(super) fn include(out: &mut String, path: &Path) {
    let _ = writeln!(out, "include {};", quoted(&path.display().to_string()));
}

/// A string of named.conf. Whatever stands in one has no quote, no backslash at its end and no line end, see [`is_quotable`].
pub(super) fn quoted(string: &str) -> String {
    format!("\"{string}\"")
}

/// Whether this path can stand in named.conf as it is: in a string, a backslash means something before some characters alone.
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
            zone(&mut out, "", &origin, Path::new("/x"), &Statement::InView("v"));
            assert_eq!(out, format!("zone \"{written}\" {{ in-view \"v\"; }};\n"));
        }
    }
}
