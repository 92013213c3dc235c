//! The commented `cvdns.toml` of the repository.

use std::fmt::Write as _;

use cvdns_core::config::keys;
use cvdns_core::schema::tables::table_of;
use cvdns_core::schema::{DefaultInfo, KeyInfo, Section};

use super::{sample, wrapped};

const HEADER: &str = "\
# The example's server: the zone clamav.net with invented mirrors, on loopback, port 5300.
# Every key is shown. A key behind a # has its default value, or an example if it has no default.
";

/// A key that the example sets.
struct Set {
    table: &'static str,
    key: &'static str,
    /// In TOML; empty: the default.
    value: &'static str,
    /// What only the example says of the key.
    note: &'static str,
}

const fn set(
    table: &'static str,
    key: &'static str,
    value: &'static str,
    note: &'static str,
) -> Set {
    Set { table, key, value, note }
}

const SET: &[Set] = &[
    set("server", "listen", "", ""),
    set("server", "nsid", "\"ns1\"", ""),
    set("zone", "file", "\"zones/clamav.net.toml\"", ""),
    set("geoip", "database", "", ""),
    set(
        "geoip.override",
        "net",
        "\"203.0.113.0/24\"",
        "The example's network is for documentation only, and no database has it.",
    ),
    set("geoip.override", "country", "\"DE\"", ""),
    set("feed", "source", "\"feed.json\"", ""),
    set(
        "feed",
        "max-age",
        "\"876000h\"",
        "The default is \"1h\". Nobody renews the example's feed, so the example treats it as \
         fresh for a hundred years.",
    ),
    set(
        "monitor",
        "feed",
        "\"state/monitor/feed.json\"",
        "The default is [feed] source. The example's feed is written by hand and must not be \
         replaced.",
    ),
];

/// The file.
pub(crate) fn text() -> String {
    let mut out = HEADER.to_owned();
    for key in keys::ROOT.keys.iter().filter(|key| table_of(**key).is_none()) {
        out.push('\n');
        out.push_str(&wrapped(key.doc(), "#"));
        let _ = writeln!(out, "# {} = {}", key.name(), sample(*key));
    }
    tables(&mut out, &keys::ROOT, "", &|table, key| {
        SET.iter().find(|set| set.table == table && set.key == key.name())
    });
    out
}

fn is_required(key: &dyn KeyInfo) -> bool {
    key.default_info() == DefaultInfo::Required
}

fn tables<'s>(
    out: &mut String,
    section: &Section,
    path: &str,
    set: &dyn Fn(&str, &dyn KeyInfo) -> Option<&'s Set>,
) {
    for key in section.keys {
        let Some((section, are_several)) = table_of(*key) else { continue };
        let path =
            if path.is_empty() { key.name().to_owned() } else { format!("{path}.{}", key.name()) };
        out.push('\n');
        out.push_str(&wrapped(key.doc(), "#"));
        // A table that may occur several times need not occur at all, and one with a key that must
        // be present cannot stand without it.
        let is_set = section.keys.iter().any(|key| set(&path, *key).is_some());
        let heading = match are_several {
            true if is_set => format!("[[{path}]]"),
            true => format!("# [[{path}]]"),
            false if !is_set && section.keys.iter().any(|key| is_required(*key)) => {
                format!("# [{path}]")
            }
            false => format!("[{path}]"),
        };
        out.push_str(&heading);
        out.push('\n');
        for key in section.keys.iter().filter(|key| table_of(**key).is_none()) {
            let set = set(&path, *key);
            let note = set.map_or("", |set| set.note);
            out.push_str(&wrapped(&format!("{} {note}", key.doc()), "#"));
            let value = set.map(|set| set.value).filter(|value| !value.is_empty());
            let value = value.map_or_else(|| sample(*key), str::to_owned);
            let sign = if set.is_some() { "" } else { "# " };
            let _ = writeln!(out, "{sign}{} = {value}", key.name());
        }
        tables(out, section, &path, set);
    }
}
