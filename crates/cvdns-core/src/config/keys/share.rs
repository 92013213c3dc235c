//! Shares of a whole, which several sections have.

use crate::release::Share;
use crate::schema::{Custom, Shape, read};

/// A number from 0 to 1.
pub(super) const SHARE: Custom<Share> = Custom {
    read: |value| {
        let share = read::number(value)?;
        Share::new(share).ok_or_else(|| format!("{share} is not within 0 to 1"))
    },
    shape: || Shape::Share,
    literal: |share| share.ratio().to_string(),
};
