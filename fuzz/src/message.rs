//! A plain reading of whole answers (RFC 1035 section 4.1), which shares no code with the server.

/// A message. Names are skipped.
pub(crate) struct Message<'m> {
    /// QR, OPCODE and the other flags, with the lower bits of RCODE.
    pub flags: u16,
    /// The four counts.
    pub counts: [u16; 4],
    /// The octets of the question section.
    pub question: &'m [u8],
    pub records: Vec<Record<'m>>,
}

/// A record.
pub(crate) struct Record<'m> {
    pub rtype: u16,
    pub class: u16,
    pub ttl: u32,
    pub rdata: &'m [u8],
}

impl<'m> Message<'m> {
    /// Reads a message. `None` if it is not exactly one.
    pub(crate) fn read(octets: &'m [u8]) -> Option<Self> {
        let field = |at: usize| Some(u16::from_be_bytes([*octets.get(at)?, *octets.get(at + 1)?]));
        let counts = [field(4)?, field(6)?, field(8)?, field(10)?];
        let mut at = 12;
        for _ in 0..counts[0] {
            at = name_end(octets, at)? + 4;
        }
        let question = octets.get(12..at)?;
        let mut records = Vec::new();
        for _ in 0..counts[1..].iter().copied().map(u32::from).sum::<u32>() {
            let fixed = name_end(octets, at)?;
            let [rtype, class, length] = [field(fixed)?, field(fixed + 2)?, field(fixed + 8)?];
            let ttl = u32::from(field(fixed + 4)?) << 16 | u32::from(field(fixed + 6)?);
            at = fixed + 10 + usize::from(length);
            records.push(Record { rtype, class, ttl, rdata: octets.get(fixed + 10..at)? });
        }
        (at == octets.len()).then_some(Self { flags: field(2)?, counts, question, records })
    }

    /// RCODE with the upper bits of the OPT record.
    pub(crate) fn rcode(&self) -> u16 {
        self.flags & 0xf | self.opt().map_or(0, |opt| (opt.ttl >> 24) as u16) << 4
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    pub(crate) fn is_authoritative(&self) -> bool {
        self.flags & 0x0400 != 0
    }

    /// The OPT record.
    pub(crate) fn opt(&self) -> Option<&Record<'m>> {
        self.records.iter().find(|record| record.rtype == 41)
    }

    /// The options of the OPT record.
    pub(crate) fn options(&self) -> Vec<(u16, &'m [u8])> {
        let (options, whole) = self.opt().map_or((Vec::new(), true), |opt| options(opt.rdata));
        assert!(whole, "an option of the answer is cut off");
        options
    }
}

/// The options in the RDATA of an OPT record (RFC 6891 section 6.1.2), and whether the last one is
/// whole.
pub(crate) fn options(mut rdata: &[u8]) -> (Vec<(u16, &[u8])>, bool) {
    let mut options = Vec::new();
    while let [code1, code0, length1, length0, rest @ ..] = rdata {
        let length = usize::from(*length1) << 8 | usize::from(*length0);
        let Some((data, rest)) = rest.split_at_checked(length) else { break };
        options.push((u16::from_be_bytes([*code1, *code0]), data));
        rdata = rest;
    }
    (options, rdata.is_empty())
}

fn name_end(octets: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *octets.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

/// A query with this name, type, class, and records behind them as they are.
pub(crate) fn query(name: &[u8], qtype: u16, class: u16, counts: [u16; 3], rest: &[u8]) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1];
    message.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    message.extend(name);
    message.extend([qtype.to_be_bytes(), class.to_be_bytes()].concat());
    message.extend(rest);
    message
}

/// An OPT record.
pub(crate) fn opt(udp_size: u16, ttl: [u8; 4], rdata: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rdata.len()).unwrap();
    let [size, length] = [udp_size.to_be_bytes(), length.to_be_bytes()];
    [&[0, 0, 41], &size[..], &ttl, &length, rdata].concat()
}
