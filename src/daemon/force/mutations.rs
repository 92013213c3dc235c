//! Feeds that are almost good: whatever is wrong with one, answers stay as they were.

use super::tests::example;
use super::*;

#[path = "../../../tests/support/numbers.rs"]
mod numbers;

use numbers::Numbers;

/// Octets changed, taken out, put in, or a part said twice: as cut transfers, editors and templates do it.
fn mutate(good: &[u8], random: &mut Numbers) -> Vec<u8> {
    let mut octets = good.to_vec();
    // Most have a serial that could follow, so that it is not for the serial alone that they are refused.
    if random.below(4) > 0 {
        let text = String::from_utf8_lossy(good);
        octets = text
            .replace("1763800000", &(1_763_800_000 + random.below(1_000_000)).to_string())
            .into();
    }
    for _ in 0..=random.below(3) {
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

/// "10,000 random mutations of a valid feed: none panics, none that fails validation changes an answer."
#[test]
fn no_mutation_of_a_feed_changes_an_answer_unless_it_is_a_good_and_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("feed.json");
    let good = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("feed.json")).unwrap();
    std::fs::write(&path, &good).unwrap();
    let mut force = example(&path);
    let first: serde_json::Value = serde_json::from_slice(&good).unwrap();
    let mut random = Numbers(0x1234_5678_9abc_def1);
    let mut in_force = first["serial"].as_u64().unwrap();
    let (mut refused, mut taken) = (0, 0);
    for _ in 0..10_000 {
        let octets = mutate(&good, &mut random);
        std::fs::write(&path, &octets).unwrap();
        let before = Arc::as_ptr(&force.snapshots.load_full());
        force.read(Timestamp::now());
        if Arc::as_ptr(&force.snapshots.load_full()) == before {
            refused += 1;
            continue;
        }
        // What changed answers is JSON in any reader's eyes, and its serial is higher.
        let feed: serde_json::Value = serde_json::from_slice(&octets).unwrap();
        let serial = feed["serial"].as_u64().unwrap();
        assert!(serial > in_force && feed["format"] == 1, "{}", String::from_utf8_lossy(&octets));
        assert!(feed["release"].is_null() || feed["release"]["daily"].as_u64().unwrap() > 0);
        (in_force, taken) = (serial, taken + 1);
        force.free();
    }
    assert!(refused > 8_000 && taken > 5, "{refused} refused, {taken} taken");
}
