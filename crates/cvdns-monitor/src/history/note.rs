//! What the coordinator tells of a check, and what is read back.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use super::varint::Damaged;
use cvdns_core::health::State;

/// The most octets of a reason that are kept.
const LONGEST_REASON: usize = 200;

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// The address served all that it must, fresh or not.
    Serves,
    /// It answered, but not as a mirror must.
    Faulty,
    /// It refused, or did not answer in time.
    Dead,
    /// It could not be checked, for reasons that are not the mirror's.
    Unchecked,
    /// It was not checked, as it is in an announced downtime.
    Away,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serves => "serves",
            Self::Faulty => "faulty",
            Self::Dead => "dead",
            Self::Unchecked => "not checked",
            Self::Away => "in downtime",
        })
    }
}

/// A check to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The host name of the mirror.
    pub host: String,
    /// The address.
    pub address: IpAddr,
    /// What was found.
    pub check: Check,
    /// The states before and after, if the check changed the state.
    pub change: Option<(State, State)>,
}

/// A check of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// When its result was learned.
    pub at: Timestamp,
    /// What it found.
    pub found: Found,
    /// Whether the result was not believed, as the coordinator doubted itself.
    pub withheld: bool,
    /// The state of the address after it; `None` if nothing was known.
    pub state: Option<State>,
    /// Why the address fails, or is not well; empty if all is well. It may have any characters.
    pub reason: String,
    /// The versions of main, daily and bytecode that the address last served, if they are known.
    pub versions: Option<[u32; 3]>,
}

/// A change of an address's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateChange {
    /// Its number: later recorded changes have higher ones.
    pub id: i64,
    /// When it was.
    pub at: Timestamp,
    /// The address.
    pub address: IpAddr,
    /// The state before.
    pub was: State,
    /// The state after.
    pub is: State,
    /// The reason; empty if all is well.
    pub reason: String,
}

/// The part of a reason that is kept.
pub(super) fn cut(reason: &str) -> &str {
    if reason.len() <= LONGEST_REASON {
        return reason;
    }
    let end = (0..=LONGEST_REASON).rev().find(|end| reason.is_char_boundary(*end));
    end.and_then(|end| reason.get(..end)).unwrap_or_default()
}

/// The number of a state in the database; 0 for none.
pub(super) fn code(state: Option<State>) -> u8 {
    match state {
        None => 0,
        Some(State::Up) => 1,
        Some(State::Old) => 2,
        Some(State::Down) => 3,
        Some(State::Drained) => 4,
        Some(State::Removed) => 5,
    }
}

/// The state with a number.
///
/// # Errors
/// When there is no such number.
pub(super) fn state(code: u8) -> Result<Option<State>, Damaged> {
    Ok(match code {
        0 => None,
        1 => Some(State::Up),
        2 => Some(State::Old),
        3 => Some(State::Down),
        4 => Some(State::Drained),
        5 => Some(State::Removed),
        _ => return Err(Damaged),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_reasons_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(150);
        assert_eq!(cut(&long), "é".repeat(100));
        assert_eq!(cut(&format!("x{long}")), format!("x{}", "é".repeat(99)));
    }

    #[test]
    fn every_state_has_one_number() {
        for number in 0..=5 {
            assert_eq!(code(state(number).unwrap()), number);
        }
        assert_eq!(state(6), Err(Damaged));
    }
}
