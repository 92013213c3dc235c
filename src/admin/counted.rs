//! Counters as values, so that the server which replaces this one goes on with them.

use std::collections::BTreeMap;
use std::fmt::Error;

use prometheus_client::encoding::{CounterValueEncoder, EncodeCounterValue};
use serde::{Deserialize, Serialize};

/// The values of all counters, by name and labels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counted(BTreeMap<String, Vec<Series>>);

/// A counter with its labels, in the order of their encoding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Series {
    pub labels: Vec<(String, String)>,
    pub count: Count,
}

/// The value of a counter: whole numbers stay exact.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Count {
    Whole(u64),
    Part(f64),
}

impl Counted {
    /// Adds a counter.
    pub(super) fn add(&mut self, name: &str, series: Series) {
        match self.0.get_mut(name) {
            Some(list) => list.push(series),
            None => drop(self.0.insert(name.to_owned(), vec![series])),
        }
    }

    /// All counters of this name.
    pub(super) fn of(&self, name: &str) -> &[Series] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Count {
    pub(super) fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Self::Whole(one.saturating_add(other)),
            (one, other) => Self::Part(one.as_f64() + other.as_f64()),
        }
    }

    fn as_f64(self) -> f64 {
        match self {
            Self::Whole(count) => count as f64,
            Self::Part(count) => count,
        }
    }
}

impl From<u64> for Count {
    fn from(count: u64) -> Self {
        Self::Whole(count)
    }
}

impl From<f64> for Count {
    fn from(count: f64) -> Self {
        Self::Part(count)
    }
}

impl EncodeCounterValue for Count {
    fn encode(&self, encoder: &mut CounterValueEncoder<'_>) -> Result<(), Error> {
        match self {
            Self::Whole(count) => count.encode(encoder),
            Self::Part(count) => count.encode(encoder),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_the_same_after_they_were_handed_over() {
        let mut counted = Counted::default();
        let labels = vec![("mirror".to_owned(), "a.example".to_owned())];
        for count in [Count::from(u64::MAX), Count::from(0.1 + 0.2), Count::from(3.0)] {
            counted.add("mirror_answers", Series { labels: labels.clone(), count });
        }
        let text = serde_json::to_string(&counted).unwrap();
        assert_eq!(serde_json::from_str::<Counted>(&text).unwrap(), counted);
        assert_eq!(Count::from(2).plus(Count::from(3)), Count::Whole(5));
        assert_eq!(Count::from(2).plus(Count::from(0.5)), Count::Part(2.5));
    }
}
