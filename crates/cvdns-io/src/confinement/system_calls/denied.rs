//! The calls that are always denied. The groups are those of systemd's `SystemCallFilter`, where
//! it has them.

#[allow(clippy::wildcard_imports, reason = "the list below names them")]
use libc::*;

/// Their numbers.
#[rustfmt::skip]
pub(super) const DENIED: &[i64] = &[
    // Programs.
    SYS_execve, SYS_execveat,
    // Other processes.
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise, SYS_kcmp,
    SYS_pidfd_open, SYS_pidfd_getfd, SYS_pidfd_send_signal,
    SYS_kill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_migrate_pages, SYS_move_pages,
    // Mounts, roots and namespaces.
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen,
    SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_unshare, SYS_setns,
    // What attacks on the kernel begin with.
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_personality,
    SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_add_key, SYS_request_key, SYS_keyctl,
    // The kernel itself.
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, KEXEC_FILE_LOAD,
    SYS_syslog, SYS_lookup_dcookie, SYS_reboot, SYS_swapon, SYS_swapoff,
    // Clock and names of the machine.
    SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_settimeofday,
    SYS_sethostname, SYS_setdomainname,
    // Files past their paths, devices and accounting.
    SYS_mknodat, SYS_open_by_handle_at, SYS_fanotify_init, SYS_quotactl, SYS_acct, SYS_vhangup,
    SYS_nfsservctl,
    #[cfg(target_arch = "x86_64")] SYS_mknod,
    // Modes, owners, times and attributes of files by their paths, which Landlock does not
    // restrict. What is open may be changed: the server sets the modes of what it writes.
    SYS_fchmodat, SYS_fchownat, SYS_utimensat, FCHMODAT2,
    SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
    #[cfg(target_arch = "x86_64")] SYS_chmod,
    #[cfg(target_arch = "x86_64")] SYS_chown,
    #[cfg(target_arch = "x86_64")] SYS_lchown,
    #[cfg(target_arch = "x86_64")] SYS_utime,
    #[cfg(target_arch = "x86_64")] SYS_utimes,
    #[cfg(target_arch = "x86_64")] SYS_futimesat,
    // The directory that relative paths begin at.
    SYS_chdir, SYS_fchdir,
    // Priorities, of other processes too.
    SYS_setpriority, SYS_ioprio_set, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr,
    // New processes, of which other architectures have clone alone.
    #[cfg(target_arch = "x86_64")] SYS_fork,
    #[cfg(target_arch = "x86_64")] SYS_vfork,
    // Input and output past the kernel, and segments of 16-bit programs.
    #[cfg(target_arch = "x86_64")] SYS_iopl,
    #[cfg(target_arch = "x86_64")] SYS_ioperm,
    #[cfg(target_arch = "x86_64")] SYS_modify_ldt,
];

/// The same on all architectures (asm-generic/unistd.h).
const FCHMODAT2: i64 = 452;

/// The crate `libc` does not name it everywhere. Elsewhere it is the number of
/// asm-generic/unistd.h.
#[cfg(target_arch = "x86_64")]
const KEXEC_FILE_LOAD: i64 = SYS_kexec_file_load;
#[cfg(not(target_arch = "x86_64"))]
const KEXEC_FILE_LOAD: i64 = 294;
