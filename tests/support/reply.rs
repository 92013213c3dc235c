//! A strict decoder of responses, the response that a test expects, and their comparison.

use super::packet::{self, AA, Opt, QR, Query};
use super::{name, rr};
use hickory_proto::op::Message;
use std::fmt;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Uncompressed, in the case in which it came.
    pub owner: Vec<u8>,
    pub rtype: u16,
    pub class: u16,
    pub ttl: u32,
    /// Names in it uncompressed and in lower case.
    pub rdata: Vec<u8>,
}

impl Record {
    pub fn new(owner: &str, ttl: u32, rtype: u16, rdata: Vec<u8>) -> Self {
        Self { owner: name::wire(owner), rtype, class: rr::IN, ttl, rdata }
    }

    /// With the owner in lower case: names compare so (RFC 4343).
    pub fn folded(&self) -> Self {
        Self { owner: name::lower(&self.owner), ..self.clone() }
    }

    pub fn build(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.owner);
        out.extend(self.rtype.to_be_bytes());
        out.extend(self.class.to_be_bytes());
        out.extend(self.ttl.to_be_bytes());
        out.extend(packet::length(&self.rdata));
        out.extend_from_slice(&self.rdata);
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (owner, data) = (name::text(&self.owner), String::from_utf8_lossy(&self.rdata));
        write!(
            f,
            "{owner} {} class{} TYPE{} {:02x?} {data:?}",
            self.ttl, self.class, self.rtype, self.rdata
        )
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub id: u16,
    pub flags: u16,
    /// Each question's octets, uncompressed, case kept.
    pub questions: Vec<Vec<u8>>,
    pub answer: Vec<Record>,
    pub authority: Vec<Record>,
    /// Without the OPT record.
    pub additional: Vec<Record>,
    pub opt: Option<Opt>,
    /// Of the message as it came.
    pub length: usize,
}

impl Reply {
    /// Decodes a response, which must be well formed to the last octet: section counts that fit,
    /// names that point backwards only (RFC 1035, 4.1.4), one OPT at the root, nothing behind it.
    /// hickory-proto must read the same out of it.
    pub fn parse(bytes: &[u8]) -> Self {
        let reply =
            Self::walk(bytes).unwrap_or_else(|error| panic!("{error} in response {bytes:02x?}"));
        reply.second_opinion(bytes);
        reply
    }

    pub fn walk(bytes: &[u8]) -> Result<Self, String> {
        let mut walker = Walker { bytes, at: 0 };
        let [id, flags, qd, an, ns, ar] = walker.u16s::<6>()?;
        let mut questions = Vec::new();
        for _ in 0..qd {
            let mut question = walker.name()?;
            question.extend_from_slice(walker.take(4)?);
            questions.push(question);
        }
        let answer = walker.records(an)?;
        let authority = walker.records(ns)?;
        let mut additional = walker.records(ar)?;
        if walker.at != bytes.len() {
            return Err(format!("{} octets behind the message", bytes.len() - walker.at));
        }
        if answer.iter().chain(&authority).any(|record| record.rtype == rr::OPT) {
            return Err("OPT outside the additional section".to_owned());
        }
        let opts: Vec<Record> =
            additional.extract_if(.., |record| record.rtype == rr::OPT).collect();
        let opt = match opts.as_slice() {
            [] => None,
            [one] => Some(opt_of(one)?),
            _ => return Err("more than one OPT".to_owned()),
        };
        Ok(Self { id, flags, questions, answer, authority, additional, opt, length: bytes.len() })
    }

    fn second_opinion(&self, bytes: &[u8]) {
        // hickory-proto has no family 0, which dig's `+subnet=0/0` sends and gets back.
        if self.option(rr::ECS).is_some_and(|option| option.starts_with(&[0, 0])) {
            return;
        }
        let message = Message::from_vec(bytes).unwrap_or_else(|error| {
            panic!("hickory-proto cannot read the response: {error}: {bytes:02x?}")
        });
        assert_eq!(message.metadata.id, self.id);
        assert_eq!(u16::from(message.metadata.response_code), self.rcode(), "{bytes:02x?}");
        assert_eq!(message.metadata.authoritative, self.has(AA));
        assert_eq!(message.metadata.truncation, self.has(packet::TC));
        let sections = [
            (&message.answers, &self.answer),
            (&message.authorities, &self.authority),
            (&message.additionals, &self.additional),
        ];
        for (theirs, ours) in sections {
            assert_eq!(theirs.len(), ours.len(), "hickory-proto reads {theirs:?} of {bytes:02x?}");
            for (their, our) in theirs.iter().zip(ours) {
                assert_eq!(u16::from(their.record_type()), our.rtype);
                assert_eq!(their.ttl, our.ttl);
                let labels: Vec<&[u8]> = their.name.iter().collect();
                assert_eq!(labels, split(&our.owner));
            }
        }
        assert_eq!(message.edns.is_some(), self.opt.is_some());
    }

