//! Server and secondaries that are killed at any moment find together again.

use std::time::Duration;

use super::following::change;
use super::secondaries::{served_serial, transferred};
use super::{ZONES, all_must_follow, scene};
use crate::support::fixture;

/// How often something is killed, unless `CVDNS_TRANSFER_KILLS` says otherwise (tests/README.md).
const KILLS: u64 = 8;

/// The server or one of its secondaries is killed (SIGKILL) a random moment after a change and
/// started again. Each time all of them arrive at the newest version, the serial never goes back,
/// and in the end all have the same records.
#[test]
fn whoever_is_killed_finds_back() {
    let kills = std::env::var("CVDNS_TRANSFER_KILLS").ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().expect("a number"));
    let (mut daemon, mut secondaries) = scene();
    let mut random = jiff::Timestamp::now().as_nanosecond().unsigned_abs() as u64 | 1;
    eprintln!("seed {random}");
    for number in 1..=kills {
        // xorshift64: any spread of moments will do.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let newest = change(&daemon, number);
        std::thread::sleep(Duration::from_micros(random % 60_000));
        let whom = usize::try_from(number % 4).expect("small");
        if let Some(secondary) = secondaries.get_mut(whom) {
            secondary.kill();
            secondary.start();
        } else {
            daemon.kill();
            daemon.start_again();
        }
        let after = served_serial(daemon.port(), fixture::ORIGIN);
        assert!(after.wrapping_sub(newest) < 1 << 31, "{after} after {newest}");
        for secondary in &secondaries {
            secondary.must_reach(fixture::ORIGIN, after);
        }
    }
    all_must_follow(&daemon, &secondaries);
    for zone in ZONES {
        let expected = transferred(daemon.port(), zone, Some(secondaries[0].program));
        for secondary in &secondaries {
            let found = transferred(secondary.port, zone, None);
            assert_eq!(found, expected, "{zone} of {:?}", secondary.program);
        }
    }
}
