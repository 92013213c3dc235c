//! The file of cookie secrets.

use cvdns_core::abuse::CookieSecrets;
use cvdns_core::problem::{Problems, render};

use super::octets::text;
use super::problems;

/// A file is read if, and only if, its lines are what they must be; no report shows a digit of a
/// secret.
pub fn run(input: &[u8]) {
    let text = text(input);
    let mut found = Problems::default();
    let secrets = CookieSecrets::parse("s", text, &mut found);
    problems::print(&found);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let digits =
        |line: &&str| line.len() == 32 && line.bytes().all(|octet| octet.is_ascii_hexdigit());
    let lowered: std::collections::BTreeSet<String> =
        lines.iter().map(|line| line.to_ascii_lowercase()).collect();
    let is_good =
        lines.iter().all(digits) && (1..=4).contains(&lines.len()) && lowered.len() == lines.len();
    assert_eq!(secrets.is_some() && found.is_empty(), is_good, "{text:?}");
    for problem in found.iter().take(5) {
        let shown = render(problem, false);
        for line in lines.iter().filter(|line| digits(line)) {
            assert!(!shown.contains(&line[..8]), "{shown} shows {line}");
        }
    }
}
