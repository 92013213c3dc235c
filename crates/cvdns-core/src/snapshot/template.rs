//! Templates: sections of responses in wire form, written once when a snapshot is compiled.
//!
//! A template is written to follow a question for the zone's origin. After a longer question name,
//! the records move by the difference in length, and so does the origin at the end of that name.
//! Every compression pointer therefore changes by that difference, except for pointers to the
//! question name itself.

use crate::wire::writer::{MessageWriter, Owner};
use crate::wire::{HEADER, MAX_MESSAGE, rtype};
use crate::zone::records::Rrset;

/// Number of a template.
pub type TemplateId = u32;

/// Number of records in each section.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SectionCounts {
    /// Answer section.
    pub answer: u16,
    /// Authority section.
    pub authority: u16,
    /// Additional section, without OPT.
    pub additional: u16,
}

/// The sections of one response in wire form.
#[derive(Debug, Clone, Copy)]
pub struct Template<'t> {
    /// The records of all sections.
    pub octets: &'t [u8],
    /// Offsets in `octets` of the compression pointers that depend on the length of the question.
    pub pointers: &'t [u16],
    /// Length in octets of the question name that the records were written to follow.
    pub origin_length: usize,
    /// Number of records in each section.
    pub counts: SectionCounts,
    /// Whether the last record is a SOA record, whose serial may have to be replaced.
    pub ends_with_soa: bool,
}

/// Templates, stored one after the other.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    octets: Vec<u8>,
    pointers: Vec<u16>,
    entries: Vec<TemplateEntry>,
    /// Buffer in which templates are written, kept between them.
    scratch: Vec<u8>,
}

/// Where the parts of a template are.
#[derive(Debug, Clone, Copy)]
struct TemplateEntry {
    octets: u32,
    pointers: u32,
    octets_length: u16,
    pointers_length: u16,
    counts: SectionCounts,
    origin_length: u8,
    ends_with_soa: bool,
}

/// A record of a template under construction.
pub struct TemplateRecord<'r> {
    /// Owner name.
    pub owner: Owner<'r>,
    /// Record type.
    pub rtype: u16,
    /// Class.
    pub class: u16,
    /// Time to live in seconds.
    pub ttl: u32,
    /// RDATA without compression.
    pub rdata: &'r [u8],
}

/// The records of a template under construction, by section.
#[derive(Default)]
pub struct Sections<'r> {
    /// Answer section.
    pub answer: Vec<TemplateRecord<'r>>,
    /// Authority section.
    pub authority: Vec<TemplateRecord<'r>>,
    /// Additional section.
    pub additional: Vec<TemplateRecord<'r>>,
}

impl<'r> TemplateRecord<'r> {
    /// The records of an `RRset` in class IN, with `owner` as their owner name.
    pub fn of(set: &Rrset<'r>, owner: Owner<'r>) -> impl Iterator<Item = Self> + use<'r> {
        let (rtype, ttl) = (set.rtype(), set.ttl());
        let record = move |rdata| Self { owner, rtype, class: crate::wire::class::IN, ttl, rdata };
        set.rdatas().map(record)
    }
}

impl<'r> Sections<'r> {
    /// The records of all sections, in their order.
    fn records(&self) -> impl DoubleEndedIterator<Item = &TemplateRecord<'r>> {
        self.answer.iter().chain(&self.authority).chain(&self.additional)
    }

    fn last(&self) -> Option<&TemplateRecord<'r>> {
        self.records().next_back()
    }
}

impl Templates {
    /// Writes a template that follows a question for `origin`; `None` when it is too long for a
    /// message.
    pub fn add(&mut self, origin: &[u8], sections: &Sections<'_>) -> Option<TemplateId> {
        let mut message = std::mem::take(&mut self.scratch);
        message.resize(MAX_MESSAGE, 0);
        let question_end = HEADER + origin.len() + 4;
        message.get_mut(HEADER..HEADER + origin.len())?.copy_from_slice(origin);
        let mut pointers = Vec::new();
        let mut writer = MessageWriter::for_template(&mut message, question_end, &mut pointers);
        for record in sections.records() {
            writer.record(record.owner, record.rtype, record.class, record.ttl, record.rdata);
        }
        let end = writer.finish()?;
        let octets_start = u32::try_from(self.octets.len()).ok()?;
        let pointers_start = u32::try_from(self.pointers.len()).ok()?;
        self.octets.extend_from_slice(message.get(question_end..end)?);
        self.pointers.extend(pointers.iter().map(|at| at - question_end as u16));
        let count = |records: &Vec<TemplateRecord<'_>>| records.len() as u16;
        self.entries.push(TemplateEntry {
            octets: octets_start,
            pointers: pointers_start,
            octets_length: (end - question_end) as u16,
            pointers_length: pointers.len() as u16,
            origin_length: origin.len() as u8,
            ends_with_soa: sections.last().is_some_and(|last| last.rtype == rtype::SOA),
            counts: SectionCounts {
                answer: count(&sections.answer),
                authority: count(&sections.authority),
                additional: count(&sections.additional),
            },
        });
        self.scratch = message;
        Some(self.entries.len() as TemplateId - 1)
    }

    /// Frees memory that only [`Templates::add`] needs.
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
            ends_with_soa: entry.ends_with_soa,
        })
    }
}

impl Template<'_> {
    /// Writes the records at `at`, after a question for a name of `name_length` octets. Returns
    /// where they end; `None` when they do not fit into `buffer`.
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
