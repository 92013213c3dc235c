//! That the parsers take what the tables of keys show.

use std::fmt::Write as _;

use cvdns_core::config::{self, Config};
use cvdns_core::fleet::{self, Fleet};
use cvdns_core::health::{Overrides, override_keys};
use cvdns_core::problem::Problems;
use cvdns_core::schema::tables::table_of;
use cvdns_core::schema::{DefaultInfo, KeyInfo, Section};
use cvdns_core::zone::{self, ZoneFile};

use super::{sample, text_of};

/// A file with the keys for which `shown` has a value.
fn file(section: &Section, path: &str, shown: &dyn Fn(&dyn KeyInfo) -> Option<String>) -> String {
    let mut out = String::new();
    for key in section.keys.iter().filter(|key| table_of(**key).is_none()) {
        if let Some(value) = shown(*key) {
            let _ = writeln!(out, "{} = {value}", key.name());
        }
    }
    for key in section.keys {
        let Some((section, are_several)) = table_of(*key) else { continue };
        let path = format!("{path}{}", key.name());
        let heading = if are_several { format!("[[{path}]]") } else { format!("[{path}]") };
        let _ = write!(out, "{heading}\n{}", file(section, &format!("{path}."), shown));
    }
    out
}

fn problems(parse: impl FnOnce(&mut Problems)) -> Vec<String> {
    let mut problems = Problems::default();
    parse(&mut problems);
    problems.iter().map(ToString::to_string).collect()
}

/// Every default and every example can be written into the file.
#[test]
fn what_the_tables_show_is_read() {
    let every = |key: &dyn KeyInfo| Some(sample(key));
    // A zone has one of `file` and `bundle`.
    let zone = |key: &dyn KeyInfo| Some(sample(key)).filter(|_| key.name() != "bundle");
    let text = file(&config::keys::ROOT, "", &zone);
    let found = problems(|problems| drop(Config::parse("c", &text, problems)));
    assert_eq!(found, Vec::<String>::new(), "{text}");
    let text = file(&fleet::keys::ROOT, "", &every);
    let found = problems(|problems| drop(Fleet::parse("m", &text, problems)));
    assert_eq!(found, Vec::<String>::new(), "{text}");
    let text = file(&override_keys::ROOT, "", &every);
    let found = problems(|problems| drop(Overrides::parse("o", &text, problems)));
    assert_eq!(found, Vec::<String>::new(), "{text}");
    // A name has one of `pool`, `txt` and `ping`.
    let pool =
        |key: &dyn KeyInfo| Some(sample(key)).filter(|_| !["txt", "ping"].contains(&key.name()));
    let text = file(&zone::file::keys::ROOT, "", &pool);
    let found = problems(|problems| drop(ZoneFile::parse("z", &text, problems)));
    assert_eq!(found, Vec::<String>::new(), "{text}");
}

/// A default that is written means the same as a key that is missing.
#[test]
fn defaults_are_those_of_the_tables() {
    let default = |key: &dyn KeyInfo| match key.default_info() {
        DefaultInfo::Value(literal) => Some(literal),
        _ => None,
    };
    let zone = "zone = [{ file = \"z\" }]\n";
    let text = file(&config::keys::ROOT, "", &default)
        .replace("[[zone]]\n", "")
        .replace("[[geoip.override]]\n", "");
    let read = |text: &str| {
        let text = format!("{zone}{text}");
        let config = Config::parse("c", &text, &mut Problems::default()).expect("a configuration");
        let database = config.geoip.database.value;
        (format!("{:?}", (config.server, config.feed, config.record, config.log)), database)
    };
    assert_eq!(read(&text), read(""));
    let monitor = Config::parse("c", &format!("{zone}{text}"), &mut Problems::default())
        .map(|config| format!("{:?}", config.monitor));
    assert_eq!(monitor, Some(format!("{:?}", config::Monitor::default())));
}

#[test]
fn the_shipped_files_have_no_problems() {
    let text = text_of("cvdns.toml");
    assert_eq!(
        problems(|problems| drop(Config::parse("c", &text, problems))),
        Vec::<String>::new()
    );
}
