//! The input buffer of a TCP connection.

use std::ops::Range;

use cvdns_core::wire::MAX_MESSAGE;

use super::memory::{NoMemory, reserve};

/// Octets received on one connection: complete messages and the beginning of the next one.
///
/// The buffer starts small. It grows for long messages and for peers that send many at once, but
/// never beyond the longest message, and is small again once all messages are processed. So an idle
/// connection holds at most 512 octets, and others at most twice what the peer has sent.
#[derive(Debug, Default)]
pub struct Input {
    buffer: Vec<u8>,
    /// Start and end of the unprocessed octets in `buffer`.
    begin: usize,
    end: usize,
    /// Whether the last read filled the buffer, so that more octets may be waiting.
    read_filled: bool,
}

/// The length in front of a message is shorter than a header.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Octets of the length in front of a message (RFC 1035 section 4.2.2).
pub const PREFIX: usize = 2;
/// Octets of the header of a message. A shorter message is malformed.
const HEADER_SIZE: usize = 12;
/// Octets of the first buffer. Most connections send one query, which has less than 100.
const SMALL: usize = 512;
/// Octets of the largest buffer, which holds any message.
const LARGE: usize = PREFIX + MAX_MESSAGE;

impl Input {
    /// Whether there are no unprocessed octets.
    pub fn is_empty(&self) -> bool {
        self.begin == self.end
    }

    /// The free part of the buffer, to read into. It is never empty if [`Input::compact`] was
    /// called after the messages were processed.
    ///
    /// # Errors
    /// When a larger buffer is needed, and the system gives no memory for it.
    pub fn space(&mut self) -> Result<&mut [u8], NoMemory> {
        if self.end == self.buffer.len() || self.read_filled {
            let size = self.buffer.len().saturating_mul(2).clamp(SMALL, LARGE);
            let more = size.saturating_sub(self.buffer.len());
            reserve(&mut self.buffer, more)?;
            self.buffer.resize(size, 0);
            self.read_filled = false;
        }
        Ok(self.buffer.get_mut(self.end..).unwrap_or_default())
    }

    /// Records that `count` octets were read into the free part.
    pub fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.buffer.len());
        self.read_filled = self.end == self.buffer.len();
    }

    /// Takes the next message and returns its range; `None` while it is incomplete.
    ///
    /// # Errors
    /// When the length in front of the message is shorter than a header.
    pub fn next_message(&mut self) -> Result<Option<Range<usize>>, Malformed> {
        let held = self.buffer.get(self.begin..self.end).unwrap_or_default();
        let Some((prefix, rest)) = held.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*prefix));
        if length < HEADER_SIZE {
            return Err(Malformed);
        }
        if rest.len() < length {
            return Ok(None);
        }
        let begin = self.begin.saturating_add(PREFIX);
        self.begin = begin.saturating_add(length);
        Ok(Some(begin..self.begin))
    }

    /// The octets of a message, by the range from [`Input::next_message`].
    pub fn message(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Moves the unprocessed octets to the front. An empty buffer becomes small again.
    pub fn compact(&mut self) {
        if self.is_empty() {
            if self.buffer.len() > SMALL {
                *self = Self::default();
            }
            // All that came is processed: an idle connection needs no larger buffer.
            self.read_filled = false;
        } else if self.begin > 0 {
            self.buffer.copy_within(self.begin..self.end, 0);
        }
        self.end = self.end.saturating_sub(self.begin);
        self.begin = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds octets in reads of at most `most`, and returns the messages.
    fn through(input: &mut Input, octets: &[u8], most: usize) -> Vec<Vec<u8>> {
        let (mut rest, mut out) = (octets, Vec::new());
        while !rest.is_empty() {
            let space = input.space().unwrap();
            let count = space.len().min(rest.len()).min(most);
            let (now, later) = rest.split_at(count);
            space.get_mut(..count).unwrap().copy_from_slice(now);
            input.filled(count);
            rest = later;
            while let Some(range) = input.next_message().unwrap() {
                out.push(input.message(range).to_vec());
            }
            input.compact();
        }
        out
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        [&(message.len() as u16).to_be_bytes()[..], message].concat()
    }

    #[test]
    fn messages_of_any_length_come_out_as_they_went_in() {
        let messages: Vec<Vec<u8>> = [
            12, 13, 510, 511, 512, 513, 1022, 1023, 40, 65_534, 65_535, 12, 700, 65_535, 65_535, 33,
        ]
        .iter()
        .map(|length| (0..*length).map(|octet: usize| (octet % 251) as u8).collect())
        .collect();
        let sent: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
        for most in [1, 7, 512, 4096, usize::MAX] {
            let mut input = Input::default();
            assert_eq!(through(&mut input, &sent, most), messages, "{most} at a time");
            assert!(
                input.is_empty() && input.buffer.capacity() <= SMALL,
                "{}",
                input.buffer.capacity()
            );
        }
    }

    #[test]
    fn a_peer_that_sends_little_has_little_held() {
        let mut input = Input::default();
        for (sent, held) in
            [(12, SMALL), (600, 1024), (5000, 8192), (40_000, LARGE), (65_537, LARGE)]
        {
            let mut long = framed(&vec![7; 65_535]);
            long.truncate(sent - 1);
            let mut input_of = Input::default();
            assert!(through(&mut input_of, &long, usize::MAX).is_empty());
            assert!(
                input_of.buffer.capacity() <= held.max(SMALL),
                "{sent}: {}",
                input_of.buffer.capacity()
            );
        }
        assert_eq!(through(&mut input, &framed(&[1; 20]), 3).len(), 1);
        assert!(input.buffer.capacity() <= SMALL);
    }

    #[test]
    fn messages_that_just_fill_the_first_buffer_do_not_make_it_grow() {
        let mut input = Input::default();
        let messages = [framed(&[1; 200]), framed(&[2; SMALL - 200 - 2 * PREFIX])].concat();
        assert_eq!(messages.len(), SMALL);
        assert_eq!(through(&mut input, &messages, usize::MAX).len(), 2);
        assert_eq!(input.space().unwrap().len(), SMALL, "while the connection is idle");
    }

    #[test]
    fn a_length_shorter_than_a_header_is_malformed() {
        for length in [0, 1, 11] {
            let mut input = Input::default();
            input.space().unwrap().get_mut(..2).unwrap().copy_from_slice(&[0, length]);
            input.filled(2);
            assert_eq!(input.next_message(), Err(Malformed));
        }
    }
}
