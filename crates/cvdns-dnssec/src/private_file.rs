//! The file of a private key: `K*.private`, lines of `Field: value`.

use std::fmt;
use std::ops::Range;

use cvdns_core::problem::Problems;
use domain::utils::base64;

use crate::source::{KeyText, Places};
use crate::timing::{self, KeyTiming};

/// The field in the first line, which tells the format.
const FORMAT: &str = "Private-key-format";

/// The versions of the format that are read: all with this major version, as BIND does.
const MAJOR: &str = "v1.";

const HELP: &str = "the file is as dnssec-keygen or ldns-keygen writes it: `Private-key-format: \
                    v1.3`, `Algorithm: 13 (ECDSAP256SHA256)`, `PrivateKey: BASE64`";

/// What the file of a private key says. What is shown of it never has the key.
#[derive(Clone)]
pub struct PrivateKeyFile {
    /// The number of the algorithm.
    pub algorithm: u8,
    /// The private key; `None` if the file has none of the form that keys of elliptic curves have.
    pub secret: Option<Box<[u8]>>,
    /// The moments of the key.
    pub timing: KeyTiming,
}

impl fmt::Debug for PrivateKeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKeyFile(algorithm {})", self.algorithm)
    }
}

/// Field, value and the octets of the line.
type Line<'t> = (&'t str, &'t str, Range<usize>);

impl PrivateKeyFile {
    /// Reads the file and reports what is wrong with it. Fields that are not known are skipped, as
    /// BIND does with those of newer versions.
    pub fn parse(source: KeyText<'_>, problems: &mut Problems) -> Option<Self> {
        let mut reader = Reader {
            places: Places::masked(source),
            problems,
            algorithm: None,
            secret: None,
            is_elsewhere: None,
            timing: KeyTiming::default(),
            has_errors: false,
        };
        let mut lines = lines(source.text);
        let version = lines.next().filter(|(field, ..)| *field == FORMAT);
        let Some((_, version, span)) = version else {
            reader.wrong(0..0, "the first line is not `Private-key-format: v1.3`");
            return None;
        };
        if !version.starts_with(MAJOR) {
            reader.wrong(span, "the format is not v1.2 or v1.3");
            return None;
        }
        for line in lines {
            reader.line(line);
        }
        reader.finish(source.text.len())
    }
}

/// The lines with a field. Comments begin with a semicolon.
fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let code = line.split(';').next().unwrap_or_default().trim_end();
        if code.trim().is_empty() {
            return None;
        }
        let (field, value) = code.split_once(':').unwrap_or((code, ""));
        Some((field.trim(), value.trim(), start..start + code.len()))
    })
}

struct Reader<'p> {
    places: Places,
    problems: &'p mut Problems,
    algorithm: Option<u8>,
    secret: Option<Box<[u8]>>,
    /// The line that says that the key lies in another device.
    is_elsewhere: Option<Range<usize>>,
    timing: KeyTiming,
    has_errors: bool,
}

impl Reader<'_> {
    fn wrong(&mut self, span: Range<usize>, what: &str) {
        self.problems.error(self.places.at(span), what, HELP);
        self.has_errors = true;
    }

    fn line(&mut self, (field, value, span): Line<'_>) {
        match field {
            "Algorithm" => {
                let number = value.split_whitespace().next().and_then(|word| word.parse().ok());
                if number.is_none() {
                    self.wrong(span, "expected the number of an algorithm here");
                } else if std::mem::replace(&mut self.algorithm, number).is_some() {
                    self.wrong(span, "`Algorithm` is stated twice");
                }
            }
            "PrivateKey" => self.secret(value, span),
            "Engine" | "Label" => self.is_elsewhere = Some(span),
            _ => self.moment(field, value, span),
        }
    }

    fn secret(&mut self, value: &str, span: Range<usize>) {
        let secret: Result<Vec<u8>, _> = base64::decode(value);
        match secret {
            Ok(secret) if !secret.is_empty() => {
                if self.secret.replace(secret.into()).is_some() {
                    self.wrong(span, "`PrivateKey` is stated twice");
                }
            }
            _ => self.wrong(span, "the private key is not in base64"),
        }
    }

    fn moment(&mut self, field: &str, value: &str, span: Range<usize>) {
        let Some(slot) = self.timing.slot(field) else { return };
        let moment = value.split_whitespace().next().and_then(timing::parse);
        let is_twice = moment.is_some() && slot.is_some();
        *slot = moment;
        if moment.is_none() {
            self.wrong(span, "expected a moment here such as 20261231235959 (UTC)");
        } else if is_twice {
            self.wrong(span, "this moment is stated twice");
        }
    }

    fn finish(mut self, end: usize) -> Option<PrivateKeyFile> {
        if self.algorithm.is_none() && !self.has_errors {
            self.wrong(end..end, "there is no `Algorithm` in the file");
        }
        if let Some(span) = self.is_elsewhere.take().filter(|_| self.secret.is_none()) {
            let what = "the private key lies in another device, from which it cannot be used here";
            let help = "sign the key set with it there, and name that by `key-set` in [dnssec] \
                        (docs/dnssec.md)";
            self.problems.error(self.places.at(span), what, help);
            return None;
        }
        let Self { algorithm, secret, timing, has_errors, .. } = self;
        (!has_errors).then_some(PrivateKeyFile { algorithm: algorithm?, secret, timing })
    }
}
