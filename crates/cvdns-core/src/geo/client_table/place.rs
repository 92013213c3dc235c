//! Where the parts of a table are in memory.

use std::ops::Range;

/// The addresses of a list's octets.
pub(super) fn place<T>(list: &[T]) -> Range<*const u8> {
    let Range { start, end } = list.as_ptr_range();
    start.cast()..end.cast()
}
