//! The counts that the page has shown: the server keeps no rates.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;

use cvdns_pages::operator::CountGroup;

/// The counts that were shown before.
#[derive(Debug, Default)]
pub(super) struct TrafficMemory(Mutex<VecDeque<Sample>>);

#[derive(Debug, Clone)]
struct Sample {
    taken: Instant,
    groups: Vec<CountGroup>,
}

/// The span that rates are best of.
const SPAN: Duration = Duration::from_secs(60);

/// Samples this close are not both kept, and no rate is of a shorter span.
const APART: Duration = Duration::from_secs(2);

/// How long a sample is kept.
const KEPT: Duration = Duration::from_secs(900);

/// Most samples that are kept.
const SAMPLES: usize = 64;

impl TrafficMemory {
    /// Notes these counts, and adds how much of each is of the latest span. Returns the span;
    /// `None` if no earlier counts are known.
    pub(super) fn compare(
        &self,
        groups: &mut [CountGroup],
        now: Instant,
    ) -> Option<SignedDuration> {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = |sample: &Sample| now.saturating_duration_since(sample.taken);
        samples.retain(|sample| age(sample) <= KEPT);
        let usable = samples.iter().filter(|sample| age(sample) >= APART);
        let before = usable.min_by_key(|sample| age(sample).abs_diff(SPAN)).cloned();
        if samples.back().is_none_or(|last| age(last) >= APART) {
            samples.push_back(Sample { taken: now, groups: groups.to_vec() });
        }
        if samples.len() > SAMPLES {
            samples.pop_front();
        }
        drop(samples);
        let before = before?;
        for group in groups {
            for row in &mut group.rows {
                row.recent = Some(row.total.saturating_sub(before.total(group.name, &row.name)));
            }
        }
        SignedDuration::try_from(age(&before)).ok()
    }
}

impl Sample {
    /// A count of the sample; what it does not have had not been counted yet.
    fn total(&self, group: &str, row: &str) -> u64 {
        let group = self.groups.iter().find(|known| known.name == group);
        let row = group.and_then(|group| group.rows.iter().find(|known| known.name == row));
        row.map(|row| row.total).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_pages::operator::CountRow;

    #[test]
    fn growth_is_of_about_the_last_minute() {
        let memory = TrafficMemory::default();
        let begin = Instant::now();
        let looked = |seconds: u64, total: u64| {
            let row = CountRow { name: "answers".to_owned(), total, recent: None };
            let mut groups = [CountGroup { name: "all", rows: vec![row] }];
            let span = memory.compare(&mut groups, begin + Duration::from_secs(seconds));
            (span.map(|span| span.as_secs()), groups[0].rows[0].recent)
        };
        assert_eq!(looked(0, 100), (None, None));
        assert_eq!(looked(1, 110), (None, None), "too short a span");
        assert_eq!(looked(10, 200), (Some(10), Some(100)));
        assert_eq!(looked(65, 900), (Some(65), Some(800)));
        assert_eq!(looked(75, 1000), (Some(65), Some(800)), "since second 10");
        assert_eq!(looked(2000, 5000), (None, None), "all that was seen is long ago");
        for second in 2001..2400 {
            looked(second, 5000);
        }
        assert!(memory.0.lock().unwrap().len() <= SAMPLES);
    }
}
