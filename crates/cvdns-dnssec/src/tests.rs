//! Keys, signatures and files against the examples of the RFCs.

mod files;
mod sets;
mod vectors;

use cvdns_core::dnssec::Dnskey;
use cvdns_core::problem::{Location, Problems, render};
use cvdns_core::wire::name::Name;
use cvdns_core::zone::include::NoFiles;
use cvdns_core::zone::master;
use cvdns_core::zone::records::ResourceRecord;
use jiff::Timestamp;

use crate::{KeyText, PublicKeyFile, ZoneKey, timing};

/// RFC 6605 section 6.1.
const P256_PRIVATE: &str = "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\n\
                            PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\n";
const P256_PUBLIC: &str = "example.net. 3600 IN DNSKEY 257 3 13 (\n\
                           GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edb\n\
                           krSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA== )\n";

fn name(text: &str) -> Name {
    Name::parse(text, &Name::root()).unwrap()
}

/// A moment of November 2026.
fn at(day: u8) -> Timestamp {
    timing::parse(&format!("202611{day:02}000000")).unwrap()
}

fn records(text: &str) -> Vec<ResourceRecord> {
    let mut problems = Problems::default();
    let records = master::parse("m", text, &name("example.net."), &mut NoFiles, &mut problems);
    assert!(!problems.has_errors(), "{problems:?}");
    records
}

/// Reads a key, and what is wrong with it. No report shows the private key.
fn read(public: &str, private: Option<&str>) -> (Option<ZoneKey>, Vec<String>) {
    let mut problems = Problems::default();
    let text = |file, text| KeyText { file, text };
    let file = PublicKeyFile::parse(text("k.key", public), &mut problems);
    let key = file.and_then(|file| {
        ZoneKey::new(&file, private.map(|private| text("k.private", private)), &mut problems)
    });
    assert_eq!(key.is_none(), problems.has_errors());
    for problem in problems.iter() {
        let shown = render(problem, false);
        assert!(!shown.contains("GU6SnQ") && !shown.contains("6mQ="), "{shown}");
    }
    (key, problems.iter().map(ToString::to_string).collect())
}

/// A key of files that are right.
fn good(public: &str, private: Option<&str>) -> ZoneKey {
    let (key, problems) = read(public, private);
    assert_eq!(problems, [""; 0]);
    key.unwrap()
}

/// A key of one's own with this role, the moments in lines such as `Publish: 20261101000000`.
fn own(flags: u16, moments: &str) -> ZoneKey {
    let algorithm = cvdns_core::dnssec::Algorithm::Ed25519;
    let key = crate::NewKey::generate(
        &name("example.net."),
        algorithm,
        flags,
        &crate::KeyTiming::default(),
    );
    let key = key.unwrap();
    let private = format!("{}{moments}", key.private_text);
    good(&key.public_text, Some(&private))
}

const KSK: u16 = Dnskey::KEY_SIGNING;
const ZSK: u16 = Dnskey::ZONE_SIGNING;

fn place() -> Location {
    Location::file("zone.toml")
}
