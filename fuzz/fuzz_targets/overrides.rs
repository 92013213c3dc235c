#![no_main]

use cvdns_core::health::Overrides;
use cvdns_core::problem::{Problems, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut problems = Problems::default();
    let overrides = Overrides::parse("overrides.toml", text, &mut problems);
    // Problems must also be printable.
    for problem in problems.iter().take(5) {
        let _ = (render(problem, false), problem.to_string());
    }
    let mut now = jiff::Timestamp::MIN;
    for said in overrides.in_force(now) {
        // Every override has a reason, and its text is a single line.
        assert!(!said.reason.is_empty() && !said.to_string().contains('\n'));
    }
    let _ = overrides.of("mirror1.example.net", now);
    // At each end, fewer overrides are in force.
    while let Some(end) = overrides.next_end(now) {
        assert!(overrides.in_force(end).count() < overrides.in_force(now).count());
        now = end;
    }
});
