//! The token that allows changes over TCP.

use std::fmt;

use subtle::ConstantTimeEq;

/// The token in the first line of a file (`token-file` in `[admin]`).
#[derive(Clone, PartialEq, Eq)]
pub struct AdminToken(String);

impl AdminToken {
    /// Fewest characters: with fewer, a program on the same machine could try them all.
    const LEAST: usize = 16;

    /// Reads the first line of a file. Blanks around it do not count.
    ///
    /// # Errors
    /// When the line is empty or too short, or has characters that HTTP does not allow in a token
    /// (RFC 6750 section 2.1). The message does not show the token.
    pub fn parse(text: &str) -> Result<Self, String> {
        let line = text.lines().next().unwrap_or_default().trim();
        if line.is_empty() {
            return Err("the first line is empty".to_owned());
        }
        let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(&octet);
        if !line.bytes().all(fits) {
            return Err(
                "the first line has characters other than letters, digits and -._~+/=".to_owned()
            );
        }
        if line.len() < Self::LEAST {
            return Err(format!(
                "the token has {} characters, fewer than {}",
                line.len(),
                Self::LEAST
            ));
        }
        Ok(Self(line.to_owned()))
    }

    /// Whether this is the token. How long the comparison takes tells nothing but the length.
    pub fn is(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }

    /// The value of the header field `Authorization` that presents the token.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

/// Does not show the token.
impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_token() {
        let token = AdminToken::parse("  0123456789abcdef\t\r\nanother line\n").unwrap();
        assert!(token.is(b"0123456789abcdef"));
        for other in ["", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0"] {
            assert!(!token.is(other.as_bytes()), "{other}");
        }
        assert_eq!(format!("{token:?}"), "AdminToken");
    }

    #[test]
    fn unusable_tokens_are_not_shown() {
        for (text, why) in [
            ("", "empty"),
            ("\n0123456789abcdef", "empty"),
            ("0123456789abcde", "15 characters"),
            ("0123456789 abcdef", "other than letters"),
            ("0123456789äbcdef", "other than letters"),
        ] {
            let error = AdminToken::parse(text).unwrap_err();
            assert!(error.contains(why) && !error.contains("0123456789"), "{error}");
        }
    }
}
