#![no_main]

use cvdns_core::problem::{Location, Problems, render};
use cvdns_core::wire::name::Name;
use cvdns_core::zone::include::NoFiles;
use cvdns_core::zone::{Records, master};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let mut problems = Problems::default();
    let origin = Name::parse("clamav.net", &Name::root()).unwrap();
    let records = master::parse("db", octets, &origin, &mut NoFiles, &mut problems);
    let _ = Records::build(&origin, records, &Location::file("db"), &mut problems);
    for problem in problems.iter().take(5) {
        let _ = (render(problem, false), problem.to_string());
    }
});
