//! What fetching a feed takes: TCP, the system's resolver and its certificates.

use std::path::{Path, PathBuf};

use super::places::places;
use crate::load::{FeedSource, TrustedRoots};
use cvdns_io::confinement::Allowed;

/// The port of DNS, for answers that do not fit into a datagram (RFC 7766).
const DNS: u16 = 53;

/// Files of the C library's resolver: resolv.conf(5), hosts(5), nsswitch.conf(5). Network managers
/// replace the first one whenever the network changes.
const RESOLVER: [&str; 3] = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"];

/// Directories of shared libraries: the C library loads the parts that nsswitch.conf names when a
/// name is first looked up.
const LIBRARIES: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];

/// Allows what fetching from this source takes; nothing for a file.
pub(super) fn allow(allowed: &mut Allowed, source: &FeedSource, roots: &TrustedRoots) {
    let servers = source.servers();
    for server in &servers {
        allowed.connect(server.port);
    }
    if servers.iter().any(|server| server.has_name) {
        allowed.connect(DNS);
        for place in RESOLVER.iter().flat_map(|file| places(Path::new(file))) {
            allowed.read(place);
        }
        for directory in LIBRARIES {
            allow_directory(allowed, Path::new(directory));
        }
    }
    let needs_system = match source.nats() {
        Some(place) => !place.has_own_authorities(),
        None => *roots == TrustedRoots::System,
    };
    if needs_system && servers.iter().any(|server| server.is_secure) {
        allow_certificates(allowed);
    }
}

/// Allows the places where certificates of the system are looked for.
fn allow_certificates(allowed: &mut Allowed) {
    let found = openssl_probe::probe();
    // The probe takes a list of directories for one.
    let listed = std::env::var_os("SSL_CERT_DIR").unwrap_or_default();
    let directories = found.cert_dir.into_iter().chain(std::env::split_paths(&listed));
    for directory in directories {
        allow_directory(allowed, &directory);
        // Most are links to files elsewhere.
        let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        let targets = entries.filter_map(|entry| entry.path().canonicalize().ok());
        let elsewhere = targets.filter_map(|target| target.parent().map(Path::to_owned));
        for directory in elsewhere {
            allow_directory(allowed, &directory);
        }
    }
    for place in found.cert_file.iter().flat_map(|file| places(file)) {
        allowed.read(place);
    }
}

/// Allows a directory by its real path, if it exists, unless that is the root.
fn allow_directory(allowed: &mut Allowed, directory: &Path) {
    let real: Option<PathBuf> = directory.canonicalize().ok();
    if let Some(real) = real.filter(|real| real.parent().is_some()) {
        allowed.read(real);
    }
}
