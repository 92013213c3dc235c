//! Writer of records after a question, with name compression (RFC 1035 section 4.1.4).

use super::name::{MAX_NAME, parent, wire_length};
use super::rtype;

/// End of the offsets that become compression targets. Pointers have 14 bits, and a template's
/// pointers may still move by the length of a name (see [`MessageWriter::for_template`]).
const POINTER_LIMIT: usize = 0x4000 - 256;

/// Highest number of compression targets in a message.
const MAX_TARGETS: usize = 48;

/// How many labels at the end of QNAME become targets: those of the zone's name and a few more. A
/// long QNAME must not use up all targets.
const QUESTION_LABELS: usize = 12;

/// Highest number of labels of a name, without the root. Each label has at least two octets (RFC
/// 1035 section 2.3.4).
const MAX_LABELS: usize = MAX_NAME / 2;

/// The owner name of a record to write.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'n> {
    /// QNAME, written as a pointer to the question, which keeps the client's spelling.
    Question,
    /// A name in wire form.
    Name(&'n [u8]),
}

/// Writes records into a buffer that starts with a header and a question. Once the buffer has
/// proved too small, nothing more is written.
pub struct MessageWriter<'b> {
    buffer: &'b mut [u8],
    at: usize,
    overflow: bool,
    targets: [u16; MAX_TARGETS],
    target_count: usize,
    pointers: Option<&'b mut Vec<u16>>,
}

impl<'b> MessageWriter<'b> {
    /// Continues after the question, which starts after the header and ends at `question_end`.
    pub fn new(buffer: &'b mut [u8], question_end: usize) -> Self {
        let mut writer = Self {
            buffer,
            at: question_end,
            overflow: false,
            targets: [0; MAX_TARGETS],
            target_count: 0,
            pointers: None,
        };
        writer.add_question_targets(question_end);
        writer
    }

    /// As [`Self::new`], and appends to `pointers` the offset of each compression pointer whose
    /// target moves if labels are put in front of QNAME. [`Owner::Question`] always points at the
    /// start of QNAME, so its pointers are left out.
    pub fn for_template(
        buffer: &'b mut [u8],
        question_end: usize,
        pointers: &'b mut Vec<u16>,
    ) -> Self {
        let mut writer = Self::new(buffer, question_end);
        writer.pointers = Some(pointers);
        writer
    }

    /// Whether the buffer has proved too small, or writing was given up.
    pub fn overflowed(&self) -> bool {
        self.overflow
    }

    /// Length of what is written so far, in octets from the start of the message.
    pub fn length(&self) -> usize {
        self.at
    }

    /// Free space in octets.
    pub fn room(&self) -> usize {
        self.buffer.len().saturating_sub(self.at)
    }

    /// Stops writing, because what follows does not fit.
    pub fn give_up(&mut self) {
        self.overflow = true;
    }

    /// Length of the message in octets; `None` if the buffer was too small.
    pub fn finish(self) -> Option<usize> {
        (!self.overflow).then_some(self.at)
    }

    /// Writes a record. `rdata` is uncompressed; names in it are compressed where the type allows
    /// (RFC 3597 section 4).
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

    /// Compresses the names of the types of RFC 1035, which every decoder expects to be compressed.
    /// Other types are copied.
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

    /// Writes a name, compressed as far as earlier names allow. Its own labels become targets only
    /// once the name is complete: until then the octets after it belong to the client's query or to
    /// an earlier message.
    fn name(&mut self, wire: &[u8]) {
        let written = self.at;
        let mut targets = self.target_count;
        let mut rest = wire;
        // Each iteration removes a label.
        while rest.len() > 1 {
            if let Some(target) = self.target_of(rest, written) {
                if let Some(pointers) = &mut self.pointers {
                    pointers.push(self.at as u16);
                }
                self.octets(&(0xc000 | target).to_be_bytes());
                return self.complete(targets);
            }
            self.add_target(&mut targets, self.at);
            let Some(tail) = parent(rest) else { return self.give_up() };
            let (label, _) = rest.split_at(rest.len() - tail.len());
            self.octets(label);
            rest = tail;
        }
        self.octets(&[0]);
        self.complete(targets);
    }

    /// Makes the labels of a name that was written completely into targets.
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

    /// Adds the label at offset `at` to the targets of the current name, if there is room.
    fn add_target(&mut self, count: &mut usize, at: usize) {
        if at < POINTER_LIMIT
            && let Some(slot) = self.targets.get_mut(*count)
        {
            *slot = at as u16;
            *count += 1;
        }
    }

    /// Makes the last labels of QNAME into targets.
    fn add_question_targets(&mut self, question_end: usize) {
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
                self.add_target(&mut targets, at);
            }
            at += usize::from(self.buffer.get(at).copied().unwrap_or_default()) + 1;
        }
        self.target_count = targets;
    }
}

/// Whether the name at offset `at` of `message`, which may be compressed, equals `wire`. `message`
/// is what was written so far. The loop ends: each iteration removes a label from `wire`, or
/// follows a pointer to before the start of the current run of labels.
fn is_name_at(message: &[u8], mut at: usize, mut wire: &[u8]) -> bool {
    let mut run = at;
    loop {
        match (message.get(at).copied(), wire.first().copied()) {
            (Some(high @ 0xc0..), _) => {
                let Some(low) = message.get(at + 1) else { return false };
                at = usize::from(high & 0x3f) << 8 | usize::from(*low);
                if at >= run {
                    return false;
                }
                run = at;
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
