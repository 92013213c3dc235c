//! The secrets of DNS cookies, and the file that servers of a network share.

use std::fmt;
use std::sync::Arc;

use crate::problem::{Location, Problems};

/// A secret of SipHash-2-4.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 16]);

/// The secrets of cookies: the first makes them, all verify them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CookieSecrets {
    first: Secret,
    others: Vec<Secret>,
}

/// What to write in the file.
const HELP: &str = "write a secret of 32 hex digits on each line, such as `openssl rand -hex 16` \
                    prints: the first makes cookies, all verify them";

/// Most secrets of a file. Two are enough for a change; each costs time for every false cookie.
const MOST: usize = 4;

impl CookieSecrets {
    /// A secret that nobody else has, from 16 random octets.
    pub fn random(octets: [u8; 16]) -> Self {
        Self { first: Secret(octets), others: Vec::new() }
    }

    /// Reads a file of secrets. Blank lines, and lines that begin with `#`, mean nothing. `None` if
    /// there is none, which is an error, as other mistakes are.
    pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Option<Self> {
        let file: Arc<str> = file.into();
        let mut secrets: Vec<Secret> = Vec::new();
        let (errors_before, _) = problems.counts();
        // Once for all reports: each of them holds on to its text.
        let shown = masked(text);
        let mut next = 0;
        for line in text.split_inclusive('\n') {
            let start = next;
            next += line.len();
            let line_text = line.trim();
            if line_text.is_empty() || line_text.starts_with('#') {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let end = start + line.trim_end().len();
            let place = |column| Location::at(&file, &shown, start + column..end);
            match Secret::parse(line_text) {
                Ok(secret) if secrets.contains(&secret) => {
                    problems.error(place(indent), "this secret is in the file twice", "keep one");
                }
                Ok(_) if secrets.len() == MOST => {
                    let what = format!("the file has more than {MOST} secrets");
                    problems.error(place(indent), what, "remove the oldest ones");
                }
                Ok(secret) => secrets.push(secret),
                Err((column, what)) => problems.error(place(indent + column), what, HELP),
            }
        }
        let mut secrets = secrets.into_iter();
        let first = secrets.next();
        if first.is_none() && problems.counts().0 == errors_before {
            problems.error(Location::file(&file), "there is no secret in the file", HELP);
        }
        Some(Self { first: first?, others: secrets.collect() })
    }

    /// The secret that makes cookies.
    pub(super) fn first(&self) -> &Secret {
        &self.first
    }

    /// All secrets, the first one first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl Secret {
    /// Reads 32 hex digits.
    ///
    /// # Errors
    /// The column of what is wrong, from 0 in octets, and what that is.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut octets = [0; 16];
        let mut count = 0;
        for (column, digit) in text.char_indices() {
            let Some(value) = digit.to_digit(16) else {
                return Err((column, "this is no hex digit".to_owned()));
            };
            if let Some(octet) = octets.get_mut(count / 2) {
                *octet = *octet << 4 | value as u8;
            }
            count += 1;
        }
        if count == 32 {
            return Ok(Self(octets));
        }
        Err((0, format!("the secret has {count} hex digits, not 32")))
    }

    pub(super) fn octets(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    /// Never the secret itself, which logs could show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The text for reports, which quote the line: without its secrets.
fn masked(text: &str) -> Arc<str> {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { '*' } else { c }).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::render;

    fn parse(text: &str) -> (Option<CookieSecrets>, Vec<String>) {
        let mut problems = Problems::default();
        let secrets = CookieSecrets::parse("s", text, &mut problems);
        (secrets, problems.iter().map(ToString::to_string).collect())
    }

    const ONE: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
    const TWO: &str = "445536BCD2513298075a5d379663c962";

    #[test]
    fn the_first_makes_and_all_verify() {
        let (secrets, problems) = parse(&format!("# new\n{ONE}\r\n\n  {TWO}  \n"));
        let secrets = secrets.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(secrets.iter().count(), 2);
        assert_eq!(secrets.first().octets()[..2], [0xe5, 0xe9]);
    }

    #[test]
    fn each_mistake_has_its_line_and_column() {
        for (text, expected) in [
            ("", "s: there is no secret in the file"),
            ("# e5e973e5a6b2a43f48e7dc849e37bfcf\n", "s: there is no secret in the file"),
            (&format!("{ONE}\n {ONE}\n"), "s:2:2: this secret is in the file twice"),
            (&format!("{ONE}\n12\n"), "s:2:1: the secret has 2 hex digits, not 32"),
            (&format!("{ONE}0\n"), "s:1:1: the secret has 33 hex digits, not 32"),
            (&format!("{ONE}\n  12é4\n"), "s:2:5: this is no hex digit"),
            (&format!("{ONE} {TWO}\n"), "s:1:33: this is no hex digit"),
        ] {
            let (_, problems) = parse(text);
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(expected), "{} for {text:?}", problems[0]);
        }
        let many = (0..5).map(|number| format!("{number}{}\n", &ONE[1..])).collect::<Vec<_>>();
        let many = many.concat();
        assert!(parse(&many).1[0].starts_with("s:5:1: the file has more than 4 secrets"));
    }

    /// Reports that each had a text of their own took gigabytes for a file of 64 KiB.
    #[test]
    fn reports_of_a_long_file_share_its_text() {
        let mut problems = Problems::default();
        let text = "x\n".repeat(32 << 10);
        assert_eq!(CookieSecrets::parse("s", &text, &mut problems), None);
        assert_eq!(problems.counts(), (32 << 10, 0));
        let mut places = problems.iter().map(|problem| &problem.location);
        let first = places.next().unwrap();
        assert!(places.all(|place| place.is_in_file_of(first)));
    }

    #[test]
    fn no_report_shows_a_secret() {
        let mut problems = Problems::default();
        CookieSecrets::parse("s", &format!("{ONE}\n{TWO}z\n"), &mut problems);
        let shown: String = problems.iter().map(|problem| render(problem, false)).collect();
        assert!(!shown.contains("e5e973") && !shown.contains("445536"), "{shown}");
        assert_eq!(format!("{:?}", parse(ONE).0.unwrap().first()), "Secret");
    }
}
