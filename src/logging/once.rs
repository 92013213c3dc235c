//! Messages about lasting conditions: each is logged when it appears, not each time it is found.

use std::collections::HashSet;
use std::hash::Hash;

/// The messages of one kind that hold now, all of which have been logged.
#[derive(Debug)]
pub struct LogOnce<T = String> {
    current: Vec<T>,
}

/// What changed from one look to the next, each list in the order in which it was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Changes<T> {
    /// Messages that did not hold before.
    pub new: Vec<T>,
    /// Messages that no longer hold.
    pub gone: Vec<T>,
}

impl<T> Default for LogOnce<T> {
    fn default() -> Self {
        Self { current: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> LogOnce<T> {
    /// Replaces the messages that hold, and returns what changed.
    pub fn update(&mut self, current: impl IntoIterator<Item = T>) -> Changes<T> {
        let current: Vec<T> = current.into_iter().collect();
        let changes = Changes {
            new: difference(&current, &self.current),
            gone: difference(&self.current, &current),
        };
        self.current = current;
        changes
    }

    /// Makes `message` the only one that holds. Returns whether it is new, and so to be logged.
    pub fn is_new(&mut self, message: T) -> bool {
        !self.update([message]).new.is_empty()
    }

    /// Drops all messages. Returns whether there were any.
    pub fn clear(&mut self) -> bool {
        !std::mem::take(&mut self.current).is_empty()
    }

    /// The messages that hold.
    pub fn current(&self) -> &[T] {
        &self.current
    }
}

/// The items of `list` that are not among `others`.
fn difference<T: Clone + Eq + Hash>(list: &[T], others: &[T]) -> Vec<T> {
    let others: HashSet<&T> = others.iter().collect();
    list.iter().filter(|item| !others.contains(item)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_new_once_until_it_has_gone() {
        let mut once = LogOnce::default();
        assert_eq!(once.update(["b", "a"]), Changes { new: vec!["b", "a"], gone: vec![] });
        assert_eq!(once.update(["a", "b"]), Changes { new: vec![], gone: vec![] });
        assert_eq!(once.update(["c", "a"]), Changes { new: vec!["c"], gone: vec!["b"] });
        assert_eq!(once.current(), ["c", "a"]);
        assert!(once.clear() && !once.clear());
        assert_eq!(once.update(["a"]), Changes { new: vec!["a"], gone: vec![] });
    }

    #[test]
    fn a_single_message_is_new_when_it_differs() {
        let mut once = LogOnce::default();
        assert!(once.is_new("refused") && !once.is_new("refused") && once.is_new("closed"));
        assert!(once.is_new("refused") && once.clear() && once.is_new("refused"));
    }
}
