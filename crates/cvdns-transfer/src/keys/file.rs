//! Files of keys: `key` statements of BIND, as `tsig-keygen` writes them.

use std::ops::Range;
use std::sync::Arc;

use cvdns_core::problem::{Location, Problems};
use cvdns_core::wire::name::Name;
use domain::utils::base64;

use super::lexer::{Lexer, Token, TokenKind};
use super::{Algorithm, Key};

/// What to write in the file.
const HELP: &str = "write keys as `tsig-keygen NAME` prints them: key \"NAME\" { algorithm \
                    hmac-sha256; secret \"BASE64\"; };";

/// Fewest octets of a secret: half of the shortest signature. Shorter ones can be guessed.
const SHORTEST_SECRET: usize = 16;

/// Reads all keys of a file, each with its place.
pub(super) fn parse(file: &str, text: &str, problems: &mut Problems) -> Vec<(Key, Location)> {
    let (errors_before, _) = problems.counts();
    let mut parser = Parser {
        tokens: Lexer::new(text).collect::<Vec<_>>().into_iter().peekable(),
        file: file.into(),
        shown: masked(text),
        problems,
    };
    let mut keys = Vec::new();
    while parser.tokens.peek().is_some() {
        match parser.statement() {
            Ok(key) => keys.extend(key),
            // Behind a mistake of syntax it is unclear where the next statement begins.
            Err(()) => return keys,
        }
    }
    if keys.is_empty() && parser.problems.counts().0 == errors_before {
        parser.problems.error(Location::file(file), "there is no key in the file", HELP);
    }
    keys
}

struct Parser<'t, 'p> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token<'t>>>,
    file: Arc<str>,
    /// The text for reports, which quote lines: without secrets.
    shown: Arc<str>,
    problems: &'p mut Problems,
}

/// The value of a clause and its octets in the text.
type Clause<'t> = (&'t str, Range<usize>);

impl<'t> Parser<'t, '_> {
    fn error(&mut self, span: Range<usize>, what: impl Into<String>, help: &str) {
        let location = Location::at(&self.file, &self.shown, span);
        self.problems.error(location, what, help);
    }

    /// Reads `key NAME { … };`.
    ///
    /// # Errors
    /// After a mistake of syntax, which is reported. Other mistakes are reported as well, and the
    /// key is left out.
    fn statement(&mut self) -> Result<Option<(Key, Location)>, ()> {
        let (word, span) = self.word("`key`")?;
        if word != "key" {
            self.error(span, "this is no `key` statement", HELP);
            return Err(());
        }
        let (name, name_span) = self.word("the name of the key")?;
        self.expect(TokenKind::Open, "`{`")?;
        let (mut algorithm, mut secret) = (None, None);
        loop {
            if self.tokens.next_if(|token| token.kind == TokenKind::Close).is_some() {
                break;
            }
            let (word, span) = self.word("`algorithm`, `secret` or `}`")?;
            let slot = match word {
                "algorithm" => &mut algorithm,
                "secret" => &mut secret,
                _ => {
                    self.error(span, "a key has `algorithm` and `secret` only", HELP);
                    return Err(());
                }
            };
            let is_twice = slot.is_some();
            *slot = Some(self.word("a value")?);
            if is_twice {
                self.error(span, "this is stated twice", "keep one");
            }
            self.expect(TokenKind::Semicolon, "`;`")?;
        }
        self.expect(TokenKind::Semicolon, "`;`")?;
        Ok(self.key((name, name_span), algorithm, secret))
    }

    /// Makes a key of what a statement says.
    fn key(
        &mut self,
        (name, span): Clause<'t>,
        algorithm: Option<Clause<'t>>,
        secret: Option<Clause<'t>>,
    ) -> Option<(Key, Location)> {
        let location = Location::at(&self.file, &self.shown, span.clone());
        for (is_missing, what) in [
            (algorithm.is_none(), "the key has no `algorithm`"),
            (secret.is_none(), "the key has no `secret`"),
        ] {
            if is_missing {
                self.error(span.clone(), what, HELP);
            }
        }
        let name = Name::parse(name, &Name::root()).map_err(|error| {
            self.error(span, error.to_string(), "write the name of the key, such as \"transfer\"");
        });
        let algorithm = algorithm.and_then(|clause| self.algorithm(clause));
        let secret = secret.and_then(|clause| self.secret(clause));
        Some((Key::new(&name.ok()?, algorithm?, &secret?), location))
    }

    fn algorithm(&mut self, (word, span): Clause<'t>) -> Option<Algorithm> {
        let plain = word.strip_suffix('.').unwrap_or(word);
        let found =
            Algorithm::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(plain));
        if found.is_none() {
            let help = "write hmac-sha256, hmac-sha384 or hmac-sha512, and make a new secret: \
                        tsig-keygen -a hmac-sha256 NAME";
            self.error(span, "this algorithm is not supported", help);
        }
        found
    }

    fn secret(&mut self, (word, span): Clause<'t>) -> Option<Vec<u8>> {
        let secret: Result<Vec<u8>, _> = base64::decode(word);
        match secret {
            Ok(secret) if secret.len() >= SHORTEST_SECRET => Some(secret),
            Ok(secret) => {
                let what = format!(
                    "the secret has {} octets, which is too short: it could be guessed",
                    secret.len()
                );
                self.error(span, what, "make a new one: tsig-keygen NAME");
                None
            }
            Err(_) => {
                self.error(span, "the secret is not in base64", HELP);
                None
            }
        }
    }

    /// The next word.
    fn word(&mut self, expected: &str) -> Result<Clause<'t>, ()> {
        match self.tokens.next() {
            Some(Token { kind: TokenKind::Word(word), span }) => Ok((word, span)),
            other => {
                self.unexpected(other, expected);
                Err(())
            }
        }
    }

    fn expect(&mut self, kind: TokenKind<'static>, expected: &str) -> Result<(), ()> {
        match self.tokens.next() {
            Some(token) if token.kind == kind => Ok(()),
            other => {
                self.unexpected(other, expected);
                Err(())
            }
        }
    }

    fn unexpected(&mut self, token: Option<Token<'_>>, expected: &str) {
        let end = self.shown.len();
        let (what, span) = match token {
            Some(Token { kind: TokenKind::Unended(what), span }) => {
                (format!("a {what} does not end"), span)
            }
            Some(Token { span, .. }) => (format!("expected {expected} here"), span),
            None => (format!("expected {expected} at the end of the file"), end..end),
        };
        self.error(span, what, HELP);
    }
}

