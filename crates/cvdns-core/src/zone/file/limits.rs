//! Limits of answers: `ttl`, `max` and `min`.

use super::keys;
use crate::problem::table::Table;

/// Limits of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnswerDefaults {
    /// TTL in seconds.
    pub ttl: u32,
    /// Most addresses in an answer; 0 means all.
    pub max: u16,
    /// The path is followed until there are this many addresses.
    pub min: u16,
}

/// The limits that a name has of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameLimits {
    /// TTL in seconds.
    pub(super) ttl: Option<u32>,
    /// Most addresses in an answer; 0 means all.
    pub(super) max: Option<u16>,
    /// The path is followed until there are this many addresses.
    pub(super) min: Option<u16>,
}

impl AnswerDefaults {
    pub(super) fn read(table: &mut Table<'_>) -> Self {
        Self {
            ttl: table.value(&keys::ANSWER_TTL),
            max: table.value(&keys::ANSWER_MAX),
            min: table.value(&keys::ANSWER_MIN),
        }
    }
}

impl NameLimits {
    pub(super) fn read(table: &mut Table<'_>) -> Self {
        Self {
            ttl: table.get(&keys::TTL).map(|ttl| ttl.value),
            max: table.get(&keys::MAX).map(|max| max.value),
            min: table.get(&keys::MIN).map(|min| min.value),
        }
    }
}
