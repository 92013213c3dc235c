//! The filters, as programs that the kernel runs before each system call.

use std::collections::BTreeMap;

use libc::{AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, NETLINK_ROUTE, SOCK_RAW};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter_all_threads,
};

use super::denied::DENIED;

/// The rules of each system call. Without rules it is always denied, otherwise if one applies.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Has the kernel filter the system calls of all threads, and of all that they start.
///
/// What is denied fails with `EPERM`, as where a process lacks a privilege, so that a defect does
/// not become an outage. Calls of another architecture end the process: their numbers mean other
/// calls.
pub(super) fn apply() -> Result<(), seccompiler::Error> {
    let mut program = without_x32();
    program.extend(filter(rules()?, libc::EPERM)?);
    apply_filter_all_threads(&program)?;
    // The flags of clone3 are in memory, where no filter reads them. C libraries then use clone,
    // whose flags are an argument.
    let clone3 = Rules::from([(libc::SYS_clone3, Vec::new())]);
    apply_filter_all_threads(&filter(clone3, libc::ENOSYS)?)
}

/// A filter that has calls fail with this error if a rule applies.
fn filter(rules: Rules, error: i32) -> Result<BpfProgram, BackendError> {
    let action = SeccompAction::Errno(error.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, action, architecture)?.try_into()
}

fn rules() -> Result<Rules, BackendError> {
    let mut rules: Rules = DENIED.iter().map(|number| (*number, Vec::new())).collect();
    // New threads are allowed, new processes and namespaces are not.
    let is_process = vec![argument(0, SeccompCmpOp::MaskedEq(CLONE_THREAD), 0)?];
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(is_process)?]);
    rules.insert(libc::SYS_socket, sockets()?);
    // Of the process itself limits may be raised and threads pinned.
    let is_other = || SeccompRule::new(vec![argument(0, SeccompCmpOp::Ne, 0)?]);
    rules.insert(libc::SYS_prlimit64, vec![is_other()?]);
    rules.insert(libc::SYS_sched_setaffinity, vec![is_other()?]);
    // TCP Fast Open connects without connect(2), which is all that Landlock looks at.
    for (number, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)]
    {
        let is = SeccompCmpOp::MaskedEq(MSG_FASTOPEN);
        let connects = vec![argument(flags, is, libc::MSG_FASTOPEN)?];
        rules.insert(number, vec![SeccompRule::new(connects)?]);
    }
    let (is, option) = (SeccompCmpOp::Eq, libc::TCP_FASTOPEN_CONNECT);
    let connects = vec![argument(1, is.clone(), libc::IPPROTO_TCP)?, argument(2, is, option)?];
    rules.insert(libc::SYS_setsockopt, vec![SeccompRule::new(connects)?]);
    // Whoever puts characters into a terminal's input writes commands for the shell behind it.
    let into_terminal = vec![argument(1, SeccompCmpOp::Eq, TIOCSTI)?];
    rules.insert(libc::SYS_ioctl, vec![SeccompRule::new(into_terminal)?]);
    Ok(rules)
}

/// The sockets that are denied: all but UDP, TCP, Unix sockets (helpers of the system's resolver)
/// and netlink for routes (by which the resolver asks for this machine's addresses). Multipath TCP
/// is denied as Landlock does not look at its connections.
fn sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let (is, is_not) = (SeccompCmpOp::Eq, SeccompCmpOp::Ne);
    let others = [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK]
        .map(|family| argument(0, is_not.clone(), family))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let netlink = vec![argument(0, is.clone(), AF_NETLINK)?, argument(2, is_not, NETLINK_ROUTE)?];
    let raw = |family| {
        let is_raw = SeccompCmpOp::MaskedEq(SOCKET_TYPE_MASK);
        SeccompRule::new(vec![argument(0, is.clone(), family)?, argument(1, is_raw, SOCK_RAW)?])
    };
    let other_protocol = |family| {
        let mut conditions = vec![argument(0, is.clone(), family)?];
        for protocol in [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP] {
            conditions.push(argument(2, SeccompCmpOp::Ne, protocol)?);
        }
        SeccompRule::new(conditions)
    };
    Ok(vec![
        SeccompRule::new(others)?,
        SeccompRule::new(netlink)?,
        raw(AF_INET)?,
        raw(AF_INET6)?,
        other_protocol(AF_INET)?,
        other_protocol(AF_INET6)?,
    ])
}

/// A flag of send(2), as a mask.
const MSG_FASTOPEN: u64 = libc::MSG_FASTOPEN.unsigned_abs() as u64;

/// A flag of clone(2).
const CLONE_THREAD: u64 = libc::CLONE_THREAD.unsigned_abs() as u64;

/// A request of ioctl(2), the same on all architectures with a filter (asm-generic/ioctls.h).
const TIOCSTI: i32 = 0x5412;

/// The bits of a socket's type that are no flags (`SOCK_TYPE_MASK` in the kernel's linux/net.h).
const SOCKET_TYPE_MASK: u64 = 0xf;

/// A condition on an argument, of which the kernel looks at 32 bits.
fn argument(index: u8, is: SeccompCmpOp, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, is, value.unsigned_abs().into())
}

/// The beginning of a filter that ends the process if it makes a call of x32, the second interface
/// of `x86_64`, which has the same architecture and other numbers.
#[cfg(target_arch = "x86_64")]
fn without_x32() -> BpfProgram {
    use seccompiler::sock_filter;

    // `__X32_SYSCALL_BIT` (asm/unistd.h): numbers from here on are those of x32.
    const X32: u32 = 0x4000_0000;
    // A number that a tracer sets so that the call is not made; that must stay possible.
    const NO_CALL: u32 = u32::MAX;
    const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    vec![
        sock_filter { code: LOAD_NUMBER, jt: 0, jf: 0, k: 0 },
        sock_filter { code: IF_AT_LEAST, jt: 0, jf: 2, k: X32 },
        sock_filter { code: IF_EQUAL, jt: 1, jf: 0, k: NO_CALL },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: SeccompAction::KillProcess.into() },
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn without_x32() -> BpfProgram {
    BpfProgram::new()
}
