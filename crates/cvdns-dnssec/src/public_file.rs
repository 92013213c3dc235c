//! The file of a public key: `K*.key`, a DNSKEY record with its moments in comments.

use std::ops::Range;

use cvdns_core::problem::{Location, Problems};
use cvdns_core::wire::name::Name;
use domain::utils::base64;

use crate::source::{KeyText, Places};
use crate::timing::{self, KeyTiming};

/// What to write in the file.
const HELP: &str = "the file has one DNSKEY record as dnssec-keygen writes it: \
                    `example.net. IN DNSKEY 257 3 13 BASE64`";

/// Mnemonics of algorithms in the registry of DNSSEC, which some tools write in place of numbers.
const MNEMONICS: [(&str, u8); 9] = [
    ("RSASHA1", 5),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
];

/// The mnemonic of an algorithm with its number, or the number alone, for messages.
pub(crate) fn algorithm_text(number: u8) -> String {
    match MNEMONICS.iter().find(|(_, of)| *of == number) {
        Some((name, _)) => format!("{name} ({number})"),
        None => number.to_string(),
    }
}

/// What the file of a public key says.
#[derive(Debug, Clone)]
pub struct PublicKeyFile {
    /// The zone of the key.
    pub owner: Name,
    /// TTL in seconds; `None` if the record has none.
    pub ttl: Option<u32>,
    /// Flags of the DNSKEY record.
    pub flags: u16,
    /// Its protocol.
    pub protocol: u8,
    /// The number of its algorithm.
    pub algorithm: u8,
    /// The public key.
    pub public_key: Box<[u8]>,
    /// The moments that stand in the comments.
    pub timing: KeyTiming,
    /// Where the record is.
    pub location: Location,
}

/// A word of the record and its octets in the text.
type Word<'t> = (&'t str, Range<usize>);

impl PublicKeyFile {
    /// Reads the file and reports what is wrong with it.
    pub fn parse(source: KeyText<'_>, problems: &mut Problems) -> Option<Self> {
        let places = Places::open(source);
        let (entries, comments) = split(source.text);
        let wrong = |span: Range<usize>, what: String, problems: &mut Problems| {
            problems.error(places.at(span), what, HELP);
        };
        let end = source.text.len();
        let [entry] = entries.as_slice() else {
            let (span, what) = match entries.get(1).and_then(|second| second.first()) {
                Some((_, span)) => (span.clone(), "there is a second record"),
                None => (0..0, "there is no record in the file"),
            };
            wrong(span, what.to_owned(), problems);
            return None;
        };
        let (first, last) = (entry.first()?.1.start, entry.last()?.1.end);
        let mut reader = Reader { words: entry.iter(), end: last..end.max(last) };
        match reader.record() {
            Ok(mut file) => {
                file.location = places.at(first..last);
                file.timing = timing_of(&comments);
                Some(file)
            }
            Err((span, what)) => {
                wrong(span, what, problems);
                None
            }
        }
    }
}

/// Splits a text into records of words, and the comments. Parentheses join lines (RFC 1035 section
/// 5.1).
fn split(text: &str) -> (Vec<Vec<Word<'_>>>, Vec<&str>) {
    let (mut entries, mut comments) = (Vec::new(), Vec::new());
    let (mut entry, mut depth, mut at) = (Vec::new(), 0_usize, 0);
    for line in text.split_inclusive('\n') {
        let code = line.split(';').next().unwrap_or_default();
        comments.extend(line.get(code.len() + 1..).map(str::trim));
        let is_blank = |c: char| c.is_whitespace() || c == '(' || c == ')';
        let mut inside = 0;
        for part in code.split_inclusive(is_blank) {
            let word = part.trim_end_matches(is_blank);
            let start = at + inside;
            if !word.is_empty() {
                entry.push((word, start..start + word.len()));
            }
            match part.chars().next_back() {
                Some('(') => depth += 1,
                Some(')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            inside += part.len();
        }
        if depth == 0 && !entry.is_empty() {
            entries.push(std::mem::take(&mut entry));
        }
        at += line.len();
    }
    if !entry.is_empty() {
        entries.push(entry);
    }
    (entries, comments)
}

/// The moments in comments such as `Publish: 20261130184003 (Mon Nov 30 18:40:03 2026)`.
fn timing_of(comments: &[&str]) -> KeyTiming {
    let mut timing = KeyTiming::default();
    for comment in comments {
        let Some((name, value)) = comment.split_once(':') else { continue };
        let moment = value.split_whitespace().next().and_then(timing::parse);
        if let (Some(slot), Some(moment)) = (timing.slot(name.trim()), moment) {
            *slot = Some(moment);
        }
    }
    timing
}

/// What is wrong with a line that is no record of a key, and where.
type Fault = (Range<usize>, String);

struct Reader<'e, 't> {
    words: std::slice::Iter<'e, Word<'t>>,
    /// The place behind the record.
    end: Range<usize>,
}

impl<'t> Reader<'_, 't> {
    fn record(&mut self) -> Result<PublicKeyFile, Fault> {
        let (owner, span) = self.word("the zone's name")?;
        let owner = Name::parse(owner, &Name::root())
            .map_err(|error| (span.clone(), format!("{owner}: {error}")))?;
        let mut ttl = None;
        let mut word = self.word("DNSKEY")?;
        if let Ok(seconds) = word.0.parse::<u32>() {
            ttl = Some(seconds.min(i32::MAX as u32));
            word = self.word("DNSKEY")?;
        }
        if word.0.eq_ignore_ascii_case("IN") {
            word = self.word("DNSKEY")?;
        }
        if !word.0.eq_ignore_ascii_case("DNSKEY") {
            return Err((word.1, format!("expected DNSKEY here, found {}", word.0)));
        }
        let flags = self.number("the flags: 256 or 257", |text| text.parse().ok())?;
        let protocol = self.number("the protocol: 3", |text| text.parse().ok())?;
        let algorithm = self.number("the number of an algorithm", algorithm_number)?;
        let (first, rest) = (self.word("the key in base64")?, self.words.clone());
        let span = first.1.start..self.end.start;
        let text: String = std::iter::once(first.0).chain(rest.map(|(word, _)| *word)).collect();
        let public_key: Vec<u8> =
            base64::decode(&text).map_err(|_| (span, "the key is not in base64".to_owned()))?;
        Ok(PublicKeyFile {
            owner,
            ttl,
            flags,
            protocol,
            algorithm,
            public_key: public_key.into(),
            timing: KeyTiming::default(),
            location: Location::file(""),
        })
    }

    fn word(&mut self, expected: &str) -> Result<Word<'t>, Fault> {
        let word = self.words.next().cloned();
        word.ok_or_else(|| (self.end.clone(), format!("expected {expected} here")))
    }

    fn number<T>(&mut self, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Fault> {
        let (word, span) = self.word(expected)?;
        read(word).ok_or_else(|| (span, format!("expected {expected} here, found {word}")))
    }
}

fn algorithm_number(text: &str) -> Option<u8> {
    let by_name = || MNEMONICS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    text.parse().ok().or_else(|| by_name().map(|(_, number)| *number))
}
