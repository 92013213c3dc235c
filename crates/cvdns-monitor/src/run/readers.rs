//! Threads that read the reports of the members, one for each: a web server that hangs holds up
//! nobody else.

use std::sync::mpsc::Sender;
use std::time::Duration;

use cvdns_core::config::Member;
use cvdns_io::essential;

use super::events::Event;
use super::stop::Stop;
use crate::signed_report::{ReadReport, ReportSource, read_judged};

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
            let judged = read_judged(member, &mut read, |pause| !self.stop.wait(pause));
            let outcome = Box::new(judged);
            let gone = self.events.send(Event::Reported(self.set, number, outcome)).is_err();
            if gone || self.stop.wait(self.interval) {
                return;
            }
        }
    }
}
