//! The `[cookies]` section.

use super::keys::cookies as keys;
use crate::problem::table::{Placed, Table};

/// DNS cookies (`[cookies]`).
#[derive(Debug, Clone)]
pub struct Cookies {
    /// Whether cookies are honoured.
    pub enabled: bool,
    /// Path of the file of secrets. `None`: a random one.
    pub secret_file: Option<Placed<String>>,
}

impl Cookies {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let enabled = table.value(&keys::ENABLED);
        let secret_file = table.get(&keys::SECRET_FILE);
        if let Some(file) = secret_file.as_ref().filter(|_| !enabled) {
            let what = "`secret-file` has no effect with `enabled = false`";
            table.warning(file.location.clone(), what, "take one of them out");
        }
        table.finish();
        Self { enabled, secret_file }
    }
}
