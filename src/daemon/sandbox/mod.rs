//! The sandbox of the server: what it may read, write and connect to follows from what it read at
//! its start. `places` finds the directories that files are read from, `resolver` those of the
//! system's resolver and its certificates.

mod places;
mod resolver;

use std::path::{Path, PathBuf};

use tracing::{info, warn};

use crate::load::Loaded;
use cvdns_core::problem::{Location, Problems};
use cvdns_io::confinement::{self, Allowed};

use places::places;

/// Enters the sandbox, unless the configuration switches it off. Beside `state`, files in the
/// directories `also_writes` may be written. Each part that the system lacks is a warning.
///
/// Call this when addresses are bound and root is given up, and before the first thread that
/// handles what others send.
pub(super) fn enter(loaded: &Loaded, also_writes: &[PathBuf]) {
    if !loaded.config.server.sandbox {
        info!("no sandbox: `sandbox` in [server] is false");
        return;
    }
    // They are counted once, and cannot be from within.
    cvdns_net::available_cores();
    if let Some(state) = &loaded.state {
        // What is allowed is this very directory. If it cannot be made, the first write says why.
        let _ = std::fs::create_dir_all(state);
    }
    let mut allowed = allowed(loaded);
    for directory in also_writes {
        allowed.also_writes(resolved(directory));
    }
    let described = describe(&allowed);
    let lacking = confinement::sandbox::enter(allowed).err().unwrap_or_default();
    for lacks in &lacking {
        warn!("the sandbox is not complete: {lacks}; the server goes on with more than it needs");
    }
    info!("in the sandbox: {described}");
}

/// Notes what a configuration that was reloaded needs and the sandbox does not allow.
pub(super) fn note_beyond(loaded: &Loaded, config: &Path, problems: &mut Problems) {
    let beyond = confinement::beyond(&allowed(loaded));
    if !beyond.is_empty() {
        problems.warning(
            Location::file(&config.display().to_string()),
            format!(
                "the sandbox does not allow {}, which the configuration asks for since the server \
                 was started",
                beyond.join(", ")
            ),
            "restart the server (`sandbox` in [server])",
        );
    }
}

/// What the server needs by this configuration.
fn allowed(loaded: &Loaded) -> Allowed {
    let mut allowed = Allowed::default();
    for file in followed(loaded).chain(loaded.files.iter().cloned()) {
        for place in places(&file) {
            allowed.read(place);
        }
    }
    if let Some(state) = &loaded.state {
        allowed.also_writes(resolved(state));
    }
    for source in loaded.feeds.iter().chain(&loaded.overrides.remote) {
        resolver::allow(&mut allowed, source, &loaded.roots);
    }
    for primary in loaded.transferred.iter().flat_map(|zone| &zone.primaries) {
        allowed.connect(primary.port());
    }
    // The service manager is told by this socket (sd_notify(3)); `@` begins a name that is no path.
    if std::env::var_os("NOTIFY_SOCKET")
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"@"))
    {
        allowed.abstract_sockets();
    }
    allowed
}

/// The files that are read again and again.
fn followed(loaded: &Loaded) -> impl Iterator<Item = PathBuf> {
    let feeds = loaded.feeds.files().map(|(_, path)| path.to_owned());
    let named = [
        loaded.overrides.path.clone(),
        loaded.cookie_secrets.path.clone(),
        loaded.admin_token.clone(),
    ];
    let nats = loaded.nats.iter().flat_map(|place| place.files().cloned());
    feeds.chain(named.into_iter().flatten()).chain(nats).chain(loaded.supply.watched())
}

fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

fn is_beneath(path: &Path, other: &Path) -> bool {
    path != other && path.starts_with(other)
}

/// What is allowed, for the log.
fn describe(allowed: &Allowed) -> String {
    let list = |words: &str, none: &str, items: Vec<String>| match items.as_slice() {
        [] => none.to_owned(),
        items => format!("{words} {}", items.join(", ")),
    };
    let paths = |paths: &[&Path]| {
        let is_outer = |path: &&&Path| !paths.iter().any(|other| is_beneath(path, other));
        paths.iter().filter(is_outer).map(|path| path.display().to_string()).collect()
    };
    let ports = |ports: &[u16]| ports.iter().map(ToString::to_string).collect();
    [
        list("it reads beneath", "it reads no file", paths(&allowed.reads())),
        list("writes beneath", "writes no file", paths(&allowed.writes())),
        list("connects to TCP port", "connects to no TCP port", ports(&allowed.connects())),
        "and runs no program".to_owned(),
    ]
    .join("; ")
}
