//! The server's memory over time.

use crate::shared::Counts;
use crate::support::memory::Memory;

/// Samples of the server's memory, one for each second.
pub(crate) struct Samples {
    /// Seconds until the server is warm.
    warm: u64,
    /// Seconds until the end of the test.
    end: u64,
    taken: Vec<(u64, Memory)>,
}

/// A figure of a sample.
type Figure = fn(&Memory) -> u64;

/// The ratio that memory may grow by from the first part to the last one.
const GROWTH: f64 = 1.02;

/// KiB that it may grow by besides in a short test: reloads and feeds move it up and down by a
/// megabyte, which the mean of a few seconds does not even out. A leak of an octet for each query
/// would be twice as much in a minute.
const SLACK: f64 = 1024.0;

/// Seconds from which a test is long. The server then remembers as many releases (512) as it ever
/// will when it is taken for warm.
const LONG: u64 = 1200;

/// Parts of the time after the server is warm. Each is longer than the time from one reload to the
/// next, during which memory goes up and down.
const PARTS: u64 = 3;

/// Seconds from one sample that is printed to the next.
const PRINTED: u64 = 10;

/// What is compared: the pages of the program that happen to be in memory included, as those who
/// watch a server see them.
const COMPARED: [(&str, Figure); 2] =
    [("resident", |memory| memory.resident), ("proportional", |memory| memory.proportional)];

impl Samples {
    /// For a test that ends after so many seconds, of a server that is warm after others.
    pub(crate) fn new(warm: u64, end: u64) -> Self {
        Self { warm, end, taken: Vec::new() }
    }

    /// Takes a sample at this second.
    pub(crate) fn take(&mut self, second: u64, pid: u32, counts: &Counts) {
        let memory = Memory::of(pid);
        let last = self.taken.last().map_or(0, |(second, _)| *second);
        if last / PRINTED != second / PRINTED {
            println!("{second:>5} s: {memory}; {counts}");
        }
        self.taken.push((second, memory));
    }

    /// Fails if the mean of the last part is more than 2 % over that of the first.
    pub(crate) fn assert_flat(&self) {
        let part = (self.end - self.warm) / PARTS;
        let figures = [("anonymous", (|memory| memory.anonymous) as Figure)];
        let slack = if self.end < LONG { SLACK } else { 0.0 };
        for (name, figure) in figures.into_iter().chain(COMPARED) {
            let first = self.mean(self.warm, part, figure);
            let last = self.mean(self.end - part, part, figure);
            println!("{name}: {first:.0} KiB when it was warm, {last:.0} in the end");
            let is_flat = last <= first.mul_add(GROWTH, slack);
            let is_compared = COMPARED.iter().any(|(compared, _)| *compared == name);
            assert!(is_flat || !is_compared, "memory grew: {:#?}", self.taken);
        }
    }

    fn mean(&self, from: u64, part: u64, figure: Figure) -> f64 {
        let taken = self.taken.iter().filter(|(second, _)| (from..=from + part).contains(second));
        let figures: Vec<f64> = taken.map(|(_, memory)| figure(memory) as f64).collect();
        figures.iter().sum::<f64>() / figures.len() as f64
    }
}
