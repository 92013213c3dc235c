//! How long signatures are valid, `validity` in `[dnssec]`.

use std::time::Duration;

use toml::de::DeValue;

use crate::schema::kind::Custom;
use crate::schema::{Shape, read};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The shortest validity of signatures: with a shorter one, a server that stops for a night would
/// answer with expired ones.
const SHORTEST: Duration = Duration::from_secs(DAY);

/// The longest one: whoever steals an answer can replay it as long.
const LONGEST: Duration = Duration::from_secs(365 * DAY);

/// How long signatures are valid.
pub(super) const VALIDITY: Custom<Duration> = Custom {
    read: validity,
    shape: || Shape::Duration,
    literal: |validity| format!("\"{}d\"", validity.as_secs() / DAY),
};

fn validity(value: &DeValue<'_>) -> Result<Duration, String> {
    let validity = read::duration(value)?;
    if (SHORTEST..=LONGEST).contains(&validity) {
        Ok(validity)
    } else {
        Err("it is not from \"1d\" to \"365d\"".to_owned())
    }
}
