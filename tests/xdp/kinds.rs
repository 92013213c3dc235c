//! The cases of the answers once more, with other cards.

use crate::support::place;
use std::process::Command;

fn cases_with(kind: &str) {
    if !place::is_lab() {
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["auto::", "--test-threads=4"])
        .env(place::KIND, kind)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{kind}: {said}");
    assert!(!said.contains(" 0 passed"), "{said}");
}

#[test]
fn cases_with_one_queue_behind_the_driver() {
    cases_with("1 generic");
}
