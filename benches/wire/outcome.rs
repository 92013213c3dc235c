//! The report of a load process.

use serde::{Deserialize, Serialize};

use crate::process::Spent;

/// Counts and costs of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub sent: u64,
    pub answered: u64,
    /// Answers to no query, or with an unexpected RCODE or too few records.
    pub wrong: u64,
    /// Seconds during which queries were sent.
    pub seconds: f64,
    /// Mean octets of an answer.
    pub octets: f64,
    pub server: Spent,
    pub load: Spent,
    pub latency: Latency,
}

/// Latencies as the client sees them, in nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    pub p50: u32,
    pub p99: u32,
    pub p999: u32,
    pub p9999: u32,
    pub max: u32,
    /// Share of answers within a millisecond, 0 to 1.
    pub within_1ms: f64,
}

impl Outcome {
    /// CPU time of the server per answer, in microseconds.
    pub fn cost(&self) -> f64 {
        self.server.cpu as f64 / 1e3 / self.answered.max(1) as f64
    }

    pub fn per_second(&self) -> f64 {
        self.answered as f64 / self.seconds
    }

    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.answered + self.wrong)
    }

    /// Share of queries with a correct answer, 0 to 1.
    pub fn answered_share(&self) -> f64 {
        self.answered as f64 / self.sent.max(1) as f64
    }
}

impl Latency {
    pub fn of(mut all: Vec<u32>) -> Self {
        if all.is_empty() {
            return Self::default();
        }
        all.sort_unstable();
        let last = all.len() - 1;
        let at = |of_10_000: usize| all[(last * of_10_000).div_ceil(10_000)];
        let within = all.partition_point(|nanoseconds| *nanoseconds <= 1_000_000);
        Self {
            p50: at(5_000),
            p99: at(9_900),
            p999: at(9_990),
            p9999: at(9_999),
            max: at(10_000),
            within_1ms: within as f64 / all.len() as f64,
        }
    }
}

/// The median.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    let middle = all.len() / 2;
    match all.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => all[middle],
        _ => f64::midpoint(all[middle - 1], all[middle]),
    }
}
