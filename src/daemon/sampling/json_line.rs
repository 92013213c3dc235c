//! Writes a sample as a line of JSON. The decoder shares no code with the encoder of answers: if it
//! cannot read an answer, the answer is wrong.

use domain::base::message::Message;
use domain::base::{ParsedName, Question, ToName as _};
use domain::rdata::AllRecordData;
use jiff::Timestamp;
use serde::Serialize;

use super::sample::Sample;
use crate::logging::MAX_PIECE;

/// One answer with its question.
#[derive(Debug, Serialize)]
struct SampleLine {
    /// When it was written, up to 100 ms after the answer.
    time: Timestamp,
    /// The client's address and port.
    client: String,
    /// `udp`, `tcp`, `tls`, `quic` or `https`.
    transport: &'static str,
    /// QNAME in presentation format, with a final dot; null if it could not be read.
    name: Option<String>,
    /// QTYPE.
    #[serde(rename = "type")]
    rtype: Option<String>,
    /// QCLASS.
    class: Option<String>,
    /// The client subnet with its source prefix length (RFC 7871); null without one.
    ecs: Option<String>,
    /// The scope prefix length of the answer.
    scope: Option<u8>,
    rcode: String,
    /// The TC bit.
    truncated: bool,
    /// The length of the answer in octets.
    size: usize,
    /// Type and data of the records in the answer section.
    answers: Vec<String>,
    /// How many more records there are, for which the line had no room.
    #[serde(skip_serializing_if = "is_zero")]
    more: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The line of a sample, with its end.
pub(super) fn json_line(sample: &Sample, time: Timestamp) -> String {
    let mut line = SampleLine {
        time,
        client: sample.client.to_string(),
        transport: sample.transport.label(),
        name: None,
        rtype: None,
        class: None,
        ecs: None,
        scope: None,
        rcode: String::new(),
        truncated: false,
        size: sample.octets.len(),
        answers: Vec::new(),
        more: 0,
    };
    if let Ok(message) = Message::from_slice(&sample.octets) {
        line.read(message);
    }
    let text = json(&line) + "\n";
    if text.len() <= MAX_PIECE {
        return text;
    }
    line.shorten();
    json(&line) + "\n"
}

/// Never fails, as values are lists, texts and numbers only.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl SampleLine {
    /// Leaves out the last records, so that the line is not too long. Without records it never is,
    /// as a name has at most 255 octets.
    fn shorten(&mut self) {
        let answers = std::mem::take(&mut self.answers);
        self.more = answers.len();
        // Each record with its comma, and the line with its end.
        let mut length = json(self).len() + 1;
        self.answers = answers
            .into_iter()
            .take_while(|answer| {
                length += json(answer).len() + 1;
                length <= MAX_PIECE
            })
            .collect();
        self.more -= self.answers.len();
    }

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use domain::base::iana::{Class, Rtype};
    use domain::base::{MessageBuilder, Name, Ttl};
    use domain::rdata::{A, Txt};
    use serde_json::Value;

    /// A sample with the longest possible name, most octets of which are escaped, and with texts of
    /// these lengths before as many addresses.
    fn sample(texts: &[usize], addresses: usize) -> Sample {
        let labels = [63, 63, 63, 61].map(|length| {
            let mut label = vec![length as u8];
            label.extend(vec![b'\\'; length]);
            label
        });
        let name = Name::from_octets([labels.concat(), vec![0]].concat()).unwrap();
        let mut builder = MessageBuilder::new_vec().question();
        builder.push((&name, Rtype::ANY)).unwrap();
        let mut builder = builder.answer();
        for length in texts {
            let text: Txt<Vec<u8>> = Txt::build_from_slice(&vec![0; *length]).unwrap();
            builder.push((Name::root_ref(), Class::IN, Ttl::from_secs(60), text)).unwrap();
        }
        for number in 0..addresses {
            let address = A::from_octets(192, 0, 2, (number % 256) as u8);
            builder.push((Name::root_ref(), Class::IN, Ttl::from_secs(60), address)).unwrap();
        }
        let client = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().unwrap();
        Sample {
            octets: builder.finish().into_boxed_slice(),
            client,
            transport: cvdns_core::answer::Transport::Tcp,
        }
    }

    #[test]
    fn a_line_fits_a_pipe_and_says_how_many_records_it_lacks() {
        for (texts, addresses) in
            [(&[][..], 0), (&[], 20), (&[], 4_000), (&[100, 5_000], 10), (&[60_000], 0)]
        {
            let sample = sample(texts, addresses);
            let line = json_line(&sample, Timestamp::UNIX_EPOCH);
            assert!(line.len() <= MAX_PIECE && line.ends_with("}\n"), "{}: {line}", line.len());
            let read: Value = serde_json::from_str(&line).unwrap();
            let [shown, more] = [
                read["answers"].as_array().unwrap().len(),
                read["more"].as_u64().unwrap_or(0) as usize,
            ];
            assert_eq!(shown + more, texts.len() + addresses, "{line}");
            // There was no room for one more.
            assert!(
                more == 0
                    || texts.iter().any(|length| *length > 2_000)
                    || line.len() + 30 > MAX_PIECE,
                "{line}"
            );
            assert_eq!(read.get("more").is_some(), more > 0);
        }
    }
}
