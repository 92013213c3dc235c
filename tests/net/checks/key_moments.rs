//! When new keys begin to sign, and what is said of moments at which resolvers would fail
//! (docs/dnssec.md).

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::keys::{ZONE, check_in, generate, generate_and_say, place, set_moments, tag};
use super::run;

/// A key as `cvdns keys list` shows it.
fn listed(dir: &Path, tag: u16) -> Value {
    let (code, out, error) = run(dir, &["keys", "list", "--json", ZONE]);
    assert_eq!(code, Some(0), "{error}");
    let keys: Vec<Value> = serde_json::from_str(&out).expect("JSON");
    keys.into_iter().find(|key| key["tag"] == tag).expect("the key")
}

/// A moment of a key's files.
fn moment(key: &Value, name: &str) -> Timestamp {
    key["timing"][name].as_str().expect("a moment").parse().expect("a moment")
}

/// Moments of a key that has signed for long.
const LONG_AGO: &str =
    "Created: 20260101000000\nPublish: 20260101000000\nActivate: 20260101000000\n";

/// RFC 6781 section 4.1.1.1: the new key is in the zone for the TTL of the keys before it signs.
#[test]
fn a_zone_signing_key_waits_until_resolvers_know_it() {
    let dir = place(|dir| set_moments(&generate(dir, &[]), LONG_AGO));
    let path = dir.path();
    let (zsk, said) = generate_and_say(path, &["--zsk"]);
    let tag = tag(&zsk);
    let key = listed(path, tag);
    let (publish, activate) = (moment(&key, "publish"), moment(&key, "activate"));
    assert_eq!(activate.duration_since(publish), SignedDuration::from_hours(2));
    let expected = format!(
        "cvdns: key {tag}: it signs from {activate} on: other keys sign the zone already, and \
         resolvers may have these without it for 3600 seconds after the reload, for which an hour \
         is left\n"
    );
    assert_eq!(said, expected);
    assert_eq!((&key["published"], &key["signs_zone"]), (&Value::from(true), &Value::from(false)));
    // The key that signs everything goes on, and nothing is wrong with that.
    assert_eq!(check_in(path), (Some(0), String::new()));

    // A moment to come.
    let (zsk, _) = generate_and_say(path, &["--zsk", "--publish", "20990101000000"]);
    let key = listed(path, self::tag(&zsk));
    assert_eq!(moment(&key, "activate").to_string(), "2099-01-01T02:00:00Z");
    // A key of another kind begins at once.
    let key = listed(path, self::tag(&generate(path, &["--ksk"])));
    assert_eq!(moment(&key, "publish"), moment(&key, "activate"));
}

#[test]
fn a_zone_signing_key_that_would_sign_too_early_is_said() {
    let dir = place(|dir| set_moments(&generate(dir, &[]), LONG_AGO));
    let path = dir.path();
    let early = ["--zsk", "--publish", "20990101", "--activate", "2099-01-01T00:30:00Z"];
    let (zsk, said) = generate_and_say(path, &early);
    let expected = format!(
        "cvdns: key {}: warning: it signs from 2099-01-01T00:30:00Z on, and until \
         2099-01-01T01:00:00Z resolvers may have the keys without it, for 3600 seconds: they would \
         refuse the zone. Set it by dnssec-settime -A before the reload, or leave --activate out\n",
        tag(&zsk)
    );
    assert_eq!(said, expected);
    let late = ["--zsk", "--publish", "20990101", "--activate", "20990101010000"];
    generate(path, &late);

    let arguments = ["--zsk", "--publish", "20990102", "--activate", "20990101", ZONE];
    let (code, out, error) = run(path, &[&["keys", "generate"], &arguments[..]].concat());
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(
        error,
        "cvdns: a zone-signing key is in the zone before it signs, and this one is to sign from \
         2099-01-01T00:00:00Z and be published from 2099-01-02T00:00:00Z: only a key of a new \
         algorithm may sign before (docs/dnssec.md)\n"
    );
    // RFC 6781 section 4.1.4.
    generate(path, &[&["--algorithm", "ed25519"], &arguments[..5]].concat());

    // What signs at once is said by the check as well.
    let dir = place(|dir| set_moments(&generate(dir, &[]), LONG_AGO));
    let path = dir.path();
    let (zsk, _) = generate_and_say(path, &["--zsk", "--activate", "now"]);
    let (code, said) = check_in(path);
    let tag = tag(&zsk);
    let since = moment(&listed(path, tag), "publish");
    let known = since + SignedDuration::from_hours(1);
    let expected = format!(
        "ZSK {tag} is in the zone since {since} and signs it alone: until {known}, resolvers that \
         have the keys without it refuse the zone (have it sign from then on, and the old key until \
         then: dnssec-settime -A {} (RFC 6781 section 4.1.1.1); in a zone that was not signed \
         before, leave it)\n",
        known.strftime("%Y%m%d%H%M%S")
    );
    assert_eq!((code, said.split_once(": ").map(|(_, said)| said)), (Some(0), Some(&*expected)));
}

#[test]
fn a_moment_that_is_none_gets_the_forms() {
    let dir = place(|_| ());
    let (code, out, error) = run(dir.path(), &["keys", "generate", "--activate", "2d", ZONE]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    let forms = "error: invalid value '2d' for '--activate <TIME>': write 2026-12-10T00:00:00Z, \
                 2026-12-10, 20261210000000 or 20261210 (in UTC), now, or from now on such as +90mi, \
                 +12h, +2d, +1w, +3mo or +1y\n";
    assert!(error.starts_with(forms), "{error}");
}
