//! Feeds with small errors: whatever is wrong with one, answers stay as they were.

use super::*;

#[path = "../../../../tests/support/numbers.rs"]
mod numbers;

use numbers::Numbers;

/// Changes, removes, inserts or repeats octets, as broken transfers, editors and templates do.
fn mutate(good: &[u8], in_force: u64, random: &mut Numbers) -> Vec<u8> {
    let mut octets = good.to_vec();
    // Many serials could follow the one in force, so that feeds are not refused for these alone.
    if random.below(4) > 0 {
        let serial = in_force.saturating_add(random.below(3) as u64);
        octets =
            String::from_utf8_lossy(good).replace("1763800000", &serial.to_string()).into_bytes();
    }
    for _ in 0..=random.below(3) {
        if octets.is_empty() {
            break;
        }
        let at = random.below(octets.len());
        let until = (at + 1 + random.below(40)).min(octets.len());
        match random.below(6) {
            0 => octets[at] = random.below(256) as u8,
            1 => octets[at] = b"0123456789-.,:{}[]\"ntf"[random.below(22)],
            2 => drop(octets.drain(at..until)),
            3 => octets.insert(at, random.below(256) as u8),
            4 => octets.truncate(at + 1),
            _ => {
                let part = octets[at..until].to_vec();
                let place = random.below(octets.len());
                octets.splice(place..place, part);
            }
        }
    }
    octets
}

/// "10,000 random mutations of a valid feed: none panics, none that fails validation changes an
/// answer." These are some of them; several tests have time to themselves.
fn only_a_valid_and_newer_feed_changes_an_answer(seed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("feed.json");
    let good = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("feed.json")).unwrap();
    std::fs::write(&path, &good).unwrap();
    let mut state = example(&path);
    let first: serde_json::Value = serde_json::from_slice(&good).unwrap();
    let mut random = Numbers(seed);
    let mut in_force = first["serial"].as_u64().unwrap();
    let (mut refused, mut taken) = (0, 0);
    for _ in 0..MUTATIONS {
        let octets = mutate(&good, in_force, &mut random);
        std::fs::write(&path, &octets).unwrap();
        let before = Arc::as_ptr(&state.publisher.newest());
        state.read(Timestamp::now());
        if Arc::as_ptr(&state.publisher.newest()) == before {
            refused += 1;
            continue;
        }
        // A feed that changed answers is valid JSON to another parser, and has a higher serial.
        let feed: serde_json::Value = serde_json::from_slice(&octets).unwrap();
        let serial = feed["serial"].as_u64().unwrap();
        assert!(serial > in_force && feed["format"] == 1, "{}", String::from_utf8_lossy(&octets));
        assert!(feed["release"].is_null() || feed["release"]["daily"].as_u64().unwrap() > 0);
        (in_force, taken) = (serial, taken + 1);
        state.publisher.reclaim();
    }
    assert!(refused > MUTATIONS * 4 / 5 && taken > 25, "{refused} refused, {taken} taken");
}

/// Those of each of the four tests.
const MUTATIONS: u32 = 2_500;

#[test]
fn mutations_change_nothing_1() {
    only_a_valid_and_newer_feed_changes_an_answer(0x1234_5678_9abc_def1);
}

#[test]
fn mutations_change_nothing_2() {
    only_a_valid_and_newer_feed_changes_an_answer(0x1234_5678_9abc_def2);
}

#[test]
fn mutations_change_nothing_3() {
    only_a_valid_and_newer_feed_changes_an_answer(0x1234_5678_9abc_def3);
}

#[test]
fn mutations_change_nothing_4() {
    only_a_valid_and_newer_feed_changes_an_answer(0x1234_5678_9abc_def4);
}
