//! Prebuilt queries with what to expect of their answers, and the file that passes them to a load
//! process.

use std::fs;
use std::io;
use std::path::Path;

/// A query and what to expect of its answer.
pub struct ExpectedQuery {
    pub packet: Vec<u8>,
    /// The answer's RCODE.
    pub rcode: u8,
    /// Least number of records in the answer section, 0 or 1.
    pub least: u8,
}

/// Queries in one block of memory, sent over and over.
pub struct QuerySet {
    bytes: Vec<u8>,
    entries: Vec<QueryEntry>,
    turn: usize,
}

/// One query of a set.
#[derive(Clone, Copy)]
pub struct QueryEntry {
    start: u32,
    length: u16,
    pub rcode: u8,
    pub least: u8,
}

impl QuerySet {
    pub fn new(added: impl Iterator<Item = ExpectedQuery>) -> Self {
        let mut queries = Self { bytes: Vec::new(), entries: Vec::new(), turn: 0 };
        added.for_each(|query| queries.push(&query.packet, query.rcode, query.least));
        queries
    }

    fn push(&mut self, packet: &[u8], rcode: u8, least: u8) {
        let start = self.bytes.len() as u32;
        self.bytes.extend(packet);
        self.entries.push(QueryEntry { start, length: packet.len() as u16, rcode, least });
    }

    /// Sets DO in all queries, which have an OPT record behind the question (RFC 3225 section 3).
    pub fn set_dnssec_ok(&mut self) {
        for entry in &self.entries {
            let mut at = entry.start as usize + 12;
            while self.bytes[at] > 0 {
                at += usize::from(self.bytes[at]) + 1;
            }
            // The root label, type and class of the question; then of the OPT record: name, type,
            // size, extended RCODE, version.
            self.bytes[at + 1 + 4 + 7] |= 0x80;
        }
    }

    /// Writes for each query: its length in two octets, the RCODE, the least number of records, and
    /// the packet.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = Vec::with_capacity(self.bytes.len() + self.entries.len() * 4);
        for entry in &self.entries {
            file.extend(entry.length.to_be_bytes());
            file.extend([entry.rcode, entry.least]);
            file.extend(self.packet(*entry));
        }
        fs::write(path, file)
    }

    /// The inverse of [`QuerySet::write`].
    pub fn read(path: &Path) -> io::Result<Self> {
        let file = fs::read(path)?;
        let mut queries = Self::new(std::iter::empty());
        let mut rest = file.as_slice();
        while let [high, low, rcode, least, after @ ..] = rest {
            let (packet, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            queries.push(packet, *rcode, *least);
            rest = after;
        }
        Ok(queries)
    }

    /// Mean octets of a query.
    pub fn mean_octets(&self) -> f64 {
        self.bytes.len() as f64 / self.entries.len() as f64
    }

    /// Starts at another query, so that two loads with the same queries are not in step.
    pub fn start_at(&mut self, turn: usize) {
        self.turn = turn % self.entries.len();
    }

    /// The query that follows the next one by `ahead`.
    pub fn entry(&self, ahead: usize) -> QueryEntry {
        self.entries[(self.turn + ahead) % self.entries.len()]
    }

    pub fn packet(&self, entry: QueryEntry) -> &[u8] {
        let start = entry.start as usize;
        &self.bytes[start..start + usize::from(entry.length)]
    }

    pub fn set_id(&mut self, entry: QueryEntry, id: u16) {
        let start = entry.start as usize;
        self.bytes[start..start + 2].copy_from_slice(&id.to_be_bytes());
    }

    /// Skips `count` queries.
    pub fn advance(&mut self, count: usize) {
        self.turn = (self.turn + count) % self.entries.len();
    }
}
