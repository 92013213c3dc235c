use std::time::Duration;

use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Feed, Health, HealthInputs};
use cvdns_core::problem::Problems;

use super::*;

const FLEET: &str = "[[mirror]]\nhost = \"a.example\"\ncountry = \"DE\"\n\
                     ipv4 = [\"192.0.2.1\", \"192.0.2.2\"]\n";
const REFUSED: &str = "database.clam.example/timestamp: the connection is refused";
const NOW: &str = "2026-11-24T12:00:00Z";

/// What a mirror of two addresses is by fleet, feed, overrides and versions behind the record.
struct Case<'c> {
    downtime: &'c str,
    feed: &'c str,
    overrides: &'c str,
    behind: u32,
}

const UP: Case<'_> = Case { downtime: "", feed: r#""state":"up""#, overrides: "", behind: 0 };

/// State, who says so, reason, end, and the reasons of both addresses.
type Told = (MirrorCondition, OutBy, String, Option<String>, [String; 2]);

/// What is said of the mirror. Checks found the first address refusing, where the feed has it down.
fn told(case: &Case<'_>) -> Told {
    let now: Timestamp = NOW.parse().unwrap();
    let mut problems = Problems::default();
    let fleet = Fleet::parse("m", &format!("{FLEET}{}", case.downtime), &mut problems);
    let overrides = Overrides::parse("o", case.overrides, &mut problems);
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{lines:?}");
    let feed = format!(
        r#"{{"format":1,"serial":1,"generated":"{NOW}","mirrors":{{"a.example":{{{}}}}}}}"#,
        case.feed
    );
    let feed = Feed::parse(feed.as_bytes()).unwrap();
    let inputs = HealthInputs { feed: Some(&feed), overrides: Some(&overrides), settling: None };
    let health = Health::at(&fleet, inputs, now, Duration::ZERO);
    let mirror = &fleet.mirrors[0];
    let status = MirrorStatus { behind: case.behind, ..health.mirrors[0].clone() };
    let row = |address: IpAddr| {
        let state = feed.mirrors["a.example"].addresses.get(&address).copied();
        let reason = if state == Some(State::Down) { REFUSED } else { "" };
        AddressRow {
            mirror: mirror.host.clone(),
            address,
            state: state.or(Some(feed.mirrors["a.example"].state)),
            since: None,
            checked: None,
            timestamp: None,
            main: None,
            daily: None,
            bytecode: None,
            behind_since: None,
            reason: reason.to_owned(),
        }
    };
    let rows: Vec<AddressRow> = mirror.addresses().map(row).collect();
    let rows: Vec<&AddressRow> = rows.iter().collect();
    let condition = MirrorCondition::of(mirror, &status, 3);
    let addresses = addresses(mirror, &status, &rows, (&overrides, now));
    let Out { by, reason, until } = out(condition, &status, &addresses);
    let reasons = [0, 1].map(|number| addresses[number].reason.clone());
    (condition, by, reason, until.map(|until| until.to_string()), reasons)
}

fn overriding(addresses: &str, state: &str) -> String {
    format!(
        "[[override]]\nhost = \"a.example\"\n{addresses}state = \"{state}\"\nreason = \"disk\"\n"
    )
}

#[test]
fn a_mirror_behind_the_record_lags() {
    let (condition, by, reason, until, _) = told(&Case { behind: 9, ..UP });
    assert_eq!((condition, by, until), (MirrorCondition::Lagging, OutBy::Checks, None));
    assert_eq!(reason, "it is 9 versions behind the record");
    assert_eq!(told(&Case { behind: 3, ..UP }).0, MirrorCondition::Up);
    // Nobody lags who is out for another reason.
    let drained = overriding("", "drained");
    let (condition, by, ..) = told(&Case { behind: 9, overrides: &drained, ..UP });
    assert_eq!((condition, by), (MirrorCondition::Drained, OutBy::Operator));
}

#[test]
fn overrides_of_single_addresses_are_told() {
    let feed = r#""state":"up","addresses":{"192.0.2.1":"down"}"#;
    let second = overriding("addresses = [\"192.0.2.2\"]\n", "down");
    let (condition, by, reason, _, [one, other]) = told(&Case { feed, overrides: &second, ..UP });
    assert_eq!((condition, by), (MirrorCondition::Down, OutBy::Both));
    assert_eq!((one.as_str(), other.as_str()), (REFUSED, "taken out by the operator: disk"));
    assert_eq!(reason, format!("192.0.2.1: {REFUSED}; 192.0.2.2: {other}"));
    let both = overriding("addresses = [\"192.0.2.2\", \"192.0.2.1\"]\n", "down");
    // What is wrong stays to be seen, and the operator is named once.
    let (_, by, reason, _, rows) = told(&Case { feed, overrides: &both, ..UP });
    assert_eq!((by, rows[1].as_str()), (OutBy::Operator, "taken out by the operator: disk"));
    assert_eq!(reason, format!("192.0.2.1: disk; checks find: {REFUSED}; 192.0.2.2: disk"));
    let both = format!("{both}until = 2026-12-01T00:00:00Z\n");
    let (_, by, reason, until, _) = told(&Case { overrides: &both, ..UP });
    assert_eq!((by, reason.as_str()), (OutBy::Operator, "disk"));
    assert_eq!(until.as_deref(), Some("2026-12-01T00:00:00Z"));
    // What an override holds up keeps what checks found, and says who wants it so.
    let kept = format!("{REFUSED}; the operator keeps it up: disk");
    for addresses in ["", "addresses = [\"192.0.2.1\"]\n"] {
        let up = overriding(addresses, "up");
        let (condition, .., reasons) = told(&Case { feed, overrides: &up, ..UP });
        assert_eq!((condition, reasons), (MirrorCondition::Up, [kept.clone(), String::new()]));
    }
}

#[test]
fn the_operator_and_downtimes_are_named() {
    let removed = overriding("", "removed");
    let (condition, by, reason, ..) = told(&Case { overrides: &removed, ..UP });
    assert_eq!((condition, by), (MirrorCondition::Removed, OutBy::Operator));
    assert_eq!(reason, "disk");
    let downtime = "downtime = [{ from = 2026-11-24T00:00:00Z, to = 2026-11-25T00:00:00Z }]\n";
    let feed = r#""state":"down","addresses":{"192.0.2.1":"down"}"#;
    let (condition, by, _, until, reasons) = told(&Case { downtime, feed, ..UP });
    assert_eq!((condition, by), (MirrorCondition::Drained, OutBy::Downtime));
    assert_eq!(until.as_deref(), Some("2026-11-25T00:00:00Z"));
    assert_eq!(reasons, [DOWNTIME, DOWNTIME]);
}
