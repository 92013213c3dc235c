//! Times with units (`1h`, `2d`), which BIND's master files have and RFC 1035 does not.

use std::borrow::Cow;
use std::ops::Range;

/// Seconds, or numbers with the units s m h d w in any order, as BIND has them; up to 2^31-1 (RFC 2181 section 8).
pub(super) fn parse_ttl(text: &str) -> Option<u32> {
    let mut total: u64 = 0;
    let mut number: Option<u64> = None;
    for octet in text.bytes() {
        if octet.is_ascii_digit() {
            let digit = u64::from(octet - b'0');
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
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
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    if let Some(seconds) = number {
        total = total.checked_add(seconds)?;
    } else if total == 0 && !text.bytes().any(|o| o.is_ascii_digit()) {
        return None;
    }
    u32::try_from(total).ok().filter(|ttl| i32::try_from(*ttl).is_ok())
}

/// The entry with its TTL and the times of a SOA record in plain seconds, as the parser wants them.
pub(super) fn spell_out(entry: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    for (range, seconds) in times(entry) {
        out.push_str(entry.get(copied..range.start).unwrap_or_default());
        out.push_str(&seconds.to_string());
        copied = range.end;
    }
    if copied == 0 {
        return Cow::Borrowed(entry);
    }
    out.push_str(entry.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// The words that are times with units: the TTL before or after the class, and from the third on behind `SOA`.
fn times(entry: &str) -> Vec<(Range<usize>, u32)> {
    let mut out = Vec::new();
    let mut soa_word = None;
    let mut before_type = true;
    let first = usize::from(!entry.starts_with([' ', '\t']));
    for (range, word) in words(entry).into_iter().skip(first) {
        let with_unit = word.ends_with(|c: char| c.is_ascii_alphabetic()).then(|| parse_ttl(word)).flatten();
        let expected = before_type || soa_word.is_some_and(|count| count >= 2);
        match with_unit {
            Some(seconds) if expected => out.push((range, seconds)),
            _ if before_type => {
                let class_or_ttl = word.eq_ignore_ascii_case("IN") || parse_ttl(word).is_some();
                before_type = class_or_ttl;
                soa_word = word.eq_ignore_ascii_case("SOA").then_some(0);
            }
            _ => soa_word = soa_word.map(|count| count + 1),
        }
    }
    out
}

/// The words outside of quotes and comments.
fn words(entry: &str) -> Vec<(Range<usize>, &str)> {
    let mut out = Vec::new();
    let mut start = None;
    let (mut quoted, mut comment) = (false, false);
    for (at, octet) in entry.bytes().chain([b' ']).enumerate() {
        quoted ^= octet == b'"' && !comment;
        comment = (comment || (octet == b';' && !quoted)) && octet != b'\n';
        let part =
            !octet.is_ascii_whitespace() && !matches!(octet, b'(' | b')' | b'"') && !comment && !quoted;
        match (start, part) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                out.push((from..at, entry.get(from..at).unwrap_or_default()));
                start = None;
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ttl_units_are_those_of_bind() {
        assert_eq!(parse_ttl("1h30m"), Some(5400));
        assert_eq!(parse_ttl("2W"), Some(1_209_600));
        assert_eq!(parse_ttl("0"), Some(0));
        for bad in ["", "x", "1y", "h", "4294967296", "2147483648"] {
            assert_eq!(parse_ttl(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_times_are_spelled_out() {
        for (entry, plain) in [
            ("a 1h IN A 192.0.2.1", "a 3600 IN A 192.0.2.1"),
            (" IN 1h30m A 192.0.2.1", " IN 5400 A 192.0.2.1"),
            ("1d A 192.0.2.1", "1d A 192.0.2.1"),
            ("a TXT 1h 2h", "a TXT 1h 2h"),
            ("@ SOA 1h 2h (1 1h ; 3h\n 1H 1w 5m)", "@ SOA 1h 2h (1 3600 ; 3h\n 3600 604800 300)"),
        ] {
            assert_eq!(spell_out(entry), plain);
        }
    }
}
