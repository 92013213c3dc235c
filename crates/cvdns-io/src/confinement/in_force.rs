//! What the sandbox of this process allows, for messages about what it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::allowed::Allowed;

static IN_FORCE: OnceLock<InForce> = OnceLock::new();

struct InForce {
    allowed: Allowed,
    /// Which files and directories lay at the allowed paths, by device and inode: these are
    /// allowed, and no others that are put there later.
    identities: BTreeMap<PathBuf, (u64, u64)>,
}

/// Notes that the process has entered the sandbox, which it does once.
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only the sandbox enters one, which is there on Linux alone")
)]
pub(super) fn note(allowed: Allowed) {
    let paths = allowed.reads.union(&allowed.writes);
    let identities = paths.filter_map(|path| Some((path.clone(), identity(path)?))).collect();
    let _ = IN_FORCE.set(InForce { allowed, identities });
}

/// What of `wanted` the sandbox of this process does not allow, in words such as `reading
/// /srv/feed`. Nothing if the process is in no sandbox.
pub fn beyond(wanted: &Allowed) -> Vec<String> {
    let Some(sandbox) = IN_FORCE.get() else { return Vec::new() };
    let reads = wanted.reads.iter().filter(|path| !sandbox.reads(path));
    let writes = wanted.writes.iter().filter(|path| !sandbox.writes(path));
    let ports = wanted.connects.difference(&sandbox.allowed.connects);
    (reads.map(|path| format!("reading {}", path.display())))
        .chain(writes.map(|path| format!("writing {}", path.display())))
        .chain(ports.map(|port| format!("connecting to TCP port {port}")))
        .collect()
}

/// The end of a message about a file that could not be read, if it is the sandbox that forbids it;
/// otherwise empty.
pub(crate) fn why_unreadable(path: &Path, error: &io::Error) -> String {
    why(path, error, "reading", InForce::reads)
}

/// The same about a file that could not be written.
pub(crate) fn why_unwritable(path: &Path, error: &io::Error) -> String {
    why(path, error, "writing", InForce::writes)
}

/// Words of every message about a file that the sandbox forbids.
pub const DENIED: &str = "the server's sandbox does not allow";

fn why(
    path: &Path,
    error: &io::Error,
    what: &str,
    is_allowed: fn(&InForce, &Path) -> bool,
) -> String {
    let Some(sandbox) = IN_FORCE.get() else { return String::new() };
    let place = resolved(path);
    if error.kind() != io::ErrorKind::PermissionDenied || is_allowed(sandbox, &place) {
        return String::new();
    }
    format!(
        "; {DENIED} {what} in {}: it allows only the directories that \
         the configuration named when the server started, and not one that was made anew since; \
         restart the server, or see `sandbox` in [server]",
        place.parent().unwrap_or(&place).display()
    )
}

impl InForce {
    fn reads(&self, path: &Path) -> bool {
        self.covers(&self.allowed.reads, path) || self.writes(path)
    }

    fn writes(&self, path: &Path) -> bool {
        self.covers(&self.allowed.writes, path)
    }

    /// Whether the path is one of these, or beneath one, and that one is still the same.
    fn covers(&self, paths: &BTreeSet<PathBuf>, path: &Path) -> bool {
        path.ancestors().any(|ancestor| {
            let before = self.identities.get(ancestor);
            paths.contains(ancestor) && before.is_some() && before == identity(ancestor).as_ref()
        })
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// The path without symbolic links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = full.ancestors().find_map(|ancestor| {
        let rest = full.strip_prefix(ancestor).ok()?;
        let real = ancestor.canonicalize().ok()?;
        // To join an empty path would append a slash.
        Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
    });
    existing.unwrap_or(full)
}
