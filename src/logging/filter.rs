//! Filters of the log: a level, or levels of modules.
//!
//! A `tracing` filter takes every word that is no level for the name of a module and logs that
//! module alone, so a misspelt level would silence the server. The words are therefore checked
//! before a filter takes effect.

use std::ffi::OsStr;

use tracing_subscriber::EnvFilter;

/// Name of the environment variable that overrides the log level of the configuration.
const VARIABLE: &str = "CVDNS_LOG";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What is not logged of libraries: `notify` warns when a directory is removed, whose watch the
/// server sets up again by itself; `async-nats` tells of each connection, and what follows from a
/// lost one is logged here.
const DEPENDENCIES: &str = "notify=error,async_nats=off";

/// Checks `CVDNS_LOG`. Unset or empty, it leaves the level to the configuration.
///
/// # Errors
/// When the value is no filter; the error names the value and the valid ones.
pub fn check_variable() -> Result<(), String> {
    std::env::var_os(VARIABLE).map_or(Ok(()), |value| check_value(&value))
}

/// The value of [`VARIABLE`], if it is set and not empty.
pub(super) fn variable() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|value| !value.is_empty())
}

/// The filter of a text that was checked. Levels of single modules leave `level` in force for all
/// others.
pub(super) fn filter(text: &str, level: &str) -> EnvFilter {
    let own = EnvFilter::new(format!("{level},{DEPENDENCIES}"));
    if is_level(text) {
        return EnvFilter::new(format!("{text},{DEPENDENCIES}"));
    }
    let text = if has_level(text) { text.to_owned() } else { format!("{level},{text}") };
    EnvFilter::builder().parse(text).unwrap_or(own)
}

fn is_level(word: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word))
}

/// Whether a filter has a level for all modules that it does not name.
fn has_level(filter: &str) -> bool {
    filter.split(',').any(is_level)
}

/// Checks a filter.
///
/// # Errors
/// What is wrong, and what to write.
pub(super) fn check_filter(text: &str) -> Result<(), String> {
    let wrong = |why: String| {
        format!(
            "{why}; write a level ({}), or add levels of modules, such as \
             `info,cvdns::daemon=debug`",
            LEVELS.join(", ")
        )
    };
    let text = text.strip_suffix(',').unwrap_or(text);
    for directive in text.split(',') {
        if directive.is_empty() || directive.starts_with('=') || directive.ends_with('=') {
            return Err(wrong(format!("\"{directive}\" is no level")));
        }
        if directive.contains(char::is_whitespace) && !directive.contains('{') {
            return Err(wrong(format!("\"{directive}\" contains a space")));
        }
        if !is_level(directive) && !directive.contains(['=', '[']) {
            return Err(wrong(format!("\"{directive}\" is no level")));
        }
    }
    EnvFilter::builder().parse(text).map(|_| ()).map_err(|error| wrong(error.to_string()))
}

fn check_value(value: &OsStr) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    let text = value.to_str().ok_or_else(|| "it is not UTF-8 text".to_owned());
    text.and_then(check_filter).map_err(|why| {
        let value = value.display();
        format!("{VARIABLE}={value}: {why}; if it is unset, `level` in [log] applies")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_modules_leave_the_configured_one_in_force() {
        assert!(has_level("info,cvdns=debug") && has_level("OFF"));
        assert!(!has_level("cvdns::nosuch=debug"));
        let directives = |text| {
            let text = filter(text, "info").to_string();
            let mut directives: Vec<String> = text.split(',').map(str::to_owned).collect();
            directives.sort_unstable();
            directives
        };
        assert_eq!(directives("debug"), ["async_nats=off", "debug", "notify=error"]);
        assert_eq!(directives("warn,cvdns=debug"), ["cvdns=debug", "warn"]);
        assert_eq!(directives("cvdns=debug"), ["cvdns=debug", "info"]);
    }

    #[test]
    fn levels_and_filters_are_accepted_and_misspellings_refused() {
        for good in ["", "info", "OFF", "warn,cvdns=debug", "cvdns[span]=trace", "error,"] {
            assert_eq!(check_value(OsStr::new(good)), Ok(()), "{good}");
        }
        for (bad, expected) in [
            (
                "inof",
                "CVDNS_LOG=inof: \"inof\" is no level; write a level (off, error, warn, info, debug, trace)",
            ),
            ("info,wran", "\"wran\" is no level"),
            ("cvdns", "\"cvdns\" is no level"),
            ("cvdns=inof", "CVDNS_LOG=cvdns=inof: "),
            ("trace=", "\"trace=\" is no level"),
            (",,", "\"\" is no level"),
            ("info, cvdns=debug", "CVDNS_LOG=info, cvdns=debug: "),
            ("info cvdns=debug", "CVDNS_LOG=info cvdns=debug: "),
        ] {
            let error = check_value(OsStr::new(bad)).unwrap_err();
            assert!(error.contains(expected), "{bad}: {error}");
        }
        assert!(check_filter("").is_err());
        let octets = <OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff");
        assert!(check_value(octets).unwrap_err().contains("not UTF-8"));
    }
}
