//! The simulation of several monitors, with fewer addresses.

#![allow(unreachable_pub, reason = "an example has no users but itself")]

#[path = "../examples/several_monitors.rs"]
mod several_monitors;

use several_monitors::{Case, cases, run, table};

fn all() -> Vec<Case> {
    cases().into_iter().map(|(name, conducts)| run(name, &conducts, 2000)).collect()
}

/// Wherever fewer than half of the monitors are wrong, nothing good is taken out and nothing dead
/// left in; where more are, nothing changes.
#[test]
fn the_rule_takes_no_good_address_out_and_leaves_no_dead_one_in() {
    for case in all() {
        assert_eq!(case.frozen, case.name == "7, four isolated", "{case:?}");
        assert!(case.rule.out <= 0.1 && case.rule.left_in <= 0.1, "{case:?}");
    }
}

/// The other rules fail where they are known to.
#[test]
fn other_rules_fail_where_one_monitor_is_wrong() {
    let all = all();
    let of = |name: &str| all.iter().find(|case| case.name == name).expect("a case");
    let isolated = of("5, one isolated");
    assert!(isolated.any.out > 99.0 && isolated.eighteen.out < 0.1, "{isolated:?}");
    let liar = of("5, one liar says \"up\"");
    assert!(liar.any.out > 2.0 && liar.any.out < 6.0, "{liar:?}");
    assert!(liar.eighteen.left_in > 99.0 && liar.majority.left_in < 0.1, "{liar:?}");
    let inverts = of("5, one liar inverts");
    assert!(inverts.any.out > 98.0 && inverts.eighteen.left_in > 99.0, "{inverts:?}");
    let three = of("3, one liar inverts");
    assert!(three.majority.out > 1.0 && three.majority.out < 4.0, "{three:?}");
    let continent = of("7, a continent cannot reach 30 %");
    assert!(continent.any.out > 30.0 && continent.any.out < 40.0, "{continent:?}");
    // What Asia cannot reach is not for Asia, and nothing else is.
    assert!(continent.cut > 25.0 && continent.cut < 30.0, "{continent:?}");
    assert!(all.iter().filter(|case| case.cut > 0.0).count() <= 2, "{all:?}");
}

#[test]
fn the_table_has_a_line_for_each_case() {
    assert_eq!(table(100).lines().count(), cases().len() + 2);
}