/// The text with every letter and digit replaced but those of words that a file of keys has
/// anyway, so that no report shows a secret, wherever it stands. The length stays.
fn masked(text: &str) -> Arc<str> {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { '*' } else { c }).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Keyring;
    use cvdns_core::problem::render;

    const SECRET: &str = "dGhpcyBpcyBhIHNlY3JldCBvZiAzMiBvY3RldHMhISE=";

    fn read(text: &str) -> (Keyring, Vec<String>) {
        let (mut keys, mut problems) = (Keyring::default(), Problems::default());
        keys.read("k", text, &mut problems);
        for problem in problems.iter() {
            let shown = render(problem, false);
            assert!(!shown.contains("dGhp") && !shown.contains("ISE="), "{shown}");
        }
        (keys, problems.iter().map(ToString::to_string).collect())
    }

    fn name(text: &str) -> Name {
        Name::parse(text, &Name::root()).unwrap()
    }

    #[test]
    fn files_of_tsig_keygen_are_read() {
        let text = format!(
            "# one\nkey \"Transfer.example\" {{\n\talgorithm hmac-sha384;\n\tsecret \"{SECRET}\";\n}};\n\
             // two\nkey other {{ secret {SECRET}; /* any\norder */ algorithm HMAC-SHA256.; }};\n"
        );
        let (keys, problems) = read(&text);
        assert_eq!(problems, [""; 0]);
        assert_eq!(keys.names(), ["other", "transfer.example"]);
        let key = keys.get(&name("TRANSFER.example.")).unwrap();
        assert_eq!(key.algorithm(), Algorithm::Sha384);
        assert_eq!(format!("{key:?}"), "Key(transfer.example hmac-sha384)");
    }

    #[test]
    fn each_mistake_has_its_place_and_none_shows_a_secret() {
        let key = |inside: &str| format!("key k {{ {inside} }};");
        let good = key(&format!("algorithm hmac-sha256; secret \"{SECRET}\";"));
        for (text, expected) in [
            (String::new(), "k: there is no key in the file"),
            (format!("{good}\n{good}"), "k:2:5: the key k is defined twice"),
            (key("algorithm hmac-sha256;"), "k:1:5: the key has no `secret`"),
            (key(&format!("secret {SECRET};")), "k:1:5: the key has no `algorithm`"),
            (key(&format!("algorithm hmac-md5; secret {SECRET};")), "k:1:19: this algorithm is"),
            (key("algorithm hmac-sha256; secret \"dGhp!\";"), "k:1:39: the secret is not in"),
            (key("algorithm hmac-sha256; secret \"dGhpcyE=\";"), "k:1:39: the secret has 5"),
            (format!("key a..b {{ algorithm hmac-sha256; secret {SECRET}; }};"), "k:1:5: a label"),
            (format!("server {SECRET};"), "k:1:1: this is no `key` statement"),
            (format!("key k {{ secret \"{SECRET}"), "k:1:16: a quoted string does not end"),
            ("key k /* x".to_owned(), "k:1:7: a comment does not end"),
            ("key k { algorithm hmac-sha256 }".to_owned(), "k:1:31: expected `;` here"),
            ("key k {".to_owned(), "k:1:8: expected `algorithm`, `secret` or `}` at the end"),
            (key("bits 3;"), "k:1:9: a key has `algorithm` and `secret` only"),
        ] {
            let (_, problems) = read(&text);
            assert!(problems[0].starts_with(expected), "{text}: {problems:?}");
        }
    }
}
