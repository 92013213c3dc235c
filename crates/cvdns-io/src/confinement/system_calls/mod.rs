//! The system calls that a server needs at no time, and that all its threads give up (seccomp(2)).
//!
//! What is denied is listed, not what is allowed. A list of what is allowed depends on the C
//! library, which calls what its version likes: BIND had such a list, versions of glibc and musl
//! broke it, and it was removed. What is denied here runs programs, reaches other processes,
//! changes the system or is a frequent way into the kernel. No C library needs it for answering.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
mod denied;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
mod filters;

/// Has the kernel deny these calls to all threads of the process, and to all that they start.
///
/// # Errors
/// Why they are not denied, for people.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
pub(super) fn deny() -> Result<(), String> {
    filters::apply().map_err(|error| {
        format!(
            "the kernel takes no filter of system calls ({error}); Linux has them with \
             CONFIG_SECCOMP_FILTER"
        )
    })
}

/// The same for other processors.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
pub(super) fn deny() -> Result<(), String> {
    Err(format!("there is no filter of system calls for {} in cvdns", std::env::consts::ARCH))
}
