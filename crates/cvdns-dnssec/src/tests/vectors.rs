//! RFC 6605 section 6 and RFC 8080 section 6.

use cvdns_core::dnssec::{Algorithm, PrivateKey as _, key_tag};

use super::{P256_PRIVATE, P256_PUBLIC, good, name, records};
use crate::rrsig::Rrsig;
use crate::{DigestType, KeyPair, PairError, ds, key_digest, verify};

/// The files of a key, its tag, its DS record, and a set with its signature.
struct Vector {
    zone: &'static str,
    public: String,
    private: String,
    tag: u16,
    ds: &'static str,
    signed: &'static str,
}

fn ed25519(zone_key: &str, private_key: &str) -> (String, String) {
    (
        format!("example.com. 3600 IN DNSKEY 257 3 15 ( {zone_key} )\n"),
        format!("Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\nPrivateKey: {private_key}\n"),
    )
}

fn vectors() -> [Vector; 3] {
    let one = ed25519(
        "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
        "ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=",
    );
    let other = ed25519(
        "zPnZ/QwEe7S8C5SPz2OfS5RR40ATk2/rYnE9xHIEijs=",
        "DSSF3o0s0f+ElWzj9E/Osxw8hLpk55chkmx0LYN5WiY=",
    );
    [
        Vector {
            zone: "example.net.",
            public: P256_PUBLIC.to_owned(),
            private: P256_PRIVATE.to_owned(),
            tag: 55648,
            ds: "example.net. 3600 IN DS 55648 13 2 ( b4c8c1fe2e7477127b27115656ad6256f424625bf5c1
                 e2770ce6d6e37df61d17 )",
            signed: "www.example.net. 3600 IN A 192.0.2.1
www.example.net. 3600 IN RRSIG A 13 3 3600 ( 20100909100439 20100812100439 55648 example.net.
    qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXA yGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw== )",
        },
        Vector {
            zone: "example.com.",
            public: one.0,
            private: one.1,
            tag: 3613,
            ds: "example.com. 3600 IN DS 3613 15 2 ( 3aa5ab37efce57f737fc1627013fee07bdf241bd10f3
                 b1964ab55c78e79a304b )",
            signed: "example.com. 3600 IN MX 10 mail.example.com.
example.com. 3600 IN RRSIG MX 15 2 3600 ( 1440021600 1438207200 3613 example.com.
    oL9krJun7xfBOIWcGHi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg== )",
        },
        Vector {
            zone: "example.com.",
            public: other.0,
            private: other.1,
            tag: 35217,
            ds: "example.com. 3600 IN DS 35217 15 2 ( 401781b934e392de492ec77ae2e15d70f6575a1c0bc5
                 9c5275c04ebe80c6614c )",
            signed: "example.com. 3600 IN MX 10 mail.example.com.
example.com. 3600 IN RRSIG MX 15 2 3600 ( 1440021600 1438207200 35217 example.com.
    zXQ0bkYgQTEFyfLyi9QoiY6D8ZdYo4wyUhVioYZXFdT410QPRITQSqJSnzQoSm5poJ7gD7AQR0O7KuI5k2pcBg== )",
        },
    ]
}

#[test]
fn the_examples_of_the_rfcs_hold() {
    for Vector { zone, public, private, tag, ds: expected, signed } in vectors() {
        let key = good(&public, Some(&private));
        assert_eq!((key.dnskey.tag(), key.ttl), (tag, Some(3600)));
        let rdata = ds(&name(zone), &key.dnskey, DigestType::Sha256);
        assert_eq!(*records(expected)[0].rdata, *rdata);
        let upper = name(&zone.to_uppercase());
        assert_eq!(ds(&upper, &key.dnskey, DigestType::Sha256), rdata);
        let sha384 = ds(&name(zone), &key.dnskey, DigestType::Sha384);
        assert_eq!((sha384.len(), sha384[3]), (4 + 48, 4));
        let [set, rrsig] = records(signed).try_into().unwrap();
        let signature = Rrsig::parse(&rrsig.rdata).unwrap();
        assert!(signature.is_by(&key.dnskey, &set.owner, &[&set.rdata]), "{tag}");
        assert!(!signature.is_by(&key.dnskey, &set.owner, &[&set.rdata[1..]]), "{tag}");
        assert!(!signature.is_by(&key.dnskey, &name("other."), &[&set.rdata]), "{tag}");
    }
}

/// The example of RFC 4034 section 5.4: SHA-1, of a key of an algorithm by which nothing is signed
/// here.
#[test]
fn the_digest_of_rfc_4034_holds() {
    let records = records(
        "dskey.example.com. 86400 IN DNSKEY 256 3 5 ( AQOeiiR0GOMYkDshWoSKz9Xz
         fwJr1AYtsmx3TGkJaNXVbfi/ 2pHm822aJ5iI9BMzNXxeYCmZ DRD99WYwYqUSdjMmmAphXdvx egXd/M5+X7OrzKBaMbCVdFLU
         Uh6DhweJBjEVv5f2wwjM9Xzc nOf+EPbtG9DMBmADjFDc2w/r ljwvFw== )
dskey.example.com. 86400 IN DS 60485 5 1 ( 2BB183AF5F22588179A53B0A98631FAD1A292118 )\n",
    );
    let (key, ds) = (&records[0].rdata, &records[1].rdata);
    assert_eq!(key_tag(key), 60485);
    let zone = name("dskey.example.com");
    assert_eq!(key_digest(&zone, key, DigestType::Sha1), ds[4..]);
}

#[test]
fn whoever_signs_is_verified_and_nobody_else() {
    for algorithm in Algorithm::ALL {
        let (pair, secret) = KeyPair::generate(algorithm, 257).unwrap();
        let (stranger, _) = KeyPair::generate(algorithm, 257).unwrap();
        let signature = pair.sign(b"octets").unwrap();
        assert!(verify(pair.dnskey(), b"octets", &signature));
        assert!(!verify(pair.dnskey(), b"octet", &signature));
        assert!(!verify(stranger.dnskey(), b"octets", &signature));
        assert!(!verify(pair.dnskey(), b"octets", &signature[1..]));
        let again = pair.sign(b"octets").unwrap();
        assert_eq!(again == signature, algorithm == Algorithm::Ed25519, "{algorithm}");
        let mismatch = KeyPair::new(stranger.dnskey(), &secret).err();
        assert_eq!(mismatch, Some(PairError::Mismatch));
        let long = [&secret, &secret[..1]].concat();
        assert_eq!(KeyPair::new(pair.dnskey(), &long).err(), Some(PairError::Length));
        let shown = format!("{pair:?}");
        assert_eq!(shown, format!("KeyPair({algorithm} {})", pair.dnskey().tag()));
    }
}

/// BIND wrote octets of zero at the start of a private key only since 9.16.
#[test]
fn leading_zeros_may_be_missing() {
    for _ in 0..2000 {
        let (pair, secret) = KeyPair::generate(Algorithm::EcdsaP256Sha256, 256).unwrap();
        if let Some(short) = secret.strip_prefix(&[0]) {
            assert!(KeyPair::new(pair.dnskey(), short).is_ok());
            return;
        }
    }
    panic!("2000 keys without a zero");
}
