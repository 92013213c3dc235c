//! Writes records behind a question, with name compression (RFC 1035 section 4.1.4).

use super::name::{MAX_NAME, parent, wire_length};
use super::rtype;

/// Pointers hold 14 bits; below this bound one may still be moved by a name's length (see `MessageWriter::for_template`).
const POINTER_LIMIT: usize = 0x4000 - 256;

/// How many names are remembered as targets of compression.
const REMEMBERED: usize = 48;

/// How many of the question's labels, from its end, are targets: those of the zone's name and a few more. A long question must
/// not leave room for no other name.
const QUESTION_LABELS: usize = 12;

/// Most labels of a name, without the root: each has two octets at least (RFC 1035 section 2.3.4).
const MAX_LABELS: usize = MAX_NAME / 2;

/// Who owns a record that is written.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'n> {
    /// The question's name: two octets that point at it, so that its case is echoed.
    Question,
    /// A name in wire form.
    Name(&'n [u8]),
}

/// A message under construction behind its question.
pub struct MessageWriter<'b> {
    buffer: &'b mut [u8],
    at: usize,
    overflow: bool,
    targets: [u16; REMEMBERED],
    target_count: usize,
    pointers: Option<&'b mut Vec<u16>>,
}

impl<'b> MessageWriter<'b> {
    /// Goes on after the question that ends at `question_end` and whose name starts after the header.
    pub fn new(buffer: &'b mut [u8], question_end: usize) -> Self {
        let mut writer = Self {
            buffer,
            at: question_end,
            overflow: false,
            targets: [0; REMEMBERED],
            target_count: 0,
            pointers: None,
        };
        writer.take_question(question_end);
        writer
    }

    /// The same, noting in `pointers` where pointers stand that move when the question's name becomes longer in front.
    /// The pointer of [`Owner::Question`] never moves.
    pub fn for_template(
        buffer: &'b mut [u8],
        question_end: usize,
        pointers: &'b mut Vec<u16>,
    ) -> Self {
        let mut writer = Self::new(buffer, question_end);
        writer.pointers = Some(pointers);
        writer
    }

    /// Whether the buffer was too small already: nothing more is written.
    pub fn overflowed(&self) -> bool {
        self.overflow
    }

    /// Octets for which there is room yet.
    pub fn room(&self) -> usize {
        self.buffer.len().saturating_sub(self.at)
    }

    /// Ends the writing, as what is to come does not fit.
    pub fn give_up(&mut self) {
        self.overflow = true;
    }

    /// Octets written so far, from the start of the message; none when the buffer was too small.
    pub fn finish(self) -> Option<usize> {
        (!self.overflow).then_some(self.at)
    }

