//! What was asked and answered, in numbers.

use jiff::{SignedDuration, Timestamp};

use crate::format;

/// What was asked and answered.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// When the counts began.
    pub since: Timestamp,
    /// The time over which they were counted.
    pub whole: SignedDuration,
    /// The span of the latest rates, which ends now; `None` if no earlier counts are known.
    pub recent: Option<SignedDuration>,
    /// The counts.
    pub groups: Vec<CountGroup>,
    /// Open TCP connections.
    pub connections: u64,
}

/// Counts that belong together.
#[derive(Debug, Clone)]
pub struct CountGroup {
    /// What they have in common.
    pub name: &'static str,
    /// The counts.
    pub rows: Vec<CountRow>,
}

/// A count.
#[derive(Debug, Clone)]
pub struct CountRow {
    /// What is counted.
    pub name: String,
    /// The count since the start.
    pub total: u64,
    /// How much of it is of the latest span; `None` if that is not known.
    pub recent: Option<u64>,
}

impl Traffic {
    /// How many there were a second on average since the start.
    pub(super) fn average(&self, row: &CountRow) -> String {
        per_second(row.total, self.whole)
    }

    /// How many there were a second in the latest span.
    pub(super) fn latest(&self, row: &CountRow) -> String {
        match (row.recent, self.recent) {
            (Some(count), Some(span)) => per_second(count, span),
            _ => "–".to_owned(),
        }
    }

    /// The latest span as it follows "last": `minute`, `5 minutes`.
    pub(super) fn recent_words(&self) -> Option<String> {
        let span = self.recent.map(format::span)?;
        Some(span.strip_prefix("1 ").map(str::to_owned).unwrap_or(span))
    }
}

/// A rate: with a digit behind the point below 100, and with two below 1.
fn per_second(count: u64, span: SignedDuration) -> String {
    let seconds = span.as_secs_f64();
    if count == 0 || seconds <= 0.0 {
        return "0".to_owned();
    }
    let rate = count as f64 / seconds;
    match rate {
        ..0.01 => "<0.01".to_owned(),
        0.01..1.0 => format!("{rate:.2}"),
        1.0..100.0 => format!("{rate:.1}"),
        _ => {
            let millis = span.as_millis().unsigned_abs().max(1);
            let rounded = (u128::from(count) * 1000 + millis / 2) / millis;
            format::number(u64::try_from(rounded).unwrap_or(u64::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short() {
        for (count, seconds, text) in [
            (0, 10, "0"),
            (5, 0, "0"),
            (1, 1000, "<0.01"),
            (1, 4, "0.25"),
            (25, 10, "2.5"),
            (999, 10, "99.9"),
            (12_345_678, 10, "1\u{a0}234\u{a0}568"),
        ] {
            assert_eq!(per_second(count, SignedDuration::from_secs(seconds)), text);
        }
    }
}
