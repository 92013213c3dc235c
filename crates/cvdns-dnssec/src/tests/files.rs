//! The files of keys, and what is wrong with them.

use cvdns_core::dnssec::Algorithm;
use jiff::Timestamp;

use super::{P256_PRIVATE, P256_PUBLIC, at, good, name, read};
use crate::{KeyFileName, KeyTiming, NewKey};

#[test]
fn what_is_written_is_read() {
    let now = Timestamp::from_second(1_796_063_003).unwrap();
    let timing =
        KeyTiming { inactive: Some(at(28)), sync_publish: Some(at(27)), ..KeyTiming::from(now) };
    for algorithm in Algorithm::ALL {
        for flags in [256, 257] {
            let new = NewKey::generate(&name("Example.test."), algorithm, flags, &timing).unwrap();
            let key = good(&new.public_text, Some(&new.private_text));
            assert_eq!((&key.dnskey, key.timing, key.ttl), (&new.dnskey, timing, None));
            assert!(key.private.is_some());
            // The moments stand in both files.
            assert_eq!(good(&new.public_text, None).timing, timing);
            let stem = format!("Kexample.test.+{:03}+{:05}", algorithm.number(), new.dnskey.tag());
            assert_eq!(new.name.to_string(), stem);
            assert_eq!(KeyFileName::parse(&stem), Some(new.name));
        }
    }
}

/// The form of dnssec-keygen 9.18, word by word.
#[test]
fn files_look_as_those_of_bind() {
    let now = Timestamp::from_second(1_796_064_003).unwrap();
    let zone = name("example.test.");
    let timing = KeyTiming::from(now);
    let new = NewKey::generate(&zone, Algorithm::Ed25519, 256, &timing).unwrap();
    let lines: Vec<&str> = new.public_text.lines().collect();
    let tag = new.dnskey.tag();
    assert_eq!(lines[0], format!("; This is a zone-signing key, keyid {tag}, for example.test."));
    assert_eq!(lines[1], "; Created: 20261130184003 (Mon Nov 30 18:40:03 2026)");
    assert_eq!(lines[3], "; Activate: 20261130184003 (Mon Nov 30 18:40:03 2026)");
    assert!(lines[4].starts_with("example.test. IN DNSKEY 256 3 15 "), "{}", lines[4]);
    let lines: Vec<&str> = new.private_text.lines().collect();
    assert_eq!(lines[..2], ["Private-key-format: v1.3", "Algorithm: 15 (ED25519)"]);
    assert_eq!(lines[3], "Created: 20261130184003");
    let root = NewKey::generate(&name("."), Algorithm::Ed25519, 256, &timing).unwrap();
    assert!(root.public_text.contains("\n. IN DNSKEY 256 3 15 "), "{}", root.public_text);
}

#[test]
fn public_keys_are_read_in_all_forms() {
    let data = "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
    let (start, end) = data.split_at(20);
    for (text, ttl) in [
        (format!("example.net. IN DNSKEY 257 3 15 {data} ;{{id = 3613 (ksk), size = 256b}}"), None),
        (format!("example.net. 7200 IN DNSKEY 257 3 ED25519 {start} {end}\n"), Some(7200)),
        (format!("\n; x\nexample.net.\t60 dnskey 257 3 15 (\n{start} ; y\n {end})\n"), Some(60)),
        (format!("example.net.\tIN\tDNSKEY\t257\t3\t15\t({start}\r\n{end} )"), None),
    ] {
        let key = good(&text, None);
        assert_eq!((key.dnskey.tag(), key.ttl), (3613, ttl), "{text}");
    }
}

