//! Dates in messages.

/// The date in UTC of a Unix time in seconds, as `YYYY-MM-DD`; the number itself if it is out of
/// range.
pub fn date_text(epoch: i64) -> String {
    match jiff::Timestamp::from_second(epoch) {
        Ok(time) => time.strftime("%Y-%m-%d").to_string(),
        Err(_) => epoch.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::date_text;

    #[test]
    fn a_day_is_that_of_utc() {
        assert_eq!(date_text(1_767_225_599), "2025-12-31");
        assert_eq!(date_text(i64::MAX), i64::MAX.to_string());
    }
}
