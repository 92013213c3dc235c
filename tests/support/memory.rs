//! How much memory a process holds.

use std::fmt;

/// Memory of a process, in KiB (proc(5)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All pages that are in memory.
    pub resident: u64,
    /// Pages that no file backs: heap, stacks and buffers. Those of the program's own file come and
    /// go with the pages that happen to be used.
    pub anonymous: u64,
    /// Resident pages, those shared with other processes divided among them.
    pub proportional: u64,
    /// The heap that grows at its end (`[heap]`).
    pub heap: u64,
}

impl Memory {
    /// That of a running process, which must belong to the caller.
    pub fn of(pid: u32) -> Self {
        let read = |name: &str| {
            std::fs::read_to_string(format!("/proc/{pid}/{name}")).expect("a running process")
        };
        let (status, rollup, maps) = (read("status"), read("smaps_rollup"), read("smaps"));
        let heap = maps.split_once("[heap]").map(|(_, heap)| heap);
        Self {
            resident: kib(&status, "VmRSS:"),
            anonymous: kib(&status, "RssAnon:") + kib(&status, "RssShmem:"),
            proportional: kib(&rollup, "Pss:"),
            heap: heap.map_or(0, |heap| kib(heap, "Rss:")),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resident, anonymous, proportional, heap } = self;
        write!(
            f,
            "resident {resident} KiB, anonymous {anonymous}, proportional {proportional}, heap {heap}"
        )
    }
}

/// The first figure with this key.
fn kib(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("a figure");
    line.trim().trim_end_matches(" kB").parse().expect("KiB")
}
