//! Huge pages for memory that is read at random places.
//!
//! The processor knows the places of few pages at a time. Where each look-up is in another page, it
//! has to walk the page tables, and on a virtual machine those of the host as well: that costs as
//! much as the look-up itself. One huge page takes the place of 512.

use std::ops::Range;
use std::sync::OnceLock;

/// Octets of a huge page of x86-64, and of aarch64 with pages of 4 KiB.
const HUGE: usize = 2 << 20;

/// How much of a huge page must be wanted, in octets. The rest of it holds what else is there, or
/// nothing.
const LEAST: usize = HUGE / 4;

/// Where the system says whether it has huge pages for processes that ask for them
/// (`Documentation/admin-guide/mm/transhuge.rst` in the kernel).
const SETTING: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// Whether the system has them. Nothing below `/sys` can be opened from within the sandbox.
static ENABLED: OnceLock<bool> = OnceLock::new();

/// Reads the system's setting. To be called before the sandbox is entered; later calls do nothing.
pub(super) fn prepare() {
    ENABLED.get_or_init(|| {
        std::fs::read_to_string(SETTING).is_ok_and(|setting| !setting.contains("[never]"))
    });
}

/// Asks the system to hold these parts of the process's memory in huge pages, which takes about a
/// millisecond for each. What is in them, and whether they can be read, does not change. Nothing
/// happens where the system has none, or was told to give none.
pub fn prefer(places: impl Iterator<Item = Range<*const u8>>) {
    if !ENABLED.get().is_some_and(|enabled| *enabled) {
        return;
    }
    for page in pages(places) {
        advise(page);
    }
}

/// The huge pages of which enough is in these places, each once, by their first octets.
fn pages(places: impl Iterator<Item = Range<*const u8>>) -> Vec<usize> {
    let mut wanted = std::collections::BTreeMap::<usize, usize>::new();
    for Range { start, end } in places {
        let (start, end) = (start.addr(), end.addr());
        let mut at = start;
        while at < end {
            let page = at - at % HUGE;
            let next = page.saturating_add(HUGE).min(end);
            let octets = wanted.entry(page).or_default();
            *octets = octets.saturating_add(next - at);
            at = next;
        }
    }
    wanted.into_iter().filter(|(_, octets)| *octets >= LEAST).map(|(page, _)| page).collect()
}

/// Advises the system to make one huge page here: at once, where it can (Linux 6.1), and else when
/// it looks for such memory.
fn advise(page: usize) {
    let page = std::ptr::without_provenance_mut(page);
    for advice in [libc::MADV_HUGEPAGE, libc::MADV_COLLAPSE] {
        // SAFETY: this advice changes neither what the memory holds nor how it may be accessed
        // (madvise(2)), wherever it is. A failure leaves everything as it was.
        unsafe { libc::madvise(page, HUGE, advice) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(start: usize, length: usize) -> Range<*const u8> {
        std::ptr::without_provenance(start)..std::ptr::without_provenance(start + length)
    }

    #[test]
    fn a_huge_page_is_wanted_for_enough_of_it() {
        let of = |places: &[(usize, usize)]| {
            pages(places.iter().map(|(start, length)| place(*start, *length)))
        };
        assert_eq!(of(&[]), Vec::<usize>::new());
        assert_eq!(of(&[(HUGE + 5, 0)]), Vec::<usize>::new());
        assert_eq!(of(&[(3 * HUGE, HUGE)]), [3 * HUGE]);
        // A table from within one page to within the next but one.
        assert_eq!(of(&[(HUGE + LEAST, 2 * HUGE)]), [HUGE, 2 * HUGE, 3 * HUGE]);
        assert_eq!(of(&[(2 * HUGE - LEAST + 1, LEAST)]), Vec::<usize>::new());
        // Several parts count together.
        assert_eq!(of(&[(HUGE, LEAST / 2), (HUGE + LEAST, LEAST - LEAST / 2)]), [HUGE]);
    }

    #[test]
    fn memory_holds_the_same_afterwards() {
        prepare();
        let memory: Vec<u32> = (0..3 << 20).collect();
        let Range { start, end } = memory.as_ptr_range();
        prefer(std::iter::once(start.cast()..end.cast()));
        assert!(memory.iter().zip(0..).all(|(value, number)| *value == number));
    }
}
