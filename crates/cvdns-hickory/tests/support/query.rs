//! Queries as octets.

/// A query that is made up piece by piece.
#[derive(Clone, Debug)]
pub struct Query {
    /// The third and the fourth octet of the header.
    pub flags: [u8; 2],
    /// QDCOUNT.
    pub questions: u16,
    /// QNAME in wire form.
    pub name: Vec<u8>,
    pub qtype: u16,
    pub qclass: u16,
    /// Records of the answer section.
    pub answers: Vec<Vec<u8>>,
    /// Records of the additional section.
    pub additional: Vec<Vec<u8>>,
    /// What follows the last record.
    pub trailing: Vec<u8>,
}

/// The RD bit.
pub const RD: [u8; 2] = [1, 0];

impl Query {
    pub fn new(name: &[u8], qtype: u16) -> Self {
        Self {
            flags: RD,
            questions: 1,
            name: name.to_vec(),
            qtype,
            qclass: 1,
            answers: Vec::new(),
            additional: Vec::new(),
            trailing: Vec::new(),
        }
    }

    #[must_use]
    pub fn with(mut self, opt: Option<Vec<u8>>) -> Self {
        self.additional.extend(opt);
        self
    }

    pub fn octets(&self) -> Vec<u8> {
        let mut out = vec![0x12, 0x34, self.flags[0], self.flags[1]];
        let counts = [self.answers.len(), 0, self.additional.len()].map(|count| count as u16);
        out.extend(self.questions.to_be_bytes());
        out.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        for _ in 0..self.questions {
            out.extend(&self.name);
            out.extend(self.qtype.to_be_bytes());
            out.extend(self.qclass.to_be_bytes());
        }
        out.extend(self.answers.concat());
        out.extend(self.additional.concat());
        out.extend(&self.trailing);
        out
    }
}

/// An OPT record with a version, flags, and options.
pub fn opt(version: u8, flags: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut rdata = Vec::new();
    for (code, data) in options {
        rdata.extend(code.to_be_bytes());
        rdata.extend((data.len() as u16).to_be_bytes());
        rdata.extend(*data);
    }
    let mut out = vec![0, 0, 41, 4, 208, 0, version];
    out.extend(flags.to_be_bytes());
    out.extend((rdata.len() as u16).to_be_bytes());
    out.extend(rdata);
    out
}

/// The DO bit.
pub const DO: u16 = 0x8000;

pub const NSID: (u16, &[u8]) = (3, &[]);

/// OPT records of queries, each with a name.
pub fn opts() -> Vec<(&'static str, Option<Vec<u8>>)> {
    let subnet = |data: &'static [u8]| opt(0, 0, &[(8, data)]);
    let all: &[(u16, &[u8])] =
        &[NSID, (8, &[0, 1, 24, 0, 203, 0, 113]), (10, &[1; 8]), (11, &[]), (12, &[0; 9])];
    let version1: &[(u16, &[u8])] = &[NSID, (8, &[0, 1, 24, 0, 203, 0, 113])];
    vec![
        ("none", None),
        ("empty", Some(opt(0, 0, &[]))),
        ("DO", Some(opt(0, DO, &[]))),
        ("Z", Some(opt(0, 0x4001, &[]))),
        ("NSID", Some(opt(0, 0, &[NSID]))),
        ("ECS DE", Some(subnet(&[0, 1, 24, 0, 203, 0, 113]))),
        ("ECS FR", Some(subnet(&[0, 1, 16, 0, 90, 0]))),
        ("ECS JP", Some(subnet(&[0, 1, 20, 0, 133, 11, 0]))),
        ("ECS IPv6", Some(subnet(&[0, 2, 48, 0, 0x20, 0x01, 0x02, 0x18, 0, 0]))),
        ("ECS /0", Some(subnet(&[0, 1, 0, 0]))),
        ("ECS with bits beyond", Some(subnet(&[0, 1, 23, 0, 203, 0, 113]))),
        ("ECS with a scope", Some(subnet(&[0, 1, 24, 24, 203, 0, 113]))),
        ("all and DO", Some(opt(0, DO, all))),
        ("keepalive", Some(opt(0, 0, &[(11, &[])]))),
        ("keepalive with a value", Some(opt(0, 0, &[(11, &[0, 9])]))),
        ("short cookie", Some(opt(0, 0, &[(10, &[1; 7])]))),
        ("unknown option", Some(opt(0, 0, &[(65_001, &[1, 2, 3])]))),
        ("version 1", Some(opt(1, 0, &[]))),
        ("version 1 and options", Some(opt(1, DO, version1))),
    ]
}

/// A TSIG record of a key that nobody knows.
pub fn tsig() -> Vec<u8> {
    let mut rdata = b"\x0bHMAC-sha256\0".to_vec();
    rdata.extend([0, 0, 0x68, 1, 2, 3, 1, 44, 0, 4, 9, 9, 9, 9, 0x12, 0x34, 0, 0, 0, 0]);
    let mut out = b"\x03Key\0".to_vec();
    out.extend([0, 250, 0, 255, 0, 0, 0, 0]);
    out.extend((rdata.len() as u16).to_be_bytes());
    out.extend(rdata);
    out
}
