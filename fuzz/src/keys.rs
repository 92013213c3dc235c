//! The file of keys of transfers.

use cvdns_core::problem::{Problems, render};
use cvdns_transfer::Keyring;

use super::octets::text;
use super::problems;

/// Fewest letters of a word that may be a secret.
const SECRET: usize = 16;

/// A file has a key or a problem, and no report shows a word that may be a secret.
pub fn run(input: &[u8]) {
    let text = text(input);
    let (mut keys, mut found) = (Keyring::default(), Problems::default());
    keys.read("k", text, &mut found);
    problems::print(&found);
    assert!(found.has_errors() || !keys.is_empty(), "{text:?}");
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric();
    let secrets: Vec<&str> =
        text.split(|letter| !is_of_word(letter)).filter(|word| word.len() >= SECRET).collect();
    for problem in found.iter().take(5) {
        let shown = render(problem, false);
        for secret in &secrets {
            // The name of a key is no secret, and is shown where it is there twice.
            let is_name = keys
                .names()
                .iter()
                .any(|name| name.to_ascii_lowercase().contains(&secret.to_ascii_lowercase()));
            assert!(is_name || !shown.contains(secret), "{shown} shows {secret}");
        }
    }
    for name in keys.names() {
        assert!(!name.is_empty());
    }
}