    /// Writes a record; `rdata` is uncompressed, and names in it are compressed where its type allows (RFC 3597 section 4).
    pub fn record(&mut self, owner: Owner<'_>, rtype: u16, class: u16, ttl: u32, rdata: &[u8]) {
        if self.overflow {
            return;
        }
        match owner {
            Owner::Question => self.octets(&[0xc0, super::HEADER as u8]),
            Owner::Name(wire) => self.name(wire),
        }
        self.octets(&rtype.to_be_bytes());
        self.octets(&class.to_be_bytes());
        self.octets(&ttl.to_be_bytes());
        let length_at = self.at;
        self.octets(&[0, 0]);
        self.rdata(rtype, rdata);
        let length = (self.at - length_at).saturating_sub(2) as u16;
        if let Some(slot) = self.buffer.get_mut(length_at..length_at + 2) {
            slot.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// The types of RFC 1035 whose names every decoder knows to be compressed; all others stand as they are.
    fn rdata(&mut self, rtype: u16, rdata: &[u8]) {
        let (names_at, names) = match rtype {
            rtype::NS | rtype::CNAME | rtype::PTR => (0, 1),
            rtype::MX => (2, 1),
            rtype::SOA => (0, 2),
            _ => return self.octets(rdata),
        };
        let (fixed, mut rest) = rdata.split_at(names_at.min(rdata.len()));
        self.octets(fixed);
        for _ in 0..names {
            let (name, tail) = rest.split_at(wire_length(rest).unwrap_or_default());
            self.name(name);
            rest = tail;
        }
        self.octets(rest);
    }

    /// Writes a name, as short as the names before it allow. Its own labels become targets once it is complete:
    /// until then the octets behind the last label are not ours (the client's query, or an earlier message).
    fn name(&mut self, wire: &[u8]) {
        let written = self.at;
        let mut targets = self.target_count;
        let mut rest = wire;
        // Each turn takes a label off.
        while rest.len() > 1 {
            if let Some(target) = self.target_of(rest, written) {
                if let Some(pointers) = &mut self.pointers {
                    pointers.push(self.at as u16);
                }
                self.octets(&(0xc000 | target).to_be_bytes());
                return self.complete(targets);
            }
            self.note_target(&mut targets, self.at);
            let Some(tail) = parent(rest) else { return self.give_up() };
            let (label, _) = rest.split_at(rest.len() - tail.len());
            self.octets(label);
            rest = tail;
        }
        self.octets(&[0]);
        self.complete(targets);
    }

    /// Takes the labels of a name that was written whole as targets.
    fn complete(&mut self, targets: usize) {
        if !self.overflow {
            self.target_count = targets;
        }
    }

    fn octets(&mut self, octets: &[u8]) {
        match self.buffer.get_mut(self.at..self.at + octets.len()) {
            Some(slot) => {
                slot.copy_from_slice(octets);
                self.at += octets.len();
            }
            None => self.overflow = true,
        }
    }

    fn target_of(&self, wire: &[u8], written: usize) -> Option<u16> {
        let targets = self.targets.get(..self.target_count)?;
        let message = self.buffer.get(..written)?;
        targets.iter().copied().find(|target| is_name_at(message, usize::from(*target), wire))
    }

    /// Keeps a label's place as a target of the name that is being written, when there is room.
    fn note_target(&mut self, count: &mut usize, at: usize) {
        if at < POINTER_LIMIT
            && let Some(slot) = self.targets.get_mut(*count)
        {
            *slot = at as u16;
            *count += 1;
        }
    }

    /// Takes the last labels of the question's name as targets.
    fn take_question(&mut self, question_end: usize) {
        let question = self.buffer.get(..question_end).unwrap_or_default();
        let label =
            |at: usize| question.get(at).copied().map(usize::from).filter(|length| *length > 0);
        let next = |at: usize| label(at).map(|length| at + length + 1);
        let starts = std::iter::successors(Some(super::HEADER), |at| next(*at)).take(MAX_LABELS);
        let count = starts.filter(|at| label(*at).is_some()).count();
        let mut at = super::HEADER;
        let mut targets = 0;
        for index in 0..count {
            if index + QUESTION_LABELS >= count {
                self.note_target(&mut targets, at);
            }
            at += usize::from(self.buffer.get(at).copied().unwrap_or_default()) + 1;
        }
        self.target_count = targets;
    }
}

/// Whether the (maybe compressed) name at `at` in `message`, which is what was written so far, is `wire`. It ends: each turn
/// takes a label off `wire`, or goes to a place before the one where the last stretch of labels began.
fn is_name_at(message: &[u8], mut at: usize, mut wire: &[u8]) -> bool {
    let mut stretch = at;
    loop {
        match (message.get(at).copied(), wire.first().copied()) {
            (Some(high @ 0xc0..), _) => {
                let Some(low) = message.get(at + 1) else { return false };
                at = usize::from(high & 0x3f) << 8 | usize::from(*low);
                if at >= stretch {
                    return false;
                }
                stretch = at;
            }
            (Some(0), Some(0)) => return true,
            (Some(length), Some(other)) if length == other => {
                let end = usize::from(length) + 1;
                match (message.get(at..at + end), wire.get(..end)) {
                    (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => {}
                    _ => return false,
                }
                at += end;
                wire = wire.get(end..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}
