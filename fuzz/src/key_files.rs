//! The two files of a key of a zone, separated by a line of `---`; the name of the files is the
//! first line.

use cvdns_core::problem::{Problems, render};
use cvdns_dnssec::{KeyFileName, KeyText, PrivateKeyFile, PublicKeyFile, ZoneKey};

use super::octets::text;
use super::problems;

/// Fewest letters of a word that may be a private key.
const SECRET: usize = 16;

/// A file is read or has a problem, no report shows a private key, and what signs is verified by
/// the public key.
pub fn run(input: &[u8]) {
    let text = text(input);
    let (name, rest) = text.split_once('\n').unwrap_or((text, ""));
    if let Some(name) = KeyFileName::parse(name) {
        assert_eq!(KeyFileName::parse(&name.to_string()), Some(name));
    }
    let (public, private) = rest.split_once("\n---\n").unwrap_or((rest, ""));
    let of = |file, text| KeyText { file, text };

    let mut found = Problems::default();
    let parsed = PublicKeyFile::parse(of("k.key", public), &mut found);
    problems::print(&found);
    assert_eq!(parsed.is_none(), found.has_errors(), "{public:?}");

    let mut found = Problems::default();
    let secret = PrivateKeyFile::parse(of("k.private", private), &mut found);
    problems::print(&found);
    assert_eq!(secret.is_none(), found.has_errors(), "{private:?}");
    hides(&found, private);
    assert!(format!("{secret:?}").len() < 40, "{secret:?}");

    let Some(parsed) = parsed else { return };
    let mut found = Problems::default();
    let key = ZoneKey::new(&parsed, Some(of("k.private", private)), &mut found);
    problems::print(&found);
    assert_eq!(key.is_none(), found.has_errors(), "{text:?}");
    hides(&found, private);
    if let Some(pair) = key.and_then(|key| key.private) {
        use cvdns_core::dnssec::PrivateKey as _;
        let signature = pair.sign(input).expect("random numbers");
        assert!(cvdns_dnssec::verify(pair.dnskey(), input, &signature));
    }
}

/// No report shows a word that may be a private key.
fn hides(found: &Problems, private: &str) {
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric();
    let secrets = private.split(|letter| !is_of_word(letter));
    let secrets: Vec<&str> = secrets.filter(|word| word.len() >= SECRET).collect();
    for problem in found.iter().take(5) {
        let shown = render(problem, false);
        for secret in &secrets {
            // Words that a report has anyway.
            let is_known =
                ["ECDSAP256SHA256", "20261231235959"].iter().any(|of| of.contains(secret));
            assert!(is_known || !shown.contains(secret), "{shown} shows {secret}");
        }
    }
}
