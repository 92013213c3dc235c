//! The records of an answer, one by one: whether they form a transfer.

use super::error::TransferError;
use super::record::ReceivedRecord;
use super::request::Asked;
use crate::serial::is_greater;
use cvdns_core::wire::rtype;

/// What an answer brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transfer {
    /// The SOA record that was asked for.
    Soa(ReceivedRecord),
    /// Nothing newer than what was asked about; the server's SOA record.
    UpToDate(ReceivedRecord),
    /// All records of the zone, the SOA record once and first.
    Whole(Vec<ReceivedRecord>),
    /// The differences from the version that was asked about, in order; at least one.
    Differences(Vec<Difference>),
}

/// What changed from one version of a zone to the next (RFC 1995 section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The SOA record before.
    pub from: ReceivedRecord,
    /// The records that go, without the SOA record.
    pub deleted: Vec<ReceivedRecord>,
    /// The SOA record after.
    pub to: ReceivedRecord,
    /// The records that come, without the SOA record.
    pub added: Vec<ReceivedRecord>,
}

/// How far an answer is.
#[derive(Debug)]
pub(super) struct Steps {
    asked: Asked,
    /// The SOA record that begins the answer, and ends it.
    newest: Option<ReceivedRecord>,
    form: Form,
    is_complete: bool,
}

#[derive(Debug)]
enum Form {
    /// Only the first record has come.
    Unknown,
    /// The whole zone.
    Whole(Vec<ReceivedRecord>),
    /// Differences; the last one is not complete, and its additions have come if the flag is set.
    Differences(Vec<Difference>, bool),
}

impl Steps {
    pub(super) fn new(asked: Asked) -> Self {
        Self { asked, newest: None, form: Form::Unknown, is_complete: false }
    }

    /// Whether the last record has come.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, record: ReceivedRecord) -> Result<(), TransferError> {
        let form = |what: &str| Err(TransferError::Form(what.to_owned()));
        if self.is_complete {
            return form("the answer goes on behind its end");
        }
        let Some(newest) = &self.newest else {
            if record.rtype != rtype::SOA {
                return form("the answer does not begin with the SOA record");
            }
            self.is_complete = self.asked == Asked::Soa;
            self.newest = Some(record);
            return Ok(());
        };
        let is_soa = record.rtype == rtype::SOA;
        let is_end = is_soa && record == *newest;
        match &mut self.form {
            Form::Unknown => match self.asked {
                Asked::Ixfr(serial) if is_soa && !is_end => {
                    if record.serial() != Some(serial) {
                        return form("the differences do not begin with the serial asked about");
                    }
                    self.form = Form::Differences(vec![Difference::begin(record)], false);
                }
                _ => {
                    self.form = Form::Whole(vec![newest.clone()]);
                    return self.take(record);
                }
            },
            Form::Whole(_) if is_end => self.is_complete = true,
            Form::Whole(_) if is_soa => {
                return form("the SOA record changes within the answer");
            }
            Form::Whole(records) => records.push(record),
            Form::Differences(differences, adds) => {
                let Some(last) = differences.last_mut() else { return Ok(()) };
                match (is_soa, *adds) {
                    (false, false) => last.deleted.push(record),
                    (false, true) => last.added.push(record),
                    (true, false) => {
                        last.turn(record)?;
                        *adds = true;
                    }
                    (true, true) if is_end && last.to == *newest => self.is_complete = true,
                    (true, true) if record == last.to => {
                        differences.push(Difference::begin(record));
                        *adds = false;
                    }
                    (true, true) => return form("the differences do not follow one another"),
                }
            }
        }
        Ok(())
    }

    /// Sees that a message has ended. A first message with a SOA record that is not newer is the
    /// whole answer to IXFR (RFC 1995 section 2).
    pub(super) fn end_message(&mut self) {
        let Asked::Ixfr(known) = self.asked else { return };
        let serial = self.newest.as_ref().and_then(ReceivedRecord::serial);
        if matches!(self.form, Form::Unknown)
            && serial.is_some_and(|serial| !is_greater(serial, known))
        {
            self.is_complete = true;
        }
    }

    /// What has come, once it is complete.
    pub(super) fn finish(self) -> Option<Transfer> {
        let newest = self.newest.filter(|_| self.is_complete)?;
        Some(match (self.form, self.asked) {
            (Form::Unknown, Asked::Soa) => Transfer::Soa(newest),
            (Form::Unknown, _) => Transfer::UpToDate(newest),
            (Form::Whole(records), _) => Transfer::Whole(records),
            (Form::Differences(differences, _), _) => Transfer::Differences(differences),
        })
    }
}

impl Difference {
    fn begin(from: ReceivedRecord) -> Self {
        Self { to: from.clone(), from, deleted: Vec::new(), added: Vec::new() }
    }

    /// Goes on to the additions.
    fn turn(&mut self, to: ReceivedRecord) -> Result<(), TransferError> {
        let serials = self.from.serial().zip(to.serial());
        if serials.is_none_or(|(from, to)| !is_greater(to, from)) {
            let what = "a difference does not lead to a newer serial";
            return Err(TransferError::Form(what.to_owned()));
        }
        self.to = to;
        Ok(())
    }
}