#[test]
fn each_mistake_of_a_public_key_has_its_place() {
    let of = |rest: &str| format!("example.net. IN DNSKEY {rest}\n");
    let good = "257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
    for (text, expected) in [
        (String::new(), "k.key:1:1: there is no record in the file ("),
        (format!("{}{}", of(good), of(good)), "k.key:2:1: there is a second record ("),
        (of("257 3 15"), "k.key:1:32: expected the key in base64 here ("),
        (of("257 3 15 l02W!"), "k.key:1:33: the key is not in base64 ("),
        (of("KSK 3 15 l02W"), "k.key:1:24: expected the flags: 256 or 257 here, found KSK ("),
        (of("257 3 XYZ l02W"), "k.key:1:30: expected the number of an algorithm here, found XYZ ("),
        (of("257 3 15 l02W"), "k.key:1:1: the key has 3 octets; keys of ED25519 have 32 ("),
        (
            of(&good.replace("257 3", "257 2")),
            "k.key:1:1: the protocol of the key is 2, and must be 3 (RFC 4034 section 2.1.2) (",
        ),
        (
            of(&good.replace("257", "1")),
            "k.key:1:1: the flags 1 are not those of a key of a zone, 256 or 257 (",
        ),
        (
            of("257 3 8 AwEAAa=="),
            "k.key:1:1: zones are not signed with RSASHA256 (8) here (ECDSAP256SHA256 (13) and \
             ED25519 (15) are supported: ",
        ),
        (of("257 3 99 AwEA"), "k.key:1:1: zones are not signed with 99 here ("),
        ("example.net. IN DS 1 13 2 00".to_owned(), "k.key:1:17: expected DNSKEY here, found DS ("),
        ("a..b DNSKEY".to_owned(), "k.key:1:1: a..b: "),
        ("example.net.".to_owned(), "k.key:1:13: expected DNSKEY here ("),
    ] {
        let (key, problems) = read(&text, None);
        assert!(key.is_none());
        assert!(problems[0].starts_with(expected), "{text}: {problems:?}");
    }
}

#[test]
fn each_mistake_of_a_private_key_has_its_place_and_none_shows_it() {
    let with = |line: &str| format!("{P256_PRIVATE}{line}\n");
    let other = NewKey::generate(&name("a."), Algorithm::Ed25519, 257, &KeyTiming::default());
    let of_other = other.unwrap().private_text;
    let mismatch = of_other.replace("15 (ED25519)", "13 (ECDSAP256SHA256)");
    let swap = |from: &str, to: &str| P256_PRIVATE.replace(from, to);
    for (text, expected) in [
        (String::new(), "k.private:1:1: the first line is not `Private-key-format: v1.3` ("),
        ("-----BEGIN".to_owned(), "k.private:1:1: the first line is not"),
        (swap("v1.2", "v2.0"), "k.private:1:1: the format is not v1.2 or v1.3 ("),
        (swap("13 (", "x ("), "k.private:2:1: expected the number of an algorithm here ("),
        (swap("Algorithm", "Else"), "k.private:4:1: there is no `Algorithm` in the file ("),
        (swap("6mQ=", "6m!"), "k.private:3:1: the private key is not in base64 ("),
        (swap("GU6SnQ/Ou", "Ou"), "k.private:3:1: the private key is not in base64 ("),
        (swap("GU6SnQ/O", "GU6SnQ/P"), "k.private: the private key is not that of the public key"),
        (swap("PrivateKey", "Secret"), "k.private: the file has no `PrivateKey` ("),
        (with("PrivateKey: GU6SnQ=="), "k.private:4:1: `PrivateKey` is stated twice ("),
        (with("Algorithm: 13"), "k.private:4:1: `Algorithm` is stated twice ("),
        (with("Publish: soon"), "k.private:4:1: expected a moment here such as 20261231235959"),
        (
            with("Delete: 20261101000000\nDelete: 20261101000000"),
            "k.private:5:1: this moment is stated twice (",
        ),
        (
            swap("PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=", "Label: x"),
            "k.private:3:1: the private key lies in another device, from which it cannot be used",
        ),
        (
            of_other,
            "k.private: the private key is one of ED25519 (15), and the public key of ECDSA",
        ),
        (mismatch, "k.private: the private key is not that of the public key, key 55648 ("),
    ] {
        let (key, problems) = read(P256_PUBLIC, Some(&text));
        assert!(key.is_none(), "{text}");
        assert!(problems[0].starts_with(expected), "{text}: {problems:?}");
    }
    // What newer versions add is skipped, and so are comments.
    let newer = swap("v1.2", "v1.4") + "; x\n\nPredecessor: 12345\nDSPublish: 20261101000000\n";
    assert!(good(P256_PUBLIC, Some(&newer)).private.is_some());
}
