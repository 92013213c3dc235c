//! What a limit on the address space (`RLIMIT_AS`, `ulimit -v`) leaves.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::{SysconfVar, sysconf};

/// The file in which the kernel tells the size of the address space (proc(5)). It stays open, as
/// nothing below `/proc` can be opened from within the sandbox.
static SIZES: OnceLock<Option<File>> = OnceLock::new();

/// Opens what [`left`] reads. To be called before the sandbox is entered; later calls do nothing.
pub(super) fn open() {
    sizes();
}

/// Octets that the limit leaves; `None` if there is no limit, or the system does not tell.
///
/// The kernel compares the same two figures when it is asked for memory. To try it out instead
/// would take the last memory away from other threads for a moment.
pub(super) fn left() -> Option<usize> {
    let (limit, _) = getrlimit(Resource::RLIMIT_AS).ok()?;
    if limit == RLIM_INFINITY {
        return None;
    }
    let mut text = [0; 32];
    let length = sizes()?.read_at(&mut text, 0).ok()?;
    let pages = first_number(text.get(..length)?)?;
    let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?;
    let left = limit.saturating_sub(pages.saturating_mul(page));
    Some(usize::try_from(left).unwrap_or(usize::MAX))
}

fn sizes() -> Option<&'static File> {
    SIZES.get_or_init(|| File::open("/proc/self/statm").ok()).as_ref()
}

/// The number before the first space.
fn first_number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_the_first_figure() {
        assert_eq!(first_number(b"31415 926 535 8 0 97 0\n"), Some(31415));
        // A first figure that was cut off cannot be told from a whole one; 32 octets hold any.
        assert_eq!(first_number(u64::MAX.to_string().as_bytes()), Some(u64::MAX));
        assert_eq!(first_number(b""), None);
        assert_eq!(first_number(b"x 1"), None);
    }

    #[test]
    fn the_kernel_tells_the_size_of_this_process() {
        let mut text = [0; 32];
        let length = sizes().unwrap().read_at(&mut text, 0).unwrap();
        assert!(first_number(&text[..length]).unwrap() > 100);
    }
}
