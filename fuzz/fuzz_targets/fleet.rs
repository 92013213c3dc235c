#![no_main]

use cvdns_core::problem::{Problems, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut problems = Problems::default();
    let _ = cvdns_core::fleet::Fleet::parse("mirrors.toml", text, &mut problems);
    // Problems must also be printable.
    for problem in problems.iter().take(5) {
        let _ = (render(problem, false), problem.to_string());
    }
});
