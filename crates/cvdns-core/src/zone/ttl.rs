//! Times in master files: seconds, or numbers with units (`1h30m`), which BIND has and RFC 1035 does not.

use super::token::{Fault, Token};

/// The most seconds of a TTL (RFC 2181 section 8).
const MAX_TTL: u64 = i32::MAX as u64;

/// Seconds, or numbers with the units s m h d w in any order, as BIND has them; `None` for anything else. A sum beyond
/// 64 bits is the greatest number of 64 bits.
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
        // Minutes or seconds after `1h`? BIND does not guess either.
        Some(_) if units => None,
        Some(seconds) => Some(seconds),
        None => Some(total).filter(|_| units),
    }
}

/// The TTL that a token is; `None` when it is no time at all.
///
/// # Errors
/// When it is a time of more than 2^31-1 seconds.
pub(super) fn ttl(token: &Token<'_>) -> Result<Option<u32>, Fault> {
    let Some(seconds) = Some(token.text).filter(|_| !token.quoted).and_then(seconds) else {
        return Ok(None);
    };
    if seconds > MAX_TTL {
        let what = format!("a TTL of {} is too long", token.shown());
        return Err(token.fault(what).with("write up to 2147483647 seconds (RFC 2181 section 8)"));
    }
    Ok(u32::try_from(seconds).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_bind() {
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
            let fault = ttl(&token(long)).unwrap_err();
            assert_eq!(fault.what, format!("a TTL of {long} is too long"));
        }
    }
}
