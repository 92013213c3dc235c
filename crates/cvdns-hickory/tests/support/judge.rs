//! Parses answers, by a library that shares no code with either server.

use std::fmt::Write as _;

use domain::base::{Message, ParsedRecord, Rtype};
use domain::rdata::AllRecordData;

/// What an answer says.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Parsed {
    /// ID, flags and RCODE: the first four octets.
    pub header: [u8; 4],
    /// The question section as it is.
    pub question: Vec<u8>,
    /// The records of the three sections in their order, without the OPT record.
    pub sections: [Vec<String>; 3],
    /// The OPT record.
    pub opt: Option<Opt>,
}

/// What an OPT record says.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Opt {
    /// CLASS: the size.
    pub size: u16,
    /// TTL: upper bits of the RCODE, version and flags.
    pub ttl: u32,
    /// The options in their order.
    pub options: Vec<(u16, Vec<u8>)>,
}

impl Parsed {
    /// Parses a whole message.
    pub fn of(octets: &[u8]) -> Self {
        let message = Message::from_octets(octets).expect("a message");
        let mut question = message.question();
        for each in question.by_ref() {
            each.expect("a question");
        }
        let answer = question.next_section().expect("an answer section");
        let question = octets[12..octets.len() - message_rest(octets, &message)].to_vec();
        let mut sections: [Vec<String>; 3] = Default::default();
        let mut opt: Option<Opt> = None;
        let mut section = Some(answer);
        for out in &mut sections {
            let mut records = section.expect("a section");
            for record in records.by_ref() {
                let record = record.expect("a record");
                if record.rtype() == Rtype::OPT {
                    assert_eq!(opt.replace(Opt::of(&record)), None, "one OPT record");
                } else {
                    out.push(text(&record));
                }
            }
            section = records.next_section().expect("well-formed records");
        }
        Self { header: *octets.first_chunk().expect("a header"), question, sections, opt }
    }

    /// RCODE with the bits of the OPT record.
    pub fn rcode(&self) -> u16 {
        let upper = self.opt.as_ref().map_or(0, |opt| (opt.ttl >> 24) as u16);
        upper << 4 | u16::from(self.header[3] & 0x0f)
    }

    /// The data of an option.
    pub fn option(&self, code: u16) -> Option<&[u8]> {
        let options = self.opt.as_ref().map(|opt| &*opt.options).unwrap_or_default();
        options.iter().find(|(of, _)| *of == code).map(|(_, data)| &**data)
    }
}

/// How many octets follow the question section.
fn message_rest(octets: &[u8], message: &Message<&[u8]>) -> usize {
    let count = usize::from(message.header_counts().qdcount());
    let mut at = 12;
    for _ in 0..count {
        while octets[at] != 0 {
            at += 1 + usize::from(octets[at]);
        }
        at += 5;
    }
    octets.len() - at
}

impl Opt {
    fn of(record: &ParsedRecord<'_, &[u8]>) -> Self {
        let size = record.class().to_int();
        let ttl = record.ttl().as_secs();
        let opt = record.to_record::<domain::base::opt::Opt<_>>().expect("an OPT record");
        let opt = opt.expect("an OPT record");
        let options = opt.data().iter::<domain::base::opt::UnknownOptData<_>>();
        let options = options.map(|option| option.expect("an option"));
        let options = options.map(|option| (option.code().to_int(), option.data().to_vec()));
        Self { size, ttl, options: options.collect() }
    }
}

/// A record as text: its names are decompressed, and those in types of RFC 1035 in lower case (RFC
/// 4034 section 6.2), as compression may change their case.
fn text(record: &ParsedRecord<'_, &[u8]>) -> String {
    use domain::base::rdata::ComposeRecordData as _;
    let data = record.to_any_record::<AllRecordData<_, _>>().expect("record data");
    let mut octets = Vec::new();
    data.data().compose_canonical_rdata(&mut octets).expect("room");
    let mut out = format!(
        "{} {} {} {}",
        record.owner(),
        record.class(),
        record.ttl().as_secs(),
        record.rtype()
    );
    out.make_ascii_lowercase();
    for octet in octets {
        let _ = write!(out, " {octet}");
    }
    out
}
