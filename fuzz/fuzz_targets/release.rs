#![no_main]

use cvdns_core::release::RecordLine;
use cvdns_core::release::cvd::{HEADER_SIZE, Header};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let now = Timestamp::from_second(1_795_000_000).unwrap();
    // Headers are padded, as most inputs of a fuzzer would be too short.
    let mut padded = bytes.to_vec();
    padded.resize(padded.len().max(HEADER_SIZE), b' ');
    for octets in [bytes, &padded] {
        match Header::parse(octets, now) {
            Ok(header) => assert!(header.version > 0 && !header.builder.is_empty()),
            Err(error) => drop(error.to_string()),
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match RecordLine::parse(text, now) {
        Ok(line) => {
            let record = line.release.record(line.stamp.as_second());
            assert!(record.len() <= 255 && record.split(':').all(|field| !field.is_empty()));
            assert_eq!(RecordLine::parse(&record, now).unwrap(), line, "what is written is read");
        }
        Err(error) => drop(error.to_string()),
    }
});
