//! When a new key is published and when it signs.

use jiff::{SignedDuration, Timestamp};

use crate::cli::output::Failure;
use cvdns_core::dnssec::Algorithm;
use cvdns_dnssec::{KeySet, KeyTiming};

/// What a zone-signing key waits beyond the TTL of the keys, for a reload that comes later and
/// servers that follow later.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// What is wanted of a new key.
pub(super) struct Wish {
    pub algorithm: Algorithm,
    /// Whether it is a zone-signing key.
    pub zsk: bool,
    pub publish: Option<Timestamp>,
    pub activate: Option<Timestamp>,
}

/// The moments of a new key of a zone that has these keys, and what is to be said of them.
///
/// A zone-signing key ends the signatures of the keys before it, so it is in the zone for the TTL
/// of the keys before it signs (RFC 6781 section 4.1.1.1).
pub(super) fn life(
    wish: &Wish,
    keys: &KeySet,
    now: Timestamp,
) -> Result<(KeyTiming, Option<String>), Failure> {
    let now = whole(now);
    let publish = wish.publish.map_or(now, whole);
    let timing = |activate| KeyTiming {
        publish: Some(publish),
        activate: Some(activate),
        ..KeyTiming::from(now)
    };
    // Only a key of a new algorithm signs before it is in the zone (RFC 6781 section 4.1.4).
    let is_other = !keys.keys.is_empty() && !keys.is_signed_by(wish.algorithm, now);
    let activate = wish.activate.map_or(now, whole);
    if !wish.zsk || is_other {
        return Ok((timing(activate), None));
    }
    let is_first = !keys.is_signed_by(wish.algorithm, now);
    let ttl = keys.ttl();
    let add = |moment: Timestamp, length| {
        moment.checked_add(length).map_err(|_| Failure::new("the key would sign too late"))
    };
    let known = add(publish, ttl)?;
    let seconds = ttl.as_secs();
    match wish.activate.map(whole) {
        // Without `--publish` it is published at once, however long ago it was to sign.
        Some(activate) if wish.publish.is_some() && activate < publish => {
            Err(Failure::new(format!(
                "a zone-signing key is in the zone before it signs, and this one is to sign from \
             {activate} and be published from {publish}: only a key of a new algorithm may sign \
             before (docs/dnssec.md)"
            )))
        }
        Some(activate) if !is_first && activate < known => {
            let note = format!(
                "warning: it signs from {activate} on, and until {known} resolvers may have the \
                 keys without it, for {seconds} seconds: they would refuse the zone. Set it by \
                 dnssec-settime -A before the reload, or leave --activate out"
            );
            Ok((timing(activate), Some(note)))
        }
        Some(activate) => Ok((timing(activate), None)),
        None if is_first => Ok((timing(publish), None)),
        None => {
            let activate = add(known, MARGIN)?;
            let note = format!(
                "it signs from {activate} on: other keys sign the zone already, and resolvers may have \
                 these without it for {seconds} seconds after the reload, for which an hour is left"
            );
            Ok((timing(activate), Some(note)))
        }
    }
}

/// A moment as files have it: without parts of a second.
fn whole(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}