    /// The response that `query` must get when nothing is found: header and question echoed, AA
    /// set, no records, and an OPT if and only if the query had one (RFC 6891, 6.1.1).
    pub fn to(query: &Query) -> Self {
        let opt =
            query.edns.as_ref().map(|opt| Opt { flags: opt.flags & packet::DO, ..Opt::default() });
        Self {
            id: query.id,
            flags: QR | AA | (query.flags & (0x7800 | packet::RD)),
            questions: vec![query.question()],
            answer: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            opt,
            length: 0,
        }
    }

    pub fn with_answer(mut self, records: Vec<Record>) -> Self {
        self.answer = records;
        self
    }

    pub fn with_authority(mut self, records: Vec<Record>) -> Self {
        self.authority = records;
        self
    }

    pub fn with_additional(mut self, records: Vec<Record>) -> Self {
        self.additional = records;
        self
    }

    pub fn with_rcode(mut self, rcode: u16) -> Self {
        self.flags = (self.flags & !0xf) | (rcode & 0xf);
        if let Some(opt) = &mut self.opt {
            opt.rcode_high = u8::try_from(rcode >> 4).expect("a 12-bit rcode");
        }
        self
    }

    pub fn without(mut self, flags: u16) -> Self {
        self.flags &= !flags;
        self
    }

    pub fn with(mut self, flags: u16) -> Self {
        self.flags |= flags;
        self
    }

    /// With an EDNS option, where the query had EDNS.
    pub fn with_option(mut self, code: u16, data: &[u8]) -> Self {
        self.opt.as_mut().expect("the query has EDNS").options.push((code, data.to_vec()));
        self
    }

    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// The 12-bit response code (RFC 6891, 6.1.3).
    pub fn rcode(&self) -> u16 {
        (self.flags & 0xf) | self.opt.as_ref().map_or(0, |opt| u16::from(opt.rcode_high) << 4)
    }

    pub fn option(&self, code: u16) -> Option<&[u8]> {
        self.opt.as_ref()?.option(code)
    }

    /// Rdata of the answer's records of a type.
    pub fn rdata(&self, rtype: u16) -> Vec<Vec<u8>> {
        self.answer
            .iter()
            .filter(|record| record.rtype == rtype)
            .map(|record| record.rdata.clone())
            .collect()
    }

    /// The whole message with the freedoms of a server taken out: names uncompressed, owners in
    /// lower case, record sets, additional records and EDNS options sorted. All else is compared
    /// octet by octet.
    pub fn canonical(&self) -> Vec<u8> {
        let counts = [
            self.questions.len(),
            self.answer.len(),
            self.authority.len(),
            self.additional.len() + usize::from(self.opt.is_some()),
        ];
        let counts = counts.map(|count| u16::try_from(count).expect("a count"));
        let mut out = packet::header(self.id, self.flags, counts);
        out.extend(self.questions.iter().flatten());
        let mut additional: Vec<Record> = self.additional.iter().map(Record::folded).collect();
        additional.sort();
        let ordered = [&self.answer, &self.authority].map(|section| sets(section).concat());
        for record in ordered.iter().flatten().chain(&additional) {
            record.build(&mut out);
        }
        if let Some(opt) = &self.opt {
            let mut opt = opt.clone();
            opt.options.sort();
            out.extend(opt.build());
        }
        out
    }

    /// Fails unless this is `expected`, whole.
    #[track_caller]
    pub fn must_be(&self, expected: &Self, what: &str) {
        assert!(
            self.canonical() == expected.canonical(),
            "{what}\ngot {self:?}\nexpected {expected:?}"
        );
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "id {} flags {:#06x} rcode {}", self.id, self.flags, self.rcode())?;
        for question in &self.questions {
            let (name, rest) = question.split_at(question.len() - 4);
            writeln!(f, "  question {} type and class {rest:02x?}", name::text(name))?;
        }
        let sections = [
            ("answer", &self.answer),
            ("authority", &self.authority),
            ("additional", &self.additional),
        ];
        for (title, record) in
            sections.iter().flat_map(|(title, records)| records.iter().map(move |r| (title, r)))
        {
            writeln!(f, "  {title} {record:?}")?;
        }
        writeln!(f, "  {:02x?}", self.opt)
    }
}

