//! Steers datagrams to workers by the core on which the kernel handles them.

use libc::sock_filter;

/// The core of each worker, and the program by which the kernel steers datagrams to it.
///
/// A core has at most one worker of each listen address: the program maps a core to one socket, so
/// that a second worker would receive nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Steering {
    /// Cores by worker number, ascending and unique.
    cores: Vec<usize>,
}

/// Consecutive cores, whose workers are consecutive too.
struct CoreRange {
    first: usize,
    last: usize,
    /// The worker of the first core. Its number is at most that of the core.
    worker: usize,
}

impl Steering {
    /// Assigns one of `cores` to each of up to `workers` workers, in ascending order. `None` if
    /// there are no cores or no workers.
    pub(super) fn new(mut cores: Vec<usize>, workers: usize) -> Option<Self> {
        cores.sort_unstable();
        cores.dedup();
        cores.truncate(workers);
        (!cores.is_empty()).then_some(Self { cores })
    }

    /// The same for fewer workers, of which there is at least one.
    pub(super) fn limited_to(&self, workers: usize) -> Self {
        Self { cores: self.cores.iter().take(workers.max(1)).copied().collect() }
    }

    /// Number of workers that have a core.
    pub(super) fn workers(&self) -> usize {
        self.cores.len()
    }

    /// The core of a worker.
    pub(super) fn core(&self, worker: usize) -> Option<usize> {
        self.cores.get(worker).copied()
    }

    /// The program in classic BPF that chooses the socket of a group for each datagram.
    ///
    /// Datagrams that other cores handle are spread at random. Spreading them by core number would
    /// be uneven: a network card with one queue, handled by another core, would fill a single
    /// worker, and if every second core has a worker, half of the workers would receive nothing.
    ///
    /// Each range of consecutive cores takes up to two comparisons, and most machines have one
    /// range. A comparison per core would cost more than steering saves for the last of a hundred
    /// cores.
    pub(super) fn program(&self) -> Vec<sock_filter> {
        let mut program = vec![load(libc::SKF_AD_CPU)];
        for CoreRange { first, last, worker } in self.ranges() {
            program.extend([
                // Other cores pass all ranges in turn, as conditional jumps reach only 255
                // instructions.
                skip_unless(libc::BPF_JGE, first, 3),
                skip_if(libc::BPF_JGT, last, 2),
                arithmetic(libc::BPF_SUB, first.saturating_sub(worker)),
                result(),
            ]);
        }
        program.extend([
            load(libc::SKF_AD_RANDOM),
            arithmetic(libc::BPF_MOD, self.workers()),
            result(),
        ]);
        program
    }

    fn ranges(&self) -> impl Iterator<Item = CoreRange> {
        let rows = self.cores.chunk_by(|core, next| core.checked_add(1) == Some(*next));
        rows.scan(0_usize, |workers, row| {
            let worker = *workers;
            *workers = workers.saturating_add(row.len());
            Some(CoreRange { first: *row.first()?, last: *row.last()?, worker })
        })
    }
}

/// Loads a value that the kernel knows about the datagram.
fn load(ancillary: libc::c_int) -> sock_filter {
    let offset = libc::SKF_AD_OFF.wrapping_add(ancillary);
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset.cast_unsigned(), (0, 0))
}

/// Skips so many instructions if the comparison is true.
fn skip_if(comparison: u32, operand: usize, instructions: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_K | comparison, operand as u32, (instructions, 0))
}

/// Skips so many instructions if the comparison is false.
fn skip_unless(comparison: u32, operand: usize, instructions: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_K | comparison, operand as u32, (0, instructions))
}

/// Calculates with the loaded value.
fn arithmetic(operation: u32, operand: usize) -> sock_filter {
    instruction(libc::BPF_ALU | libc::BPF_K | operation, operand as u32, (0, 0))
}

/// Returns the loaded value as the number of the socket.
fn result() -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_A, 0, (0, 0))
}

// No value is truncated: codes have eight bits, and there are at most thousands of cores and
// workers.
fn instruction(code: u32, k: u32, (jt, jf): (u8, u8)) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

#[cfg(test)]
mod tests;
