//! The message writer: the first half of the input fills the buffer, the second is the names to
//! write.

use cvdns_core::wire::name::Name;
use cvdns_core::wire::writer::{MessageWriter, Owner};
use hickory_proto::op::Message;
use hickory_proto::rr::RData;

/// Types whose RDATA the writer compresses: type, octets before the names, and number of names.
const TYPES: [(u16, usize, usize); 5] = [(2, 0, 1), (5, 0, 1), (12, 0, 1), (15, 2, 1), (6, 0, 2)];

/// Takes a name from the input, with few different labels: one octet for the number of labels, and
/// one for each label.
fn name(input: &mut &[u8]) -> Option<Vec<u8>> {
    let (count, rest) = input.split_first()?;
    let (labels, rest) = rest.split_at_checked(usize::from(count % 12))?;
    *input = rest;
    let mut wire = Vec::new();
    for label in labels {
        let length = 1 + label / 4 % 3;
        wire.push(length);
        wire.extend(std::iter::repeat_n(b'a' + label % 4, length.into()));
    }
    wire.push(0);
    Some(wire)
}

/// hickory-proto reads the names that were written.
pub fn run(input: &[u8]) {
    let (hostile, mut input) = input.split_at(input.len() / 2);
    let mut buffer: Vec<u8> =
        hostile.iter().copied().cycle().take(if hostile.is_empty() { 0 } else { 2048 }).collect();
    buffer.resize(2048, 0);
    let Some(question) = name(&mut input) else { return };
    let head = [&[0, 1, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0], &question[..], &[0, 1, 0, 1]].concat();
    buffer[..head.len()].copy_from_slice(&head);
    let mut writer = MessageWriter::new(&mut buffer, head.len());
    let mut written = Vec::new();
    while let Some((kind, rest)) = input.split_first() {
        input = rest;
        let (rtype, before, names) = TYPES[usize::from(kind % 5)];
        let Some(owner) = name(&mut input) else { break };
        let mut rdata = vec![0; before];
        for _ in 0..names {
            rdata.extend(name(&mut input).unwrap_or(vec![0]));
        }
        if rtype == 6 {
            rdata.extend([0; 20]);
        }
        let by = if kind & 0x80 == 0 { Owner::Name(&owner) } else { Owner::Question };
        writer.record(by, rtype, 1, 60, &rdata);
        written.push((
            if kind & 0x80 == 0 { owner } else { question.clone() },
            rdata.split_off(before),
        ));
    }
    let Some(end) = writer.finish() else { return };
    buffer[6..8].copy_from_slice(&(written.len() as u16).to_be_bytes());
    let message = Message::from_vec(&buffer[..end]).expect("a message");
    assert_eq!(message.answers.len(), written.len());
    let wire = |name: &hickory_proto::rr::Name| -> Vec<u8> {
        name.iter().flat_map(|label| [&[label.len() as u8], label].concat()).chain([0]).collect()
    };
    for (record, (owner, names)) in message.answers.iter().zip(&written) {
        assert_eq!(Name::from_wire(&wire(&record.name)).unwrap(), Name::from_wire(owner).unwrap());
        let read = match &record.data {
            RData::NS(name) => wire(name),
            RData::CNAME(name) => wire(name),
            RData::PTR(name) => wire(name),
            RData::MX(mx) => wire(&mx.exchange),
            RData::SOA(soa) => [wire(&soa.mname), wire(&soa.rname), vec![0; 20]].concat(),
            other => panic!("{other:?}"),
        };
        assert_eq!(read.to_ascii_lowercase(), names.to_ascii_lowercase());
    }
}
