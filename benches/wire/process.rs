//! CPU time, memory and cores of a server's processes.

use std::fs;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::system;

/// Nanoseconds that the threads of a process and its descendants have spent so far.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub struct Spent {
    /// On a core.
    pub cpu: u64,
    /// Ready to run, while others had the cores.
    pub waiting: u64,
}

impl Spent {
    pub fn by(pid: u32) -> Self {
        let mut all = Self::default();
        for (pid, thread) in threads(pid) {
            // The file of a thread that has ended is gone.
            let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat"))
                .unwrap_or_default();
            let mut fields = text.split(' ').map(|field| field.parse().unwrap_or(0));
            all.cpu += fields.next().unwrap_or(0);
            all.waiting += fields.next().unwrap_or(0);
        }
        all
    }

    /// The difference from `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            waiting: self.waiting.saturating_sub(before.waiting),
        }
    }
}

/// Resident memory of a process in octets.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 =
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    kib * 1024
}

/// Binds all threads of a process and its descendants to one core. Does nothing on a machine with a
/// single core.
pub fn pin(pid: u32, core: usize) {
    if cores() < 2 {
        return;
    }
    let mut set = CpuSet::new();
    set.set(core).expect("a core that the kernel can number");
    for (_, thread) in threads(pid) {
        // A thread may have ended since.
        let _ = sched_setaffinity(id(thread), &set);
    }
}

/// Binds a thread to a core, or to the only one that there is.
pub fn pin_thread(thread: u32, core: usize) {
    let mut set = CpuSet::new();
    set.set(core.min(cores() - 1)).expect("a core that the kernel can number");
    // It may have ended since.
    let _ = sched_setaffinity(id(thread), &set);
}

/// Gives a process and its descendants real-time priority, if this process may. Not for processes
/// that use a whole core: the kernel stops those for 50 ms of each second.
pub fn raise_priority(pid: u32) {
    for (_, thread) in threads(pid) {
        system::raise_priority(thread);
    }
}

/// The process ID in the type of `nix`.
pub fn id(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed())
}

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A process and its descendants: NSD answers from a child of a child.
pub fn tree(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut seen = 0;
    while let Some(parent) = all.get(seen).copied() {
        seen += 1;
        for thread in threads_of(parent) {
            let path = format!("/proc/{parent}/task/{thread}/children");
            let children = fs::read_to_string(path).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    all
}

/// The threads of a process and its descendants, each with its process.
pub fn threads(pid: u32) -> Vec<(u32, u32)> {
    let of = |pid| threads_of(pid).into_iter().map(move |thread| (pid, thread));
    tree(pid).into_iter().flat_map(of).collect()
}

fn threads_of(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}
