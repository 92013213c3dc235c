//! A report with its signature, whatever carried it: a file, a web server, a message.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use cvdns_core::config::Member;
use cvdns_core::report::{Report, ReportError};

/// The octets of a report, and those of its signature if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedReport {
    /// The report.
    pub octets: Vec<u8>,
    /// The signature by minisign.
    pub signature: Option<Vec<u8>>,
}

/// A report that is what it claims to be, with the octets that show it.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) report: Report,
    pub(super) signed: SignedReport,
}

/// Reads a report, again and again. `None` means that it is the same as the last time, unless the
/// argument asks for it anyway.
pub type ReadReport = Box<dyn FnMut(bool) -> Result<Option<SignedReport>, String> + Send>;

/// How often a report whose signature does not fit is read, and the pause between: document and
/// signature are two files, which are replaced one after the other.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

type Open = dyn Fn() -> ReadReport + Send + Sync;

/// Where the reports of a member come from.
#[derive(Clone)]
pub struct ReportSource {
    place: String,
    open: Arc<Open>,
}

impl SignedReport {
    /// Checks signature, form and name. Serials and times are judged where the report before is
    /// known.
    ///
    /// # Errors
    /// When it is not a report of this member.
    pub(super) fn judge(self, member: &Member) -> Result<Arrived, ReportError> {
        let signature = self.signature.as_deref();
        member.public_key.verify(&self.octets, signature).map_err(ReportError::Signature)?;
        let report = Report::parse(&self.octets)?;
        if report.monitor != member.name.value {
            let expected = member.name.value.clone();
            return Err(ReportError::OtherMonitor { found: report.monitor, expected });
        }
        Ok(Arrived { report, signed: self })
    }
}

impl ReportSource {
    /// A source at this place, which this function begins to read.
    pub fn new(place: String, open: impl Fn() -> ReadReport + Send + Sync + 'static) -> Self {
        Self { place, open: Arc::new(open) }
    }

    /// The path or URL.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Begins to read.
    pub(super) fn open(&self) -> ReadReport {
        (self.open)()
    }

    /// Reads the report of a member once, as the coordinator does at its start.
    ///
    /// # Errors
    /// When the coordinator would not use it.
    pub fn read(&self, member: &Member, now: Timestamp) -> Result<Report, ReportError> {
        let wait = |pause| {
            std::thread::sleep(pause);
            true
        };
        let nothing = || ReportError::Unread("there is none".to_owned());
        let report = read_judged(member, &mut self.open(), wait)?.ok_or_else(nothing)?.report;
        report.timely(now)?;
        Ok(report)
    }
}

/// Reads a report and judges it, once more after `wait` if its signature does not fit. `wait` is
/// given how long, and returns whether to go on.
pub(super) fn read_judged(
    member: &Member,
    read: &mut ReadReport,
    wait: impl Fn(Duration) -> bool,
) -> Result<Option<Arrived>, ReportError> {
    let mut again = false;
    for _ in 1..TRIES {
        match read_once(member, read, again) {
            Err(ReportError::Signature(_)) if wait(PAUSE) => again = true,
            outcome => return outcome,
        }
    }
    read_once(member, read, again)
}

fn read_once(
    member: &Member,
    read: &mut ReadReport,
    again: bool,
) -> Result<Option<Arrived>, ReportError> {
    let signed = read(again).map_err(ReportError::Unread)?;
    signed.map(|signed| signed.judge(member)).transpose()
}

impl fmt::Debug for ReportSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReportSource({})", self.place)
    }
}
