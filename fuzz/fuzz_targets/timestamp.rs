#![no_main]

use cvdns_monitor::check::Answer;
use cvdns_monitor::timestamp;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &str, i32)| {
    let (body, last_modified, now) = input;
    let now = Timestamp::from_second(now.into()).unwrap();
    let answer = Answer {
        body: body.to_vec(),
        last_modified: Some(last_modified.to_owned()),
        ..Answer::default()
    };
    match timestamp::of(&answer, now) {
        Ok(time) => {
            assert!(time.as_second() <= now.as_second() + 300, "none of the future is taken")
        }
        Err(failure) => drop(failure.to_string()),
    }
});
