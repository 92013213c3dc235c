//! The time in a mirror's answer to `GET /timestamp`: the moment of the check, the length of
//! Last-Modified, Last-Modified, and the body.

use cvdns_monitor::check::Answer;
use cvdns_monitor::timestamp;
use jiff::Timestamp;

use super::octets::{Octets, text};

/// No time of the future is taken.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let (now, length) = (octets.u32().cast_signed(), octets.u8());
    let now = Timestamp::from_second(now.into()).expect("a time");
    let last_modified = Some(text(octets.slice(length.into())).to_owned());
    let answer = Answer { body: octets.0.to_vec(), last_modified, ..Answer::default() };
    match timestamp::of(&answer, now) {
        Ok(time) => assert!(time.as_second() <= now.as_second() + 300),
        Err(failure) => {
            let line = failure.to_string();
            assert!(!line.is_empty() && !line.contains(['\n', '\r', '\u{1b}']), "{line:?}");
        }
    }
}
