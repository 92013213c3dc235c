//! Writes records behind a question, with name compression (RFC 1035 section 4.1.4).

use super::name::{parent, wire_length};
use super::rtype;

/// Pointers hold 14 bits; below this bound one may still be moved by a name's length (see `Writer::for_template`).
const POINTER_LIMIT: usize = 0x4000 - 256;

/// How many names are remembered as targets of compression.
const REMEMBERED: usize = 48;

/// How many of the question's labels, from its end, are targets: those of the zone's name and a few more. A long question must
/// not leave room for no other name.
const QUESTION_LABELS: usize = 12;

/// Who owns a record that is written.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'n> {
    /// The question's name: two octets that point at it, so that its case is echoed.
    Question,
    /// A name in wire form.
    Name(&'n [u8]),
}

/// A message under construction behind its question.
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    at: usize,
    overflow: bool,
    targets: [u16; REMEMBERED],
    target_count: usize,
    pointers: Option<&'b mut Vec<u16>>,
}

impl<'b> Writer<'b> {
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
        writer.remember_labels(super::HEADER);
        writer
    }

    /// The same, noting in `pointers` where pointers stand that move when the question's name becomes longer in front.
    /// The pointer of [`Owner::Question`] never moves.
    pub fn for_template(buffer: &'b mut [u8], question_end: usize, pointers: &'b mut Vec<u16>) -> Self {
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

    /// Writes a name, as short as what stands before it allows.
    fn name(&mut self, wire: &[u8]) {
        let mut rest = wire;
        while rest.len() > 1 {
            if let Some(target) = self.target_of(rest) {
                if let Some(pointers) = &mut self.pointers {
                    pointers.push(self.at as u16);
                }
                return self.octets(&(0xc000 | target).to_be_bytes());
            }
            self.remember(self.at);
            let Some(tail) = parent(rest) else { return };
            let (label, _) = rest.split_at(rest.len() - tail.len());
            self.octets(label);
            rest = tail;
        }
        self.octets(&[0]);
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

    fn target_of(&self, wire: &[u8]) -> Option<u16> {
        let targets = self.targets.get(..self.target_count)?;
        targets.iter().copied().find(|target| self.same_name(usize::from(*target), wire))
    }

    /// Whether the (maybe compressed) name at `at` is `wire`. Pointers written here only lead backwards: it ends.
    fn same_name(&self, mut at: usize, mut wire: &[u8]) -> bool {
        loop {
            match (self.buffer.get(at).copied(), wire.first().copied()) {
                (Some(high @ 0xc0..), _) => match self.buffer.get(at + 1) {
                    Some(low) => at = usize::from(high & 0x3f) << 8 | usize::from(*low),
                    None => return false,
                },
                (Some(0), Some(0)) => return true,
                (Some(length), Some(other)) if length == other => {
                    let end = usize::from(length) + 1;
                    match (self.buffer.get(at..at + end), wire.get(..end)) {
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

    fn remember(&mut self, at: usize) {
        if at < POINTER_LIMIT
            && let Some(slot) = self.targets.get_mut(self.target_count)
        {
            *slot = at as u16;
            self.target_count += 1;
        }
    }

    fn remember_labels(&mut self, first: usize) {
        let label = |at: &usize| self.buffer.get(*at).copied().filter(|length| (1..=63).contains(length));
        let next = |at: &usize| label(at).map(|length| at + usize::from(length) + 1);
        let count = std::iter::successors(Some(first), next).filter(|at| label(at).is_some()).count();
        let mut at = first;
        for index in 0..count {
            if index + QUESTION_LABELS >= count {
                self.remember(at);
            }
            at += usize::from(self.buffer.get(at).copied().unwrap_or_default()) + 1;
        }
    }
}
