//! The level of the log, which an operator can set while the program runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::filter::{self, check_filter};

/// The level in force, shared by all clones.
#[derive(Clone)]
pub struct LogLevel(Arc<Inner>);

/// A level and what it comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelInForce {
    /// The level, or levels of modules as well (`info,cvdns::daemon=debug`).
    pub level: String,
    /// What it comes from: `configuration`, `environment` or `operator`.
    pub set_by: String,
}

struct Inner {
    /// Puts a filter in force.
    replace: Box<dyn Fn(EnvFilter) + Send + Sync>,
    in_force: Mutex<LevelInForce>,
}

impl LogLevel {
    /// The filter that holds at the start: that of the environment variable, or else the configured
    /// level.
    pub fn at_start(configured: &str) -> EnvFilter {
        Self::chosen(configured).1
    }

    /// The level of a log that was started with the filter of [`Self::at_start`]. `replace` puts
    /// another one in force.
    pub fn new(configured: &str, replace: impl Fn(EnvFilter) + Send + Sync + 'static) -> Self {
        let in_force = Mutex::new(Self::chosen(configured).0);
        Self(Arc::new(Inner { replace: Box::new(replace), in_force }))
    }

    /// Puts the filter in force that would hold after a start with this configured level, whatever
    /// an operator has set meanwhile. Returns whether it is another one than before.
    pub fn configure(&self, configured: &str) -> bool {
        let (level, filter) = Self::chosen(configured);
        self.put(level, filter)
    }

    /// Puts a filter in force until the next [`Self::configure`].
    ///
    /// # Errors
    /// When the text is no filter: what is wrong, and what to write.
    pub fn set(&self, text: &str) -> Result<(), String> {
        check_filter(text)?;
        let level = LevelInForce { level: text.to_owned(), set_by: "operator".to_owned() };
        self.put(level, filter::filter(text, "info"));
        Ok(())
    }

    /// The level in force.
    pub fn in_force(&self) -> LevelInForce {
        self.0.in_force.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn chosen(configured: &str) -> (LevelInForce, EnvFilter) {
        let (level, set_by) = match filter::variable() {
            Some(value) => (value, "environment"),
            None => (configured.to_owned(), "configuration"),
        };
        let filter = filter::filter(&level, configured);
        (LevelInForce { level, set_by: set_by.to_owned() }, filter)
    }

    fn put(&self, level: LevelInForce, filter: EnvFilter) -> bool {
        let mut in_force = self.0.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *in_force != level;
        if changed {
            (self.0.replace)(filter);
            *in_force = level;
        }
        changed
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogLevel").field(&self.in_force()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_sets_holds_until_the_level_is_configured_again() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noting = seen.clone();
        let level = LogLevel::new("info", move |filter| {
            noting.lock().unwrap().push(filter.to_string());
        });
        assert_eq!(level.in_force().level, "info");
        assert!(!level.configure("info"));
        level.set("debug").unwrap();
        assert!(level.set("dbug").unwrap_err().contains("\"dbug\" is no level"));
        let in_force = level.in_force();
        assert_eq!((&*in_force.level, &*in_force.set_by), ("debug", "operator"));
        assert!(level.configure("warn"));
        assert_eq!(level.in_force().set_by, "configuration");
        let seen = seen.lock().unwrap();
        assert!(
            seen.len() == 2 && seen[0].contains("debug") && seen[1].contains("warn"),
            "{seen:?}"
        );
    }
}
