//! Master files.

use std::fmt::Write as _;

use cvdns::export::presentation::{data, name};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::wire::name::Name;
use cvdns_core::zone::include::NoFiles;
use cvdns_core::zone::records::ResourceRecord;
use cvdns_core::zone::{Records, master};

use super::problems;

/// Most records that are written and read again.
const MOST: usize = 200;

/// Records that are written as an export writes them are read as the same.
pub fn run(input: &[u8]) {
    let mut found = Problems::default();
    let origin = Name::parse("clamav.net", &Name::root()).expect("a name");
    let records = master::parse("db", input, &origin, &mut NoFiles, &mut found);
    read_back(&records[..records.len().min(MOST)]);
    let _ = Records::build(&origin, records, &Location::file("db"), &mut found);
    problems::print(&found);
}

fn read_back(records: &[ResourceRecord]) {
    let mut text = String::new();
    for record in records {
        let (mnemonic, rdata) = data(record.rtype, &record.rdata);
        let owner = name(record.owner.wire());
        writeln!(text, "{owner} {} IN {mnemonic} {rdata}", record.ttl).expect("written");
    }
    let mut found = Problems::default();
    let again = master::parse("db", &text, &Name::root(), &mut NoFiles, &mut found);
    assert!(!found.has_errors(), "{:?} in {text}", found.iter().next().map(ToString::to_string));
    let plain = |record: &ResourceRecord| {
        (record.owner.wire().to_vec(), record.rtype, record.ttl, record.rdata.clone())
    };
    assert_eq!(
        again.iter().map(plain).collect::<Vec<_>>(),
        records.iter().map(plain).collect::<Vec<_>>()
    );
}
