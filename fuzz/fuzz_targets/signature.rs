//! Signature files and keys, which come from web servers: nothing panics, and only the signature of
//! the octets themselves is accepted.

#![no_main]

use cvdns_core::health::{Key, Keys};
use libfuzzer_sys::fuzz_target;

/// Made by minisign 0.11, over the octets below.
const KEY: &str = "RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5";
const OTHER: &str = "RWTDT8Qikx5b9kYJmxwQLvjV49vyVTpbsflhZzXlG6IX+bxRN5g/Bzn4";
const FEED: &[u8] = b"{\"format\":1}\n";

fuzz_target!(|octets: &[u8]| {
    let keys = [KEY, OTHER].iter().filter_map(|text| text.parse().ok()).collect();
    let keys = Keys::new(keys).expect("two keys");
    if let Err(error) = keys.verify(FEED, Some(octets)) {
        let _ = error.to_string();
    }
    // Octets other than the signed ones are never accepted.
    assert!(keys.verify(b"another feed", Some(octets)).is_err());
    if let Ok(text) = std::str::from_utf8(octets)
        && let Ok(key) = text.parse::<Key>()
    {
        assert_eq!(key.id().to_string().len(), 16);
    }
});
