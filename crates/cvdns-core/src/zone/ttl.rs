//! Times in master files: seconds, or numbers with units such as `1h30m`, an extension of BIND to
//! RFC 1035.

use super::token::{ParseError, Token};

/// Highest TTL in seconds (RFC 2181 section 8).
const MAX_TTL: u64 = i32::MAX as u64;

/// Reads seconds, or numbers with the units s, m, h, d and w in any order, as BIND does. `None` for
/// anything else. The result saturates.
pub(super) fn seconds(text: &[u8]) -> Option<u64> {
    let mut total: u64 = 0;
    let mut number: Option<u64> = None;
    let mut units = false;
    for octet in text {
        if octet.is_ascii_digit() {
            let digit = u64::from(octet - b'0');
            number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(digit));
            continue;
        }
        let unit = match octet.to_ascii_lowercase() {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.saturating_add(number.take()?.saturating_mul(unit));
        units = true;
    }
    match number {
        // A last number without a unit, as in `1h30`, is ambiguous. BIND refuses it too.
        Some(_) if units => None,
        Some(seconds) => Some(seconds),
        None => Some(total).filter(|_| units),
    }
}

/// Reads a token as a TTL in seconds; `None` if the token is not a time.
///
/// # Errors
/// If the time is over 2^31-1 seconds.
pub(super) fn ttl(token: &Token<'_>) -> Result<Option<u32>, ParseError> {
    let Some(seconds) = Some(token.text).filter(|_| !token.quoted).and_then(seconds) else {
        return Ok(None);
    };
    if seconds > MAX_TTL {
        let what = format!("a TTL of {} is too long", token.shown());
        return Err(token
            .error(what)
            .with_help("write up to 2147483647 seconds (RFC 2181 section 8)"));
    }
    Ok(u32::try_from(seconds).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_as_by_bind() {
        for (text, expected) in [
            ("1h30m", 5400),
            ("2W", 1_209_600),
            ("0", 0),
            ("1m1h1m", 3720),
            ("4294967295", 4_294_967_295),
        ] {
            assert_eq!(seconds(text.as_bytes()), Some(expected));
        }
        assert_eq!(seconds(b"99999999999999999999999w"), Some(u64::MAX));
        for bad in ["", "x", "1y", "h", "1h30", "-1", "+1", "1 h"] {
            assert_eq!(seconds(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_ttl_has_31_bits() {
        let token = |text: &'static str| Token { text: text.as_bytes(), quoted: false, start: 0 };
        assert_eq!(ttl(&token("2147483647")), Ok(Some(i32::MAX as u32)));
        assert_eq!(ttl(&token("A")), Ok(None));
        for long in ["2147483648", "4294967295", "99999999999999999999", "4000w"] {
            let error = ttl(&token(long)).unwrap_err();
            assert_eq!(error.what, format!("a TTL of {long} is too long"));
        }
    }
}
