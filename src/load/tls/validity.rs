//! The period in which a certificate is valid (RFC 5280 section 4.1.2.5).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use cvdns_core::problem::{Location, Problems};

/// How long before its end a certificate is warned of, unless it is a short one. What renews it has
/// done so weeks before.
const EARLY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A certificate that is valid for a short time is warned of when this part of it is left.
const SHORT_PART: i32 = 3;

/// The period in which a certificate is valid, with both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment, to the second.
    pub not_before: Timestamp,
    /// The last moment, to the second.
    pub not_after: Timestamp,
}

impl Validity {
    /// What is wrong with the certificate at a moment, and what to do; `None` if nothing is. The
    /// words stay the same while nothing changes.
    pub fn warning(&self, now: Timestamp) -> Option<(String, &'static str)> {
        let Self { not_before, not_after } = *self;
        if now > not_after {
            let what = format!("the certificate expired at {not_after:.0}");
            let help = "renew it: clients that authenticate the server refuse it, and only those \
                        of RFC 9539 do not look";
            return Some((what, help));
        }
        if now < not_before {
            let what = format!("the certificate is not valid before {not_before:.0}");
            let help = "look at the clock of this machine: clients that authenticate the server \
                        refuse it until then, and only those of RFC 9539 do not look";
            return Some((what, help));
        }
        let early = EARLY.min(not_after.duration_since(not_before) / SHORT_PART);
        (not_after.duration_since(now) < early).then(|| {
            let what = format!("the certificate expires at {not_after:.0}, and is not renewed yet");
            let help = "renew it, or find out why what renews it did not";
            (what, help)
        })
    }
}

/// Reads the period of a certificate. Notes one that ends before it begins, or none.
///
/// The library checks the dates and does not hand them out, other than in what it says of a moment
/// that is outside. It checks them before it looks for an authority, of which it is given none.
pub(super) fn of(
    certificate: &CertificateDer<'_>,
    file: &Location,
    problems: &mut Problems,
) -> Option<Validity> {
    let parsed = EndEntityCert::try_from(certificate).ok()?;
    let at = |seconds| {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let usage = KeyUsage::server_auth();
        parsed.verify_for_usage(&[], &[], &[], time, usage, None, None).err()
    };
    let not_before = match at(0) {
        Some(Error::CertNotValidYet { not_before, .. }) => timestamp(not_before),
        // Dates before 1970 are none for the library, so that it begins right then.
        _ => Timestamp::UNIX_EPOCH,
    };
    let Some(Error::CertExpired { not_after, .. }) = at(u64::MAX) else {
        let what = "the period in which the certificate is valid cannot be read";
        problems.error(file.clone(), what, "have the certificate issued again");
        return None;
    };
    Some(Validity { not_before, not_after: timestamp(not_after) })
}

/// The library counts as far as the year 9999, of which the last day is none here.
fn timestamp(time: UnixTime) -> Timestamp {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}
