//! Checks that the file of the log can be one, and is the log's alone.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::logging::other_kind;

/// Directories in which the kernel shows itself, and nobody makes files.
const OF_THE_KERNEL: [&str; 2] = ["/proc", "/sys"];

/// What is wrong with the file that the configuration calls `value`, and what to do. `read` are the
/// files that the server reads, and `made` those that it makes.
pub(super) fn refused(
    file: &Path,
    value: &str,
    read: &[PathBuf],
    made: &[PathBuf],
) -> Option<(String, String)> {
    not_a_log(file, value).or_else(|| in_use(file, read, made))
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
fn in_use(file: &Path, read: &[PathBuf], made: &[PathBuf]) -> Option<(String, String)> {
    let place = place(file);
    let shown = file.display();
    let is_it = |other: &Path| self::place(other) == place;
    let what = if read.iter().any(|other| is_it(other)) {
        format!("the server reads {shown}, and its log would damage that file")
    } else if made.iter().any(|other| is_it(other)) {
        format!("the server makes {shown} itself, for another purpose than its log")
    } else {
        return None;
    };
    Some((what, "name a file that is the log's alone, such as \"log/cvdns.log\"".to_owned()))
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
