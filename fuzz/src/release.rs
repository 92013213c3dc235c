//! Version records, as they stand in a file (`record-file`).

use cvdns_core::release::RecordLine;

use super::octets::text;
use super::snapshots::clock;

/// A record that is written is read as the same.
pub fn run(input: &[u8]) {
    match RecordLine::parse(text(input), clock()) {
        Ok(line) => {
            let record = line.release.record(line.stamp.as_second());
            assert!(record.len() <= 255 && record.split(':').all(|field| !field.is_empty()));
            assert_eq!(RecordLine::parse(&record, clock()), Ok(line), "what is written is read");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
