//! Replays what fuzzing has found worth keeping: each input of `fuzz/corpus` and `fuzz/seeds` goes
//! through its target, as it does under libFuzzer (fuzz/README.md).

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use crate::asking::project;
use crate::targets::{TARGETS, Target};

/// Replays the inputs of a target. All are tried before the test fails.
fn replay(name: &str) {
    let Some((_, run)) = TARGETS.into_iter().find(|(target, _)| *target == name) else {
        panic!("{name} is no target");
    };
    let [corpus, seeds] = ["corpus", "seeds"].map(|kind| inputs(kind, name));
    let is_kept = !corpus.is_empty();
    let count = corpus.len() + seeds.len();
    let mut failed = Vec::new();
    for path in corpus.into_iter().chain(seeds) {
        let octets = fs::read(&path).unwrap();
        if catch_unwind(|| run(&octets)).is_err() {
            failed.push(path);
        }
    }
    println!("{name}: {count} inputs");
    assert!(failed.is_empty(), "{} of {count} inputs fail: {failed:#?}", failed.len());
    assert!(is_kept, "fuzz/corpus/{name} is empty: `fuzz/campaign` and `fuzz/minimise` fill it");
}

/// The inputs that are kept for a target.
fn inputs(kind: &str, name: &str) -> Vec<PathBuf> {
    let Ok(directory) = fs::read_dir(directory(kind).join(name)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = directory.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn directory(kind: &str) -> PathBuf {
    project().join("fuzz").join(kind)
}

fn names(directory: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    fs::read_dir(directory).unwrap().map(|entry| stem(entry.unwrap().path())).collect()
}

/// A test for each target.
macro_rules! replays {
    ($($name:ident)+) => {
        $(#[test] fn $name() { replay(stringify!($name)); })+

        #[test]
        fn every_target_is_replayed_and_can_be_fuzzed() {
            let targets: BTreeSet<String> =
                TARGETS.iter().map(|(name, _): &Target| (*name).to_owned()).collect();
            let replayed = [$(stringify!($name)),+].map(str::to_owned);
            assert_eq!(BTreeSet::from(replayed), targets, "the tests of this file");
            assert_eq!(names(&directory("fuzz_targets")), targets, "fuzz/fuzz_targets");
            assert_eq!(names(&directory("corpus")), targets, "fuzz/corpus");
            assert!(names(&directory("seeds")).is_subset(&targets), "fuzz/seeds");
            let manifest = fs::read_to_string(project().join("fuzz/Cargo.toml")).unwrap();
            for name in &targets {
                let program = format!("path = \"fuzz_targets/{name}.rs\"");
                assert!(manifest.contains(&program), "fuzz/Cargo.toml does not name {name}");
            }
        }
    };
}

replays! {
    abuse bundle compile config cookie cvd database demand diff edns feed fetch fleet frame frames https incoming key_files keys
    limiter list master mirror name nats overrides quic release report respond secrets signature signed sources tcp timestamp
    writer zone
}
