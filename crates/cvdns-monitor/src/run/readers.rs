//! Threads that read the reports of the members, one for each: a web server that hangs holds up
//! nobody else.

use std::sync::mpsc::Sender;
use std::time::Duration;

use cvdns_core::config::Member;
use cvdns_core::report::ReportError;
use cvdns_io::essential;

use super::events::Event;
use super::stop::Stop;
use crate::signed_report::{Arrived, ReadReport, ReportSource};

/// How often a report whose signature does not fit is read again, and the pause before: the two
/// files are replaced one after the other.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// The threads. When this is dropped, each ends after its present read.
pub(super) struct Readers {
    stop: Stop,
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// What all threads share.
#[derive(Clone)]
struct Reading {
    stop: Stop,
    interval: Duration,
    events: Sender<Event>,
    /// The number of this set of threads: after a reload numbers mean other members.
    set: u64,
}

impl Readers {
    /// Starts a thread for each member, which reads its report at this interval.
    pub(super) fn start<'m>(
        members: impl Iterator<Item = (&'m Member, &'m ReportSource)>,
        interval: Duration,
        set: u64,
        events: &Sender<Event>,
    ) -> std::io::Result<Self> {
        let stop = Stop::default();
        let reading = Reading { stop: stop.clone(), interval, events: events.clone(), set };
        // Threads that were started end if a later one cannot be.
        let readers = Self { stop };
        for (number, (member, source)) in members.enumerate() {
            let (reading, member, source) = (reading.clone(), member.clone(), source.clone());
            essential::spawn("report", move || reading.run(number, &member, source.open()))?;
        }
        Ok(readers)
    }
}

impl Reading {
    fn run(&self, number: usize, member: &Member, mut read: ReadReport) {
        loop {
            let outcome = Box::new(self.read(member, &mut read));
            let gone = self.events.send(Event::Reported(self.set, number, outcome)).is_err();
            if gone || self.stop.wait(self.interval) {
                return;
            }
        }
    }

    fn read(&self, member: &Member, read: &mut ReadReport) -> Result<Option<Arrived>, ReportError> {
        let mut again = false;
        for _ in 1..TRIES {
            match read_once(member, read, again) {
                Err(ReportError::Signature(_)) if !self.stop.wait(PAUSE) => again = true,
                outcome => return outcome,
            }
        }
        read_once(member, read, again)
    }
}

fn read_once(
    member: &Member,
    read: &mut ReadReport,
    again: bool,
) -> Result<Option<Arrived>, ReportError> {
    let signed = read(again).map_err(ReportError::Unread)?;
    signed.map(|signed| signed.judge(member)).transpose()
}
