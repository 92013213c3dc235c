//! Writes the aliases that lead to an answer, record by record.

use crate::decision::{Chain, Link, substitute};
use crate::snapshot::static_data::StaticData;
use crate::snapshot::template::SectionCounts;
use crate::wire::name::MAX_NAME;
use crate::wire::writer::{MessageWriter, Owner};
use crate::wire::{HEADER, class, rtype};
use crate::zone::records::{Rrset, target};

/// The name that the chain has led to so far, in its original case.
pub(super) struct CurrentName {
    octets: [u8; MAX_NAME],
    length: usize,
    /// Whether it is still the question's name, which is written as a pointer.
    question: bool,
}

impl CurrentName {
    pub(super) fn of_question(buffer: &[u8], question_end: usize) -> Option<Self> {
        let mut current = Self { octets: [0; MAX_NAME], length: 0, question: true };
        current.set(buffer.get(HEADER..question_end.checked_sub(4)?)?)?;
        Some(current)
    }

    fn set(&mut self, wire: &[u8]) -> Option<()> {
        self.octets.get_mut(..wire.len())?.copy_from_slice(wire);
        self.length = wire.len();
        Some(())
    }

    pub(super) fn wire(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    pub(super) fn owner(&self) -> Owner<'_> {
        if self.question { Owner::Question } else { Owner::Name(self.wire()) }
    }
}

/// Writes the links of a chain. Behind each one, `behind` may write more, and returns how many
/// records. `None` if the snapshot lacks one of the links.
pub(super) fn write_links(
    chain: &Chain,
    static_data: &StaticData,
    current: &mut CurrentName,
    writer: &mut MessageWriter<'_>,
    mut behind: impl FnMut(Link, &CurrentName, &mut MessageWriter<'_>) -> u16,
) -> Option<SectionCounts> {
    let mut counts = SectionCounts::default();
    for link in chain.links() {
        let set = static_data.rrset(link.rrset())?;
        let target = set.first().and_then(target)?;
        match link {
            Link::Cname(_) => {
                counts.answer += write_set(writer, current.owner(), &set);
                counts.answer += behind(link, current, writer);
                current.set(target)?;
            }
            Link::Dname(_) => {
                counts.answer += write_set(writer, Owner::Name(set.owner()), &set);
                counts.answer += behind(link, current, writer);
                let mut renamed = [0; MAX_NAME];
                let owner_length = set.owner().len();
                // A name that becomes too long ends the chain with YXDOMAIN (RFC 6672 section 2.2).
                let Some(length) = substitute(current.wire(), owner_length, target, &mut renamed)
                else {
                    break;
                };
                let renamed = renamed.get(..length)?;
                // The synthesized CNAME has the DNAME's TTL (RFC 6672 section 3.1).
                writer.record(current.owner(), rtype::CNAME, class::IN, set.ttl(), renamed);
                counts.answer += 1;
                current.set(renamed)?;
            }
        }
        current.question = false;
    }
    Some(counts)
}

/// Writes an `RRset` with another owner. Returns how many records it has.
pub(super) fn write_set(writer: &mut MessageWriter<'_>, owner: Owner<'_>, set: &Rrset<'_>) -> u16 {
    for rdata in set.rdatas() {
        if writer.overflowed() {
            break;
        }
        writer.record(owner, set.rtype(), class::IN, set.ttl(), rdata);
    }
    set.count()
}
