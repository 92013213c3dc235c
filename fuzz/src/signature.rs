//! Signature files and public keys.

use std::sync::LazyLock;

use cvdns_core::health::{Key, Keys};

use super::octets::text;

/// Made by minisign 0.11, over the octets below.
const KEY: &str = "RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5";
const OTHER: &str = "RWTDT8Qikx5b9kYJmxwQLvjV49vyVTpbsflhZzXlG6IX+bxRN5g/Bzn4";
const FEED: &[u8] = b"{\"format\":1}\n";

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let keys = [KEY, OTHER].iter().filter_map(|text| text.parse().ok()).collect();
    Keys::new(keys).expect("two keys")
});

/// Only the signature of the octets themselves is accepted.
pub fn run(input: &[u8]) {
    if let Err(error) = KEYS.verify(FEED, Some(input)) {
        assert!(!error.to_string().is_empty());
    }
    assert!(KEYS.verify(b"another feed", Some(input)).is_err());
    if let Ok(key) = text(input).parse::<Key>() {
        assert_eq!(key.id().to_string().len(), 16);
    }
}
