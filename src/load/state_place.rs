//! Where a configuration's server keeps its state.

use std::path::{Path, PathBuf};

use cvdns_core::config::Config;

/// The state directory; `None` if the configuration names none.
pub(super) fn state(path: &Path, config: &Config) -> Option<PathBuf> {
    config.feed.state.as_ref().map(|state| cvdns_io::beside(path, &state.value))
}
