//! Overrides by URL or through NATS, as commands see them that work beside the server.

use crate::daemon;
use crate::load::{DocumentError, Loaded, SignedOverrides};
use cvdns_core::health::Overrides;

/// Why the overrides of their source are not those that a command goes on with, and which those
/// are.
pub(in crate::cli) struct NotFetched {
    /// Where they come from.
    pub source: String,
    /// What is wrong.
    pub error: DocumentError,
    /// What the command goes on with, as the server would: for people.
    pub meanwhile: String,
}

/// Fetches the overrides that come from elsewhere, and has the command go on with them, behind
/// those of a file. If they cannot be used, it goes on with those that the server keeps in `state`,
/// if there are any.
///
/// # Errors
/// Why they cannot be used.
pub(in crate::cli) fn fetch(loaded: &mut Loaded) -> Result<(), NotFetched> {
    let Some(remote) = loaded.overrides.remote.clone() else { return Ok(()) };
    let source = remote.to_string();
    let keys = loaded.config.feed.public_key.as_ref();
    let state = loaded.state.as_deref();
    let kept = state.and_then(|state| daemon::last_overrides(state, &source, keys));
    let fetched = SignedOverrides::fetch(&remote, &loaded.roots, keys);
    let (serial, error) = match (fetched, kept) {
        (Ok(fetched), Some(kept)) if fetched.serial < kept.serial => {
            let (serial, known) = (fetched.serial, kept.serial);
            let what = format!("serial {serial} is lower than {known}, which the server has kept");
            put_behind(loaded, &kept.overrides);
            (Some(known), DocumentError::new("serial-behind", what))
        }
        (Ok(fetched), _) => {
            put_behind(loaded, &fetched.overrides);
            return Ok(());
        }
        (Err(error), Some(kept)) => {
            put_behind(loaded, &kept.overrides);
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

/// Has overrides apply where those of the file do not.
fn put_behind(loaded: &mut Loaded, others: &Overrides) {
    let first = loaded.overrides.overrides.iter().cloned().collect();
    loaded.overrides.overrides = others.preceded_by(first);
}
