//! Checks that the file of the log can be one, and is the log's alone.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Access, WRITE, Written, check_written, files};
use crate::load::Loaded;
use crate::logging::other_kind;
use cvdns_core::problem::Problems;
use cvdns_io::beside;

/// Directories in which the kernel shows itself, and nobody makes files.
const OF_THE_KERNEL: [&str; 2] = ["/proc", "/sys"];

/// Checks the file, and that the account can make it.
pub(super) fn check(config: &Path, loaded: &Loaded, access: &mut Access, problems: &mut Problems) {
    let Some(named) = &loaded.config.log.file else { return };
    let file = beside(config, &named.value);
    let refused = not_a_log(&file, &named.value)
        .or_else(|| in_use(&file, config, loaded))
        .or_else(|| not_writable(&file, access));
    if let Some((what, help)) = refused {
        problems.error(named.location.clone(), what, help);
        return;
    }
    let Some(directory) = file.parent().filter(|above| !above.as_os_str().is_empty()) else {
        return;
    };
    let written = Written {
        directory,
        location: &named.location,
        key: "`file` in [log]",
        lost: "the server could not open its log there",
    };
    check_written(&written, access, problems);
}

/// What is there instead of a regular file, and what to do.
fn not_a_log(file: &Path, value: &str) -> Option<(String, String)> {
    let shown = file.display();
    let help = "name a regular file, which need not exist, such as \"log/cvdns.log\"; without \
                `file`, the log goes to standard error";
    let wrong = |what: String| Some((what, help.to_owned()));
    if value.ends_with('/') {
        return wrong(format!("{shown} is a directory, and the log needs a file"));
    }
    match file.metadata() {
        Ok(metadata) => {
            if let Some(kind) = other_kind(&metadata) {
                return wrong(format!("{shown} is {kind}, and the log needs a regular file"));
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound && file.is_symlink() => {
            return wrong(format!("{shown} is a symbolic link that leads nowhere"));
        }
        Err(_) => {}
    }
    let place = place(file);
    let kernel = OF_THE_KERNEL.into_iter().find(|above| place.starts_with(above))?;
    wrong(format!("{shown} is in {kernel}, where no log can be"))
}

/// Whether the server reads or makes this file for another purpose, and what to do.
fn in_use(file: &Path, config: &Path, loaded: &Loaded) -> Option<(String, String)> {
    let place = place(file);
    let shown = file.display();
    let is_it = |other: &Path| self::place(other) == place;
    let what = if files(config, loaded).iter().any(|(other, _)| is_it(other)) {
        format!("the server reads {shown}, and its log would damage that file")
    } else if made(config, loaded).iter().any(|other| is_it(other)) {
        format!("the server makes {shown} itself, for another purpose than its log")
    } else {
        return None;
    };
    Some((what, "name a file that is the log's alone, such as \"log/cvdns.log\"".to_owned()))
}

/// Sockets and files that the server makes and does not read at a reload.
fn made(config: &Path, loaded: &Loaded) -> Vec<PathBuf> {
    let sockets = loaded.config.admin.unix().map(|socket| beside(config, socket));
    let versions = loaded.state.iter().map(|state| state.join("versions.json"));
    sockets.chain(loaded.takeover.clone()).chain(versions).collect()
}

/// Whether the file is there and the account may not write it, and what to do.
fn not_writable(file: &Path, access: &Access) -> Option<(String, String)> {
    let metadata = file.metadata().ok()?;
    let (shown, name) = (file.display(), &access.account.name);
    (!access.account.may(&metadata, WRITE))
        .then(|| (format!("{name} may not write {shown}"), format!("chown {name} {shown}")))
}

/// The path without symbolic links, as far as it exists.
fn place(path: &Path) -> PathBuf {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = full.ancestors().find_map(|above| {
        let rest = full.strip_prefix(above).ok()?;
        // To join an empty path would append a slash.
        let real = above.canonicalize().ok()?;
        Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
    });
    real.unwrap_or(full)
}
