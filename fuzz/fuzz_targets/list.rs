#![no_main]

use cvdns_core::fleet::Fleet;
use cvdns_core::problem::{Problems, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut problems = Problems::default();
    let fleet = Fleet::of_list("list.csv", text, &mut problems);
    for problem in problems.iter().take(5) {
        let _ = (render(problem, false), problem.to_string());
    }
    if problems.has_errors() {
        return;
    }
    let mut refused = Problems::default();
    let read = Fleet::parse("mirrors.toml", &fleet.to_text(), &mut refused);
    assert!(!refused.has_errors() && fleet.is_like(&read), "{}", fleet.to_text());
});
