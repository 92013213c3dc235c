//! Overrides by URL, as commands see them that work beside the server.

use crate::daemon;
use crate::load::{Loaded, OverridesError, SignedOverrides};

/// Why the overrides of the URL are not those that a command goes on with, and which those are.
pub(in crate::cli) struct NotFetched {
    /// The URL.
    pub source: String,
    /// What is wrong.
    pub error: OverridesError,
    /// What the command goes on with, as the server would: for people.
    pub meanwhile: String,
}

/// Fetches the overrides, if the configuration names a URL, and has the command go on with them. If
/// they cannot be used, it goes on with those that the server keeps in `state`, if there are any.
///
/// # Errors
/// Why they cannot be used.
pub(in crate::cli) fn fetch(loaded: &mut Loaded) -> Result<(), NotFetched> {
    let Some(source) = loaded.overrides.url.as_ref().map(ToString::to_string) else {
        return Ok(());
    };
    let keys = loaded.config.feed.public_key.as_ref();
    let state = loaded.state.as_deref();
    let kept = state.and_then(|state| daemon::last_overrides(state, &source, keys));
    let fetched = SignedOverrides::fetch(&source, &loaded.roots, keys);
    let (serial, error) = match (fetched, kept) {
        (Ok(fetched), Some(kept)) if fetched.serial < kept.serial => {
            let (serial, known) = (fetched.serial, kept.serial);
            let what = format!("serial {serial} is lower than {known}, which the server has kept");
            loaded.overrides.overrides = kept.overrides;
            (Some(known), OverridesError::new("serial-behind", what))
        }
        (Ok(fetched), _) => {
            loaded.overrides.overrides = fetched.overrides;
            return Ok(());
        }
        (Err(error), Some(kept)) => {
            loaded.overrides.overrides = kept.overrides;
            (Some(kept.serial), error)
        }
        (Err(error), None) => (None, error),
    };
    let meanwhile = match serial {
        Some(serial) => format!("serve would go on with overrides {serial}, which it kept"),
        None => "serve would go on without overrides".to_owned(),
    };
    Err(NotFetched { source, error, meanwhile })
}
