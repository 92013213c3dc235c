//! `CVDNS_LOG`: overrides the log level of the configuration.
//!
//! A `tracing` filter takes every word that is no level for the name of a module and logs that
//! module alone, so a misspelt level would silence the server. The words are therefore checked here
//! before anything starts.

use std::ffi::OsStr;

use tracing_subscriber::EnvFilter;

/// Name of the environment variable.
pub(in crate::cli) const VARIABLE: &str = "CVDNS_LOG";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Checks the variable. Unset or empty, it leaves the level to the configuration.
///
/// # Errors
/// When the value is no filter; the error names the value and the valid ones.
pub(in crate::cli) fn check() -> Result<(), String> {
    std::env::var_os(VARIABLE).map_or(Ok(()), |value| check_value(&value))
}

/// The log filter: the value of the variable, or else the configured level.
pub(in crate::cli) fn filter(level: &str) -> EnvFilter {
    let value = std::env::var(VARIABLE).ok().filter(|value| !value.is_empty());
    // Levels of single modules leave the configured level in force for all others.
    let value =
        value.map(|value| if has_level(&value) { value } else { format!("{level},{value}") });
    let filter = value.and_then(|value| EnvFilter::builder().parse(value).ok());
    // `notify` warns when a directory is removed; the server sets up that watch again by itself.
    filter.unwrap_or_else(|| EnvFilter::new(format!("{level},notify=error")))
}

fn is_level(word: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word))
}

/// Whether a filter has a level for all modules that it does not name.
fn has_level(filter: &str) -> bool {
    filter.split(',').any(is_level)
}

fn check_value(value: &OsStr) -> Result<(), String> {
    let wrong = |why: String| {
        format!(
            "{VARIABLE}={}: {why}; write a level ({}), or add levels of modules, such as \
             `info,cvdns::daemon=debug`; if it is unset, `level` in [log] applies",
            value.display(),
            LEVELS.join(", ")
        )
    };
    let text = value.to_str().ok_or_else(|| wrong("it is not UTF-8 text".to_owned()))?;
    let text = text.strip_suffix(',').unwrap_or(text);
    for directive in text.split(',').filter(|_| !text.is_empty()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_modules_leave_the_configured_one_in_force() {
        assert!(has_level("info,cvdns=debug") && has_level("OFF"));
        assert!(!has_level("cvdns::nosuch=debug"));
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
        let octets = <OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff");
        assert!(check_value(octets).unwrap_err().contains("not UTF-8"));
    }
}
