#![no_main]

// The example is loaded before the first input: that takes longer than an input may.
libfuzzer_sys::fuzz_target!(init: cvdns_fuzz::respond::prepare(), |input: &[u8]| {
    cvdns_fuzz::respond::run(input)
});
