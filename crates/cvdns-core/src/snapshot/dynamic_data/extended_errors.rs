//! The extended errors of answers from a later pool of a path (RFC 8914), in wire form.

use std::collections::HashMap;

/// Distinct extended errors, and which answer has which.
#[derive(Debug, Default)]
pub(super) struct ExtendedErrors {
    /// For each answer and address family, the position of its error in `data`, from 1; 0 for no
    /// error.
    of_answer: Vec<u16>,
    /// INFO-CODE and EXTRA-TEXT of each distinct error (RFC 8914 section 2).
    data: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u16>,
}

/// Longest EXTRA-TEXT in octets: it must not push addresses out of an answer.
const LONGEST: usize = 120;

impl ExtendedErrors {
    /// No errors yet, for this many answers.
    pub(super) fn new(answers: usize) -> Self {
        Self { of_answer: vec![0; 2 * answers], ..Self::default() }
    }

    /// Sets the error of an answer; `code` is its INFO-CODE (RFC 8914 section 5.2).
    pub(super) fn set(&mut self, answer: usize, ipv6: bool, code: u16, extra_text: &str) {
        let text = extra_text.as_bytes().iter().take(LONGEST);
        let data: Box<[u8]> = code.to_be_bytes().iter().chain(text).copied().collect();
        let next = self.data.len() + 1;
        let number = if let Some(number) = self.numbers.get(&data) {
            *number
        } else {
            let Ok(next) = u16::try_from(next) else { return };
            self.data.push(data.clone());
            self.numbers.insert(data, next);
            next
        };
        if let Some(slot) = self.of_answer.get_mut(index(answer, ipv6)) {
            *slot = number;
        }
    }

    /// INFO-CODE and EXTRA-TEXT of the error of an answer; `None` when it has none.
    pub(super) fn get(&self, answer: usize, ipv6: bool) -> Option<&[u8]> {
        let number =
            self.of_answer.get(index(answer, ipv6)).copied().filter(|number| *number > 0)?;
        self.data.get(usize::from(number) - 1).map(|data| &**data)
    }

    /// Frees what only [`ExtendedErrors::set`] needs.
    pub(super) fn shrink(&mut self) {
        self.numbers = HashMap::new();
    }
}

fn index(answer: usize, ipv6: bool) -> usize {
    2 * answer + usize::from(ipv6)
}
