//! Gives memory back to the system.
//!
//! Reading and compiling everything takes some ten megabytes for a moment. The C library keeps what is freed in the middle
//! of its heap, so that after a few reloads a server would hold half as much again as it needs. It is asked to give it back
//! after a start, and when a frame was freed: then there is much to find, and at no other time is it worth the search.

/// Gives back what is free. The workers go on meanwhile: they do not allocate.
pub(super) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the function takes no pointer, may be called from any thread at any time (malloc_trim(3): MT-Safe), and
    // touches nothing but free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
