#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| cvdns_fuzz::bundle::run(input));
