//! Which worker is given a datagram, by the core on which the kernel handles it.

use libc::sock_filter;

/// The core of each worker, and the program by which the kernel steers datagrams to it.
///
/// A core has one worker of each listen address and no more: the kernel is told one socket for each core, so
/// that a second worker there would hear nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Steering {
    /// By worker. Ascending, each one once.
    cores: Vec<usize>,
}

/// Cores next to each other, the workers of which are, too.
struct Run {
    first: usize,
    last: usize,
    /// The worker of the first core; of the same or a lower number.
    worker: usize,
}

impl Steering {
    /// Gives each of up to `workers` workers one of `cores`, in ascending order; `None` when there are none.
    pub(super) fn new(mut cores: Vec<usize>, workers: usize) -> Option<Self> {
        cores.sort_unstable();
        cores.dedup();
        cores.truncate(workers);
        (!cores.is_empty()).then_some(Self { cores })
    }

    /// How many workers have a core.
    pub(super) fn workers(&self) -> usize {
        self.cores.len()
    }

    /// The core of a worker.
    pub(super) fn core(&self, worker: usize) -> Option<usize> {
        self.cores.get(worker).copied()
    }

    /// The program that tells the kernel which of a group's sockets gets a datagram, in classic BPF.
    ///
    /// Datagrams that other cores handle are spread at random. By the number of the core would be uneven: a card
    /// whose one queue is handled elsewhere would fill one worker, and where every other core is ours, half of
    /// the workers would get nothing.
    ///
    /// A comparison or two for each row of neighbouring cores: most machines have one, while one for each core
    /// would cost the last of a hundred cores more than what steering is to save.
    pub(super) fn program(&self) -> Vec<sock_filter> {
        let mut program = vec![load(libc::SKF_AD_CPU)];
        for Run { first, last, worker } in self.runs() {
            program.extend([
                // What is in no row falls through all of them: conditional jumps reach 255 instructions only.
                otherwise_skip(libc::BPF_JGE, first, 3),
                skip(libc::BPF_JGT, last, 2),
                alter(libc::BPF_SUB, first.saturating_sub(worker)),
                result(),
            ]);
        }
        program.extend([load(libc::SKF_AD_RANDOM), alter(libc::BPF_MOD, self.workers()), result()]);
        program
    }

    fn runs(&self) -> impl Iterator<Item = Run> {
        let rows = self.cores.chunk_by(|core, next| core.checked_add(1) == Some(*next));
        rows.scan(0_usize, |workers, row| {
            let worker = *workers;
            *workers = workers.saturating_add(row.len());
            Some(Run { first: *row.first()?, last: *row.last()?, worker })
        })
    }
}

/// Loads what the kernel knows of the datagram beside its bytes.
fn load(ancillary: libc::c_int) -> sock_filter {
    let offset = libc::SKF_AD_OFF.wrapping_add(ancillary);
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset.cast_unsigned(), (0, 0))
}

/// Passes over as many instructions as told if the comparison holds.
fn skip(comparison: u32, operand: usize, instructions: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_K | comparison, operand as u32, (instructions, 0))
}

/// Passes over as many instructions as told unless the comparison holds.
fn otherwise_skip(comparison: u32, operand: usize, instructions: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_K | comparison, operand as u32, (0, instructions))
}

/// Changes what is loaded.
fn alter(operation: u32, operand: usize) -> sock_filter {
    instruction(libc::BPF_ALU | libc::BPF_K | operation, operand as u32, (0, 0))
}

/// Ends with what is loaded as the number of the socket.
fn result() -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_A, 0, (0, 0))
}

// Codes have eight bits; cores and workers are counted in thousands.
fn instruction(code: u32, k: u32, (jt, jf): (u8, u8)) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

#[cfg(test)]
mod tests;
