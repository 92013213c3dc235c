//! The words for answers from further along a path, ready to be sent.

use std::collections::HashMap;

/// Texts of extended errors, each once, and which answer has which.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// One for each answer and address family; 0: none.
    of: Vec<u16>,
    /// What stands at 1 and on.
    texts: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u16>,
}

/// Longest text in octets: an extended error is for people, and must not push addresses out of an answer.
const LONGEST: usize = 120;

impl Notes {
    /// Notes for this many answers, none of which has one.
    pub(super) fn none(answers: usize) -> Self {
        Self { of: vec![0; 2 * answers], ..Self::default() }
    }

    /// Gives an answer its words; `code` is the extended error's (RFC 8914 section 5.2).
    pub(super) fn set(&mut self, answer: usize, ipv6: bool, code: u16, words: &str) {
        let text = words.as_bytes().iter().take(LONGEST);
        let data: Box<[u8]> = code.to_be_bytes().iter().chain(text).copied().collect();
        let next = self.texts.len() + 1;
        let number = if let Some(number) = self.numbers.get(&data) {
            *number
        } else {
            let Ok(next) = u16::try_from(next) else { return };
            self.texts.push(data.clone());
            self.numbers.insert(data, next);
            next
        };
        if let Some(slot) = self.of.get_mut(place(answer, ipv6)) {
            *slot = number;
        }
    }

    /// The data of an answer's extended error: code and words.
    pub(super) fn get(&self, answer: usize, ipv6: bool) -> Option<&[u8]> {
        let number = self.of.get(place(answer, ipv6)).copied().filter(|number| *number > 0)?;
        self.texts.get(usize::from(number) - 1).map(|text| &**text)
    }

    /// Gives up what only making them needs.
    pub(super) fn shrink(&mut self) {
        self.numbers = HashMap::new();
    }
}

fn place(answer: usize, ipv6: bool) -> usize {
    2 * answer + usize::from(ipv6)
}