/// A section as its record sets in their order, each set sorted.
pub fn sets(section: &[Record]) -> Vec<Vec<Record>> {
    let mut sets: Vec<Vec<Record>> = Vec::new();
    for record in section.iter().map(Record::folded) {
        match sets
            .iter_mut()
            .find(|set| set[0].owner == record.owner && set[0].rtype == record.rtype)
        {
            Some(set) => set.push(record),
            None => sets.push(vec![record]),
        }
    }
    for set in &mut sets {
        set.sort();
    }
    sets
}

fn split(owner: &[u8]) -> Vec<&[u8]> {
    let mut labels = Vec::new();
    let mut at = 0;
    while owner[at] != 0 {
        let end = at + 1 + usize::from(owner[at]);
        labels.push(&owner[at + 1..end]);
        at = end;
    }
    labels
}

fn opt_of(record: &Record) -> Result<Opt, String> {
    if record.owner != [0] {
        return Err("OPT below the root".to_owned());
    }
    let [rcode_high, version, high, low] = record.ttl.to_be_bytes();
    let mut walker = Walker { bytes: &record.rdata, at: 0 };
    let mut options = Vec::new();
    while walker.at < record.rdata.len() {
        let [code, length] = walker.u16s::<2>()?;
        options.push((code, walker.take(usize::from(length))?.to_vec()));
    }
    Ok(Opt {
        size: record.class,
        rcode_high,
        version,
        flags: u16::from_be_bytes([high, low]),
        options,
    })
}

struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walker<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let taken = self.bytes.get(self.at..self.at + count).ok_or("the message ends early")?;
        self.at += count;
        Ok(taken)
    }

    fn u16s<const N: usize>(&mut self) -> Result<[u16; N], String> {
        let octets = self.take(N * 2)?;
        Ok(std::array::from_fn(|i| u16::from_be_bytes([octets[i * 2], octets[i * 2 + 1]])))
    }

    fn name(&mut self) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        let mut at = self.at;
        let mut lowest = self.at;
        let mut end = None;
        loop {
            let octet = *self.bytes.get(at).ok_or("a name ends early")?;
            match octet {
                0 => {
                    out.push(0);
                    self.at = end.unwrap_or(at + 1);
                    return if out.len() > 255 {
                        Err("a name over 255 octets".to_owned())
                    } else {
                        Ok(out)
                    };
                }
                1..=63 => {
                    let label =
                        self.bytes.get(at..=at + usize::from(octet)).ok_or("a label ends early")?;
                    out.extend_from_slice(label);
                    at += label.len();
                }
                0xc0.. => {
                    let low = *self.bytes.get(at + 1).ok_or("a pointer ends early")?;
                    let target = usize::from(octet & 0x3f) << 8 | usize::from(low);
                    if target >= lowest {
                        return Err(format!("a pointer at {at} to {target}, not backwards"));
                    }
                    if target < 12 {
                        return Err(format!("a pointer at {at} into the header"));
                    }
                    end = end.or(Some(at + 2));
                    lowest = target;
                    at = target;
                }
                _ => return Err(format!("label type {octet:#x}")),
            }
        }
    }

    fn records(&mut self, count: u16) -> Result<Vec<Record>, String> {
        (0..count).map(|_| self.record()).collect()
    }

    fn record(&mut self) -> Result<Record, String> {
        let owner = self.name()?;
        let [rtype, class, high, low, length] = self.u16s::<5>()?;
        let end = self.at + usize::from(length);
        if end > self.bytes.len() {
            return Err("rdata ends early".to_owned());
        }
        // Only the types of RFC 1035 may hold compressed names (RFC 3597, 4); a pointer in another
        // type stays in the octets and makes the comparison fail.
        let (before, names) = match rtype {
            rr::NS | rr::CNAME | rr::PTR | rr::DNAME | 3 | 4 | 7 | 8 | 9 => (0, 1),
            rr::SOA | 14 => (0, 2),
            rr::MX => (2, 1),
            rr::SRV => (6, 1),
            _ => (0, 0),
        };
        let mut rdata = self.take(before)?.to_vec();
        for _ in 0..names {
            rdata.extend(name::lower(&self.name()?));
        }
        let rest = end.checked_sub(self.at).ok_or("a name runs over its rdata")?;
        rdata.extend_from_slice(self.take(rest)?);
        Ok(Record { owner, rtype, class, ttl: u32::from(high) << 16 | u32::from(low), rdata })
    }
}
