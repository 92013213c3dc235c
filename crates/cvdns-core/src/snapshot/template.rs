//! Ready-made sections of answers: what stands behind the question, written once when a snapshot is compiled.
//!
//! A template is written behind a question for the zone's origin. Behind a longer name everything lies further back, and the
//! origin at the name's end does too, by as much: every compression pointer moves by that difference. Only the pointer to the
//! question's own name stays.

use crate::wire::writer::{MessageWriter, Owner};
use crate::wire::{HEADER, MAX_MESSAGE};
use crate::zone::records::Rrset;

/// A template's number.
pub type TemplateId = u32;

/// How many records each section has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answer section.
    pub answer: u16,
    /// Authority section.
    pub authority: u16,
    /// Additional section, without OPT.
    pub additional: u16,
}

/// One ready-made set of sections.
#[derive(Debug, Clone, Copy)]
pub struct Template<'t> {
    /// The records.
    pub octets: &'t [u8],
    /// Where in `octets` pointers stand that move with the question's length.
    pub pointers: &'t [u16],
    /// Length in octets of the name behind which it was written.
    pub origin_length: usize,
    /// How many records there are.
    pub counts: Counts,
}

/// All templates in one block.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    octets: Vec<u8>,
    pointers: Vec<u16>,
    entries: Vec<Entry>,
    /// Where messages are written before their length is known; kept between templates.
    scratch: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    octets: u32,
    pointers: u32,
    octets_length: u16,
    pointers_length: u16,
    counts: Counts,
    origin_length: u8,
}

/// A record of a template under construction.
pub struct Line<'r> {
    /// Its owner.
    pub owner: Owner<'r>,
    /// Type.
    pub rtype: u16,
    /// Class.
    pub class: u16,
    /// Time to live in seconds.
    pub ttl: u32,
    /// RDATA, uncompressed.
    pub rdata: &'r [u8],
}

/// The records of a template under construction, by section.
#[derive(Default)]
pub struct Sections<'r> {
    /// Answer section.
    pub answer: Vec<Line<'r>>,
    /// Authority section.
    pub authority: Vec<Line<'r>>,
    /// Additional section.
    pub additional: Vec<Line<'r>>,
}

impl<'r> Line<'r> {
    /// The lines of an `RRset` with this owner, in class IN.
    pub fn of(set: &Rrset<'r>, owner: Owner<'r>) -> impl Iterator<Item = Self> + use<'r> {
        let (rtype, ttl) = (set.rtype(), set.ttl());
        let line = move |rdata| Self { owner, rtype, class: crate::wire::class::IN, ttl, rdata };
        set.rdatas().map(line)
    }
}

impl Templates {
    /// Writes a template behind a question for `origin`; none when no message could hold it.
    pub fn add(&mut self, origin: &[u8], sections: &Sections<'_>) -> Option<TemplateId> {
        let mut message = std::mem::take(&mut self.scratch);
        message.resize(MAX_MESSAGE, 0);
        let question_end = HEADER + origin.len() + 4;
        message.get_mut(HEADER..HEADER + origin.len())?.copy_from_slice(origin);
        let mut pointers = Vec::new();
        let mut writer = MessageWriter::for_template(&mut message, question_end, &mut pointers);
        for line in sections.answer.iter().chain(&sections.authority).chain(&sections.additional) {
            writer.record(line.owner, line.rtype, line.class, line.ttl, line.rdata);
        }
        let end = writer.finish()?;
        let octets_start = u32::try_from(self.octets.len()).ok()?;
        let pointers_start = u32::try_from(self.pointers.len()).ok()?;
        self.octets.extend_from_slice(message.get(question_end..end)?);
        self.pointers.extend(pointers.iter().map(|at| at - question_end as u16));
        let count = |lines: &Vec<Line<'_>>| lines.len() as u16;
        self.entries.push(Entry {
            octets: octets_start,
            pointers: pointers_start,
            octets_length: (end - question_end) as u16,
            pointers_length: pointers.len() as u16,
            origin_length: origin.len() as u8,
            counts: Counts {
                answer: count(&sections.answer),
                authority: count(&sections.authority),
                additional: count(&sections.additional),
            },
        });
        self.scratch = message;
        Some(self.entries.len() as TemplateId - 1)
    }

    /// Gives back what only the writing needed.
    pub fn shrink(&mut self) {
        self.scratch = Vec::new();
        self.octets.shrink_to_fit();
        self.pointers.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// The template of this number.
    pub fn get(&self, id: TemplateId) -> Option<Template<'_>> {
        let entry = self.entries.get(id as usize)?;
        let (octets, pointers) = (entry.octets as usize, entry.pointers as usize);
        Some(Template {
            octets: self.octets.get(octets..octets + usize::from(entry.octets_length))?,
            pointers: self.pointers.get(pointers..pointers + usize::from(entry.pointers_length))?,
            origin_length: usize::from(entry.origin_length),
            counts: entry.counts,
        })
    }
}

impl Template<'_> {
    /// Writes the records at `at`, behind a question for a name of `name_length` octets; where they end.
    pub fn write(&self, buffer: &mut [u8], at: usize, name_length: usize) -> Option<usize> {
        let end = at + self.octets.len();
        let slot = buffer.get_mut(at..end)?;
        slot.copy_from_slice(self.octets);
        let shift = name_length.wrapping_sub(self.origin_length) as u16;
        if shift != 0 {
            for pointer in self.pointers {
                if let Some([high, low]) =
                    slot.get_mut(usize::from(*pointer)..).and_then(|rest| rest.first_chunk_mut())
                {
                    let moved = u16::from_be_bytes([*high, *low]).wrapping_add(shift);
                    [*high, *low] = moved.to_be_bytes();
                }
            }
        }
        Some(end)
    }
}
