//! The state of reading a master file.

use std::path::{Component, Path, PathBuf};

use super::record_head::RecordHead;
use crate::problem::{Location, Problems};
use crate::wire::name::Name;
use crate::wire::rtype;
use crate::zone::include::Include;
use crate::zone::rdata;
use crate::zone::records::ResourceRecord;
use crate::zone::token::{ParseError, Token};

/// Advice on a record without a TTL of its own, where neither `$TTL` nor an earlier record gives
/// one (RFC 2308 section 4).
const NO_TTL: &str = "write `$TTL 3600` at the top of the file, or a TTL into the record";

/// State of reading a master file with all files that it includes.
pub(super) struct ReaderState<'r> {
    pub(super) include: &'r mut dyn Include,
    pub(super) problems: &'r mut Problems,
    pub(super) records: Vec<ResourceRecord>,
    /// Files that are being read, each included by the one before.
    pub(super) open: Vec<PathBuf>,
    /// Whether a limit of `$INCLUDE` was exceeded. No more files are included then, as a file that
    /// includes itself twice would double the number of files at each level.
    pub(super) includes_stopped: bool,
    /// TTL of the last `$TTL` in seconds. A `$TTL` in an included file stays in effect after that
    /// file, as in BIND.
    pub(super) default_ttl: Option<u32>,
    /// TTL of the last record in seconds, which applies without `$TTL` (RFC 1035 section 5.1).
    pub(super) last_ttl: Option<u32>,
    /// Number of records that `$GENERATE` has made.
    pub(super) generated: usize,
    /// Length of the data of these records in presentation format, in octets.
    pub(super) generated_octets: usize,
    /// Length of all included files in octets; a file counts each time that it is included.
    pub(super) included_octets: usize,
    /// Buffer for RDATA, reused from record to record.
    pub(super) rdata: Vec<u8>,
}

/// What an entry passes on to the next entry of the same file. An included file starts with the
/// context of its `$INCLUDE`; its own changes end with it (RFC 1035 section 5.1).
#[derive(Clone)]
pub(super) struct EntryContext {
    /// Name that completes relative names.
    pub(super) origin: Name,
    /// Owner of the last record; `None` before the first record.
    pub(super) owner: Option<Name>,
}

impl<'r> ReaderState<'r> {
    /// The state at the start of a zone.
    pub(super) fn new(include: &'r mut dyn Include, problems: &'r mut Problems) -> Self {
        Self {
            include,
            problems,
            records: Vec::new(),
            open: Vec::new(),
            includes_stopped: false,
            default_ttl: None,
            last_ttl: None,
            generated: 0,
            generated_octets: 0,
            included_octets: 0,
            rdata: Vec::new(),
        }
    }

    /// Reads the data of a record, and adds the record.
    ///
    /// # Errors
    /// If the data is not valid for the type.
    pub(super) fn data(
        &mut self,
        head: &RecordHead,
        tokens: &[Token<'_>],
        owner: Name,
        location: &Location,
        origin: &Name,
    ) -> Result<(), ParseError> {
        self.rdata.clear();
        rdata::read(head.rtype, tokens, head.end, origin, &mut self.rdata)?;
        let Some(ttl) = head
            .ttl
            .or(self.default_ttl)
            .or(self.last_ttl)
            .or_else(|| self.ttl_of_soa(head, location))
        else {
            self.problems.error(location.clone(), "the record has no TTL", NO_TTL);
            return Ok(());
        };
        self.last_ttl = Some(ttl);
        let rdata = self.rdata.as_slice().into();
        let location = location.clone();
        self.records.push(ResourceRecord { owner, rtype: head.rtype, ttl, rdata, location });
        Ok(())
    }

    /// The TTL of a SOA record without any TTL: its MINIMUM, which was the default TTL before RFC
    /// 2308 (section 4). As in BIND, it becomes the default TTL of all further records.
    fn ttl_of_soa(&mut self, head: &RecordHead, location: &Location) -> Option<u32> {
        let minimum = self.rdata.last_chunk::<4>().filter(|_| head.rtype == rtype::SOA)?;
        let ttl = u32::from_be_bytes(*minimum).min(i32::MAX as u32);
        self.default_ttl = Some(ttl);
        self.problems.warning(
            location.clone(),
            format!(
                "the zone has no $TTL: the MINIMUM of its SOA record, {ttl} seconds, is used instead"
            ),
            format!("write `$TTL {ttl}` at the top of the file (RFC 2308 section 4)"),
        );
        Some(ttl)
    }
}

/// A path without `.`, and without `..` where the path itself names the directory before it.
/// Symbolic links are not followed.
pub(super) fn normalized(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        let within = matches!(out.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if within => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
