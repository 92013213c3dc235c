//! The writer, given names in which labels repeat and buffers full of hostile octets: two decoders
//! that share no code with it read the same names back (RFC 1035 section 4.1.4: a pointer leads to
//! a prior occurrence).

use cvdns_core::wire::writer::{MessageWriter, Owner};
use hickory_proto::op::Message;
use hickory_proto::rr::RData;
use proptest::prelude::*;

use super::hostile_octets;
use crate::asking::Numbers;
use crate::support::name;
use crate::support::reply::{Record, Reply};
use crate::support::rr;

/// Names of few different labels, so that runs of them repeat, within a name and between names.
fn any_name() -> impl Strategy<Value = Vec<u8>> {
    let label = prop_oneof![
        6 => prop::sample::select(&["a", "b", "aa", "A"][..]).prop_map(str::to_owned),
        1 => "[a-c]{1,3}",
        1 => Just("x".repeat(63)),
    ];
    prop::collection::vec(label, 0..7).prop_map(|labels| {
        let mut wire: Vec<u8> = labels
            .iter()
            .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat())
            .collect();
        wire.push(0);
        if wire.len() > 255 { vec![1, b'a', 0] } else { wire }
    })
}

/// A type that holds names, or none.
fn any_rdata() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let one = |rtype: u16, before: &'static [u8]| {
        any_name().prop_map(move |name| (rtype, [before, &name].concat()))
    };
    prop_oneof![
        3 => one(rr::CNAME, &[]),
        2 => one(rr::NS, &[]),
        1 => one(rr::PTR, &[]),
        3 => one(rr::MX, &[0, 10]),
        1 => one(rr::SRV, &[0, 0, 0, 0, 0, 16]),
        1 => (any_name(), any_name()).prop_map(|(mname, rname)| (rr::SOA, [&mname[..], &rname, &[0; 20]].concat())),
        1 => Just((rr::A, vec![192, 0, 2, 1])),
    ]
}

/// Owner (`None`: the question's name), type and RDATA of a record that was written.
type Written = (Option<Vec<u8>>, u16, Vec<u8>);

/// What both decoders read of a message, which must be what was written.
fn read_back(message: &[u8], written: &[Written], question: &[u8]) {
    let reply = Reply::parse(message);
    let hickory = Message::from_vec(message).unwrap();
    assert_eq!(reply.answer.len(), written.len());
    for ((record, theirs), (owner, rtype, rdata)) in
        reply.answer.iter().zip(&hickory.answers).zip(written)
    {
        let expected = Record {
            owner: name::lower(owner.as_deref().unwrap_or(question)),
            rtype: *rtype,
            class: rr::IN,
            ttl: 60,
            rdata: name::lower(rdata),
        };
        assert_eq!(record.folded(), expected, "{message:02x?}");
        let target = match &theirs.data {
            RData::CNAME(name) => name.0.to_string(),
            RData::NS(name) => name.0.to_string(),
            RData::PTR(name) => name.0.to_string(),
            RData::MX(mx) => mx.exchange.to_string(),
            RData::SRV(srv) => srv.target.to_string(),
            RData::SOA(soa) => soa.mname.to_string() + &soa.rname.to_string(),
            RData::A(_) => continue,
            other => panic!("{other:?}"),
        };
        let names = match *rtype {
            rr::MX => &rdata[2..],
            rr::SRV => &rdata[6..],
            rr::SOA => &rdata[..rdata.len() - 20],
            _ => &rdata[..],
        };
        let mut expected = String::new();
        let mut rest = names;
        while !rest.is_empty() {
            let end = rest.iter().scan(0, |left, octet| {
                let is_length = *left == 0;
                *left = if is_length { usize::from(*octet) } else { *left - 1 };
                Some(is_length && *octet == 0)
            });
            let length = end.take_while(|is_end| !is_end).count() + 1;
            expected += &name::text(&rest[..length]);
            rest = &rest[length..];
        }
        assert_eq!(target.to_ascii_lowercase(), expected.to_ascii_lowercase(), "{message:02x?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_are_read_back_whatever_the_buffer_held(
        question in any_name(),
        records in prop::collection::vec((prop::option::of(any_name()), any_rdata()), 1..12),
        room in prop_oneof![3 => Just(4096usize), 1 => 40usize..400],
        seed in 1u64..,
    ) {
        let names: Vec<&[u8]> = records
            .iter()
            .flat_map(|(owner, (_, rdata))| [owner.as_deref().unwrap_or(&question), rdata])
            .filter(|name| name.first().is_some_and(|length| (1..=63).contains(length)) && usize::from(name[0]) < name.len())
            .collect();
        let mut buffer = vec![0; room];
        hostile_octets::fill(&mut buffer, &mut Numbers(seed), &names);
        let count = u16::try_from(records.len()).unwrap().to_be_bytes();
        let head = [&[0, 1, 0x84, 0, 0, 1, count[0], count[1], 0, 0, 0, 0], &question[..], &[0, 1, 0, 1]].concat();
        let Some(slot) = buffer.get_mut(..head.len()) else { return Ok(()) };
        slot.copy_from_slice(&head);
        let mut writer = MessageWriter::new(&mut buffer, head.len());
        let mut written = Vec::new();
        for (owner, (rtype, rdata)) in &records {
            let by = owner.as_deref().map_or(Owner::Question, Owner::Name);
            writer.record(by, *rtype, rr::IN, 60, rdata);
            written.push((owner.clone(), *rtype, rdata.clone()));
        }
        // What does not fit is not sent.
        if let Some(end) = writer.finish() {
            read_back(&buffer[..end], &written, &question);
        }
    }
}

/// As short as it can be: a name that stood before is two octets, and so is the end of one.
#[test]
fn rfc1035_4_1_4_names_are_compressed() {
    let question = name::wire("www.example.net");
    let head = [&[0, 1, 0x84, 0, 0, 1, 0, 3, 0, 0, 0, 0], &question[..], &[0, 1, 0, 1]].concat();
    let mut buffer = vec![0; 512];
    buffer[..head.len()].copy_from_slice(&head);
    let mut writer = MessageWriter::new(&mut buffer, head.len());
    writer.record(Owner::Question, rr::CNAME, rr::IN, 60, &name::wire("cdn.cdn.EXAMPLE.net"));
    writer.record(
        Owner::Name(&name::wire("cdn.cdn.example.net")),
        rr::MX,
        rr::IN,
        60,
        &[&[0, 10][..], &name::wire("cdn.example.net")].concat(),
    );
    writer.record(
        Owner::Name(&name::wire("x.cdn.cdn.example.net")),
        rr::A,
        rr::IN,
        60,
        &[192, 0, 2, 1],
    );
    let end = writer.finish().unwrap();
    let sizes = [2 + 10 + 4 + 4 + 2, 2 + 10 + 2 + 2, 2 + 2 + 10 + 4];
    assert_eq!(end - head.len(), sizes.iter().sum::<usize>(), "{:02x?}", &buffer[head.len()..end]);
}
