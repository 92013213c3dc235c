//! The timers of a SOA record (RFC 1035 section 3.3.13).

use std::time::Duration;

/// When a secondary asks its primaries, and for how long it serves without an answer. Refresh and
/// retry are bounded, as a slip in a SOA record must neither keep everybody busy nor have a zone
/// stand still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoaTimers {
    /// Time from a check that succeeded to the next one.
    pub refresh: Duration,
    /// Time from a check that failed to the next one.
    pub retry: Duration,
    /// Time from the last check that succeeded to the end of service.
    pub expire: Duration,
}

/// Bounds of REFRESH in seconds: two, and a day.
const REFRESH: (u32, u32) = (2, 86_400);

/// Bounds of RETRY in seconds: one, and an hour.
const RETRY: (u32, u32) = (1, 3_600);

impl SoaTimers {
    /// The timers in the RDATA of a SOA record, within bounds: a zone does not expire before it was
    /// asked for once more, and once more after a failure. Returns `None` if this is no such RDATA.
    pub fn of(soa: &[u8]) -> Option<Self> {
        let numbers = soa.len().checked_sub(16).and_then(|at| soa.get(at..))?;
        let number = |index: usize| {
            let octets = numbers.get(index.checked_mul(4)?..)?.first_chunk::<4>()?;
            Some(u32::from_be_bytes(*octets))
        };
        let refresh = number(0)?.clamp(REFRESH.0, REFRESH.1);
        let retry = number(1)?.clamp(RETRY.0, RETRY.1);
        let expire = number(2)?.max(refresh.saturating_add(retry));
        let [refresh, retry, expire] =
            [refresh, retry, expire].map(|seconds| Duration::from_secs(seconds.into()));
        Some(Self { refresh, retry, expire })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_are_bounded() {
        let of = |refresh: u32, retry: u32, expire: u32| {
            let numbers = [7, refresh, retry, expire, 300].map(u32::to_be_bytes);
            let timers = SoaTimers::of(&[&[0, 0], numbers.concat().as_slice()].concat()).unwrap();
            [timers.refresh, timers.retry, timers.expire].map(|time| time.as_secs())
        };
        assert_eq!(of(3600, 900, 604_800), [3600, 900, 604_800]);
        assert_eq!(of(0, 0, 0), [2, 1, 3]);
        assert_eq!(of(u32::MAX, u32::MAX, 7), [86_400, 3600, 90_000]);
        assert_eq!(of(60, 10, u32::MAX), [60, 10, u64::from(u32::MAX)]);
        assert_eq!(SoaTimers::of(&[0; 15]), None);
    }
}
