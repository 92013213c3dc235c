//! Numbers, times and spans as people read them.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// A moment to the minute, such as `2026-11-20 02:11 UTC`.
pub fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A day, such as `2026-11-20`.
pub fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string()
}

/// A moment to the second for machines (RFC 3339).
pub fn rfc3339(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A part of a whole in percent, such as `99.98 %`.
///
/// It is rounded down, so that only what is complete is `100 %`; a part above nothing that would be
/// shown as `0 %` is `<0.01 %`.
pub fn percent(part: f64) -> String {
    if part.is_nan() || part <= 0.0 {
        return "0 %".to_owned();
    }
    if part >= 1.0 {
        return "100 %".to_owned();
    }
    // A part that was computed, such as 0.29, may lie just under the hundredth that it means.
    let hundredths = (part * 10_000.0 + 1e-6).floor();
    if hundredths < 1.0 {
        return "<0.01 %".to_owned();
    }
    let text = format!("{:.2}", hundredths / 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A span in its largest unit, such as `3 days` or `5 minutes`, rounded down.
pub fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (number, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{end}")
}

/// A number with its thousands apart, such as `10 000`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            // A space that no line is broken at.
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    out
}

/// A rate of `kbits` kbit/s, such as `1.5 Gbit/s`; none at all is `none`.
pub fn rate(kbits: u64) -> String {
    let (unit, name) = match kbits {
        0 => return "none".to_owned(),
        1..1_000 => (1.0, "kbit/s"),
        1_000..1_000_000 => (1e3, "Mbit/s"),
        1_000_000..1_000_000_000 => (1e6, "Gbit/s"),
        _ => (1e9, "Tbit/s"),
    };
    let text = format!("{:.1}", kbits as f64 / unit);
    format!("{} {name}", text.trim_end_matches(".0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_rounded_down() {
        for (part, text) in [
            (f64::NAN, "0 %"),
            (-1.0, "0 %"),
            (0.0, "0 %"),
            (0.000_01, "<0.01 %"),
            (0.000_1, "0.01 %"),
            (0.29, "29 %"),
            (0.1234, "12.34 %"),
            (0.999_8, "99.98 %"),
            (0.999_99, "99.99 %"),
            (1.0, "100 %"),
            (2.0, "100 %"),
        ] {
            assert_eq!(percent(part), text, "{part}");
        }
    }

    #[test]
    fn numbers_times_and_rates() {
        let at: Timestamp = "2026-11-20T02:11:09.5Z".parse().unwrap();
        assert_eq!(moment(at), "2026-11-20 02:11 UTC");
        assert_eq!(day(at), "2026-11-20");
        assert_eq!(rfc3339(at), "2026-11-20T02:11:09Z");
        for (seconds, text) in [
            (-5, "0 seconds"),
            (1, "1 second"),
            (119, "1 minute"),
            (3600, "1 hour"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), text);
        }
        for (value, text) in
            [(0, "0"), (999, "999"), (1000, "1\u{a0}000"), (1_234_567, "1\u{a0}234\u{a0}567")]
        {
            assert_eq!(number(value), text);
        }
        for (value, text) in [
            (0, "none"),
            (100_000, "100 Mbit/s"),
            (1_500_000, "1.5 Gbit/s"),
            (2_000_000_000, "2 Tbit/s"),
        ] {
            assert_eq!(rate(value), text);
        }
    }
}
