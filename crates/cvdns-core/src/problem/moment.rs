//! Moments in files (RFC 3339).

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error as _};

/// Digits of a second's fraction that are kept: nanoseconds.
const DIGITS: usize = 9;

/// Reads a moment such as `2026-11-22T17:00:00Z`.
///
/// The fraction of a second may have any number of digits (RFC 3339 section 5.6); those beyond
/// nanoseconds are dropped.
///
/// # Errors
/// When the text is not a moment, or its offset is above 23:59.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    let cut = cut_fraction(text);
    let moment =
        cut.as_deref().unwrap_or(text).parse::<Timestamp>().map_err(|error| error.to_string())?;
    match offset_hours(text) {
        Some(hours) if hours > 23 => Err(format!(
            "the offset of {text:?} has {hours} hours; expected -23:59 to +23:59, or Z"
        )),
        _ => Ok(moment),
    }
}

/// Reads a moment with serde.
///
/// # Errors
/// The errors of [`parse`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    parse(&text).map_err(D::Error::custom)
}

/// Reads a moment, or null, with serde.
///
/// # Errors
/// The errors of [`parse`].
pub fn deserialize_option<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<Moment>::deserialize(deserializer)?.map(|moment| moment.0))
}

/// A moment that serde reads with [`parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(
    /// The moment.
    pub Timestamp,
);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Moment)
    }
}

/// The text with its fraction cut to nanoseconds; `None` if nothing has to be cut.
fn cut_fraction(text: &str) -> Option<String> {
    let (before, after) = text.split_once('.')?;
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let (kept, rest) = (after.get(..DIGITS)?, after.get(digits..)?);
    (digits > DIGITS).then(|| format!("{before}.{kept}{rest}"))
}

/// The hours of the offset; `None` if there is no offset.
fn offset_hours(text: &str) -> Option<u32> {
    let time = text.split_once(['T', 't', ' '])?.1;
    let offset = time.split('[').next().unwrap_or(time).rsplit_once(['+', '-'])?.1;
    let digits = offset.bytes().take_while(u8::is_ascii_digit).count();
    offset.get(..digits.min(2))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fractions_may_be_long_and_offsets_have_limits() {
        let of = |text: &str| parse(text).map(|moment| moment.to_string());
        let good = |text: &str| Ok(text.to_owned());
        assert_eq!(of("2026-11-22T17:00:00Z"), good("2026-11-22T17:00:00Z"));
        assert_eq!(
            of("2026-11-22T17:00:00.123456789012345678901Z"),
            good("2026-11-22T17:00:00.123456789Z")
        );
        assert_eq!(
            of("2026-11-22t18:00:00.9999999999+01:00"),
            good("2026-11-22T17:00:00.999999999Z")
        );
        assert_eq!(of("2026-11-23T16:59:00+23:59"), good("2026-11-22T17:00:00Z"));
        assert_eq!(of("2026-11-21T17:01:00-23:59"), good("2026-11-22T17:00:00Z"));
        assert_eq!(of("2026-11-22 17:00:00-00:00"), good("2026-11-22T17:00:00Z"));
        for text in [
            "2026-11-23T17:00:00+24:00",
            "2026-11-21T17:00:00-24:00",
            "2026-11-23T18:59:59.5+25:59",
            "2026-11-23T17:00:00+2400",
        ] {
            let error = of(text).unwrap_err();
            assert!(error.contains(" hours; expected -23:59 to +23:59, or Z"), "{text}: {error}");
        }
        for text in [
            "",
            "yesterday",
            "2026-11-22T17:00:00",
            "2026-11-22T17:00:00.Z",
            "2026-11-22T17:00:00+01:60",
            "2026-11-22T17:00:00+99:00",
        ] {
            assert!(of(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(2026-11-22T17:00:00)?[0-9.:TtZ+\\[\\]é -]{0,30}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_printed_is_read(seconds in -60_000_000_000_i64..200_000_000_000, nanoseconds in 0..1_000_000_000) {
            let moment = Timestamp::new(seconds, nanoseconds).unwrap();
            prop_assert_eq!(parse(&moment.to_string()), Ok(moment));
        }
    }
}
