//! A version of a zone that was transferred: its text, and what reading that gives.

use std::fmt::Write as _;
use std::net::SocketAddr;

use jiff::Timestamp;

use super::connection::Failure;
use crate::export::presentation;
use crate::load::{MAX_COPY, parse_transferred};
use cvdns_core::problem::Problems;
use cvdns_core::zone::Records;
use cvdns_transfer::incoming::ZoneContent;

/// A newer version of a zone.
#[derive(Debug)]
pub(crate) struct NewVersion {
    /// The serial.
    pub serial: u32,
    /// The primary that it came from.
    pub primary: SocketAddr,
    /// How it was transferred.
    pub way: Way,
    /// The master file to keep.
    pub text: Vec<u8>,
    /// What that file says, as far as it can be read.
    pub records: Records,
    /// What is wrong with it. With an error, the version is not to be served.
    pub problems: Problems,
}

/// How a version was transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The whole zone.
    Axfr,
    /// The differences.
    Ixfr,
}

impl Way {
    /// The QTYPE that brought it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Axfr => "axfr",
            Self::Ixfr => "ixfr",
        }
    }
}

impl NewVersion {
    /// Reads what was transferred as a file is read. `path` is that of the file to be.
    pub(super) fn of(
        content: &ZoneContent,
        primary: SocketAddr,
        way: Way,
        path: &str,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let text = text(content, primary, way, now);
        if text.len() as u64 > MAX_COPY {
            let what = format!("the text of the zone is over {} MiB", MAX_COPY >> 20);
            return Err(Failure::new("too-large", what));
        }
        let text = text.into_bytes();
        let mut problems = Problems::default();
        let records = parse_transferred(path, &text, content.zone(), &mut problems);
        Ok(Self { serial: content.serial(), primary, way, text, records, problems })
    }
}

/// The zone as a master file.
fn text(content: &ZoneContent, primary: SocketAddr, way: Way, now: Timestamp) -> String {
    let mut out = format!(
        "; The zone {}, serial {}, transferred from {primary} ({}) at {now:.0}.\n\
         ; cvdns replaces this file: changes belong into the zone of the primary.\n",
        content.zone(),
        content.serial(),
        way.label(),
    );
    for record in content.records() {
        let (mnemonic, data) = presentation::data(record.rtype, &record.rdata);
        let owner = presentation::name(record.owner.wire());
        let _ = writeln!(out, "{owner} {} IN {mnemonic} {data}", record.ttl);
    }
    out
}
