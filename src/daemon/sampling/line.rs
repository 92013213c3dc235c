//! A sample as a line of JSON. The decoder is not the one that answers: what this cannot read was not answered well.

use domain::base::message::Message;
use domain::base::{ParsedName, Question, ToName as _};
use domain::rdata::AllRecordData;
use jiff::Timestamp;
use serde::Serialize;

use super::Sample;
use crate::answer::Transport;

/// One answer with its question.
#[derive(Debug, Serialize)]
struct Line {
    /// When it was written, moments after the answer.
    time: Timestamp,
    /// The client's address and port.
    client: String,
    /// `udp` or `tcp`.
    transport: &'static str,
    /// The question's name as zone files have it, with a final dot; null where none could be read.
    name: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    rtype: Option<String>,
    /// Its class.
    class: Option<String>,
    /// The client subnet with its source prefix length; null without one.
    ecs: Option<String>,
    /// The scope that was answered.
    scope: Option<u8>,
    rcode: String,
    /// TC.
    truncated: bool,
    /// Octets of the answer.
    size: usize,
    /// The answer section's records: type and data.
    answers: Vec<String>,
}

/// The line of a sample, with its end.
pub(super) fn line(sample: &Sample, time: Timestamp) -> String {
    let mut line = Line {
        time,
        client: sample.client.to_string(),
        transport: match sample.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        },
        name: None,
        rtype: None,
        class: None,
        ecs: None,
        scope: None,
        rcode: String::new(),
        truncated: false,
        size: sample.octets.len(),
        answers: Vec::new(),
    };
    if let Ok(message) = Message::from_slice(&sample.octets) {
        line.read(message);
    }
    // There are no maps in it, and all of it is text or numbers.
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

impl Line {
    fn read(&mut self, message: &Message<[u8]>) {
        self.rcode = message.opt_rcode().to_string();
        self.truncated = message.header().tc();
        if let Some(Ok(question)) = message.question().next() {
            let question: Question<ParsedName<&[u8]>> = question;
            self.name = Some(question.qname().fmt_with_dot().to_string());
            self.rtype = Some(question.qtype().to_string());
            self.class = Some(question.qclass().to_string());
        }
        if let Some(subnet) = message.opt().and_then(|opt| opt.opt().client_subnet()) {
            self.ecs = Some(format!("{}/{}", subnet.addr(), subnet.source_prefix_len()));
            self.scope = Some(subnet.scope_prefix_len());
        }
        let Ok(section) = message.answer() else { return };
        let records = section.flatten().filter_map(|record| record.into_any_record().ok());
        self.answers = records
            .map(|record| {
                let data: &AllRecordData<_, ParsedName<_>> = record.data();
                format!("{} {data}", record.rtype())
            })
            .collect();
    }
}
