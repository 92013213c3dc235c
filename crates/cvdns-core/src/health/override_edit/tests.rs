use super::*;
use crate::health::State;
use crate::problem::{Location, Problems};
use proptest::prelude::*;

const HOSTS: [&str; 3] = ["a.example.de", "b.example.de", "c.example.fr"];

fn now() -> Timestamp {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

fn parse(text: &str) -> Overrides {
    let mut problems = Problems::default();
    let overrides = Overrides::parse("o", text, &mut problems);
    assert!(problems.is_empty(), "{problems:?}\n{text}");
    overrides
}

fn new(host: &str, state: State) -> Override {
    Override::new(host.to_owned(), state, "new", Location::file("o"))
}

fn added(text: &str, entry: &Override) -> String {
    let out = with_override(text, &parse(text), entry, &HOSTS, now()).unwrap();
    // Whatever was there: the new one applies to what it matches.
    let overrides = parse(&out);
    for host in HOSTS.iter().filter(|host| entry.matches(host)) {
        if entry.addresses.is_empty() {
            assert_eq!(overrides.of(host, now()), Some(entry), "{out}");
        }
        for address in &entry.addresses {
            assert_eq!(overrides.of_address(host, *address, now()), Some(entry), "{out}");
        }
    }
    out
}

fn removed(text: &str, host: &str) -> String {
    without_overrides(text, &parse(text), |entry| entry.host == host).unwrap()
}

const B: &str = "[[override]]\nhost = \"b.example.de\"\nstate = \"down\"\nreason = \"new\"\n";

#[test]
fn a_serial_rises_with_each_change() {
    let entry = new("b.example.de", State::Down);
    let numbered = |serial: u64| format!("serial = {serial} # of ours\n");
    assert_eq!(added(&numbered(7), &entry), format!("{}\n{B}", numbered(8)));
    let text = format!("{}\n{B}", numbered(8));
    assert_eq!(added(&text, &entry), text, "nothing changed");
    assert_eq!(parse(&removed(&text, "b.example.de")).serial(), Some(9));
}

#[test]
fn new_overrides_come_last_with_comments_kept() {
    let entry = new("b.example.de", State::Down);
    assert_eq!(added("", &entry), B);
    assert_eq!(added("# Head\n", &entry), format!("# Head\n\n{B}"));
    let first = "# Head\n\n# Disk 3\n[[override]]\nhost = \"a.example.de\" # first\nstate = \"old\"\nreason = \"r\"\n";
    assert_eq!(added(first, &entry), format!("{first}\n{B}"));
    let text = format!("{first}\n# end\n");
    assert_eq!(added(&text, &entry), format!("{first}\n# end\n\n{B}"));
}

#[test]
fn the_same_host_is_replaced_in_its_place() {
    let text = "# Disk 3\n[[override]]\nhost = \"a.example.de\"\nstate = \"old\" # why\nreason = \"r\"\nuntil = 2026-12-01T06:00:00Z\n\n# Next\n[[override]]\nhost = \"c.example.fr\"\nstate = \"up\"\nreason = \"r\"\n";
    let expected = text
        .replace("\"old\"", "\"removed\"")
        .replacen("reason = \"r\"", "reason = \"new\"", 1)
        .replace("until = 2026-12-01T06:00:00Z\n", "");
    assert_eq!(added(text, &new("a.example.de", State::Removed)), expected);
}

#[test]
fn what_would_apply_instead_comes_after_the_new_one() {
    let glob = "# Head\n\n# All of them\n[[override]]\nhost = \"*.example.de\"\nstate = \"drained\"\nreason = \"r\"\n";
    let entry = new("b.example.de", State::Down);
    let (head, rest) = glob.split_at("# Head\n\n".len());
    assert_eq!(added(glob, &entry), format!("{head}{B}\n{rest}"));
    // One that has ended applies to nothing.
    let ended = format!("{glob}until = 2026-11-30T00:00:00Z\n");
    assert_eq!(added(&ended, &entry), format!("{ended}\n{B}"));
    // One for the same host behind the glob is moved.
    let behind = format!("{glob}\n{B}");
    assert_eq!(added(&behind, &entry), format!("{head}{B}\n{rest}"));
    // A glob comes before a host that it matches.
    let text = added(B, &new("*.de", State::Up));
    assert!(text.starts_with("[[override]]\nhost = \"*.de\"") && text.ends_with(B), "{text}");
}

#[test]
fn addresses_are_written_and_kept_apart() {
    let mut entry = new("b.example.de", State::Down);
    entry.addresses = vec!["2001:db8::1".parse().unwrap()];
    let text = added("", &entry);
    assert_eq!(
        text,
        "[[override]]\nhost = \"b.example.de\"\naddresses = [\"2001:db8::1\"]\nstate = \"down\"\nreason = \"new\"\n"
    );
    let whole = new("b.example.de", State::Up);
    let both = added(&text, &whole);
    assert_eq!(parse(&both).iter().count(), 2);
    assert_eq!(parse(&added(&both, &entry)).iter().count(), 2);
}

#[test]
fn lists_of_inline_tables_stay_such() {
    let text =
        "override = [\n  { host = \"*.example.de\", state = \"up\", reason = \"r\" }, # one\n]\n";
    let out = added(text, &new("b.example.de", State::Down));
    assert!(out.contains("# one") && out.starts_with("override = ["), "{out}");
    let out = removed(&out, "*.example.de");
    assert_eq!(parse(&out).iter().count(), 1);
    assert_eq!(added("override = []\n", &new("b.example.de", State::Down)).lines().count(), 1);
}

#[test]
fn removing_takes_the_comment_above_along_and_no_other() {
    let entry =
        |host: &str| format!("[[override]]\nhost = \"{host}\"\nstate = \"up\"\nreason = \"r\"\n");
    let (a, b, c) = (entry("a.example.de"), entry("b.example.de"), entry("c.example.fr"));
    let text = format!("# Head\n\n# of a\n{a}\n# kept\n\n# of b\n{b}\n# of c\n{c}\n# end\n");
    assert_eq!(
        removed(&text, "a.example.de"),
        format!("# Head\n\n\n# kept\n\n# of b\n{b}\n# of c\n{c}\n# end\n")
    );
    assert_eq!(
        removed(&text, "b.example.de"),
        format!("# Head\n\n# of a\n{a}\n# kept\n\n\n# of c\n{c}\n# end\n")
    );
    let out = removed(&text, "c.example.fr");
    assert!(out.ends_with("# end\n") && !out.contains("# of c"), "{out}");
    // Only a head.
    assert_eq!(removed(&format!("# Head\n{a}"), "a.example.de").trim(), "# Head");
    assert_eq!(removed(&format!("{a}\n{b}"), "a.example.de"), b);
    assert_eq!(removed(&a, "a.example.de"), "");
}

proptest! {
    /// Whatever is added and removed, in whatever order, the file stays readable and says it.
    #[test]
    fn every_edit_reads_back(
        steps in prop::collection::vec((0usize..4, 0usize..3, any::<bool>(), any::<bool>()), 0..12),
    ) {
        let patterns = ["a.example.de", "b.example.de", "*.example.de", "*"];
        let mut text = "# Head\n".to_owned();
        for (pattern, state, comments, adds) in steps {
            if comments {
                text.push_str("# comment\n");
            }
            let host = patterns[pattern];
            if adds {
                let states = [State::Up, State::Down, State::Drained];
                text = added(&text, &new(host, states[state]));
            } else {
                let others = |text: &str| {
                    let overrides = parse(text);
                    let others: Vec<_> = overrides.iter().filter(|e| e.host != host).cloned().collect();
                    others
                };
                let out = removed(&text, host);
                prop_assert_eq!(others(&text), others(&out));
                prop_assert!(parse(&out).iter().all(|entry| entry.host != host));
                text = out;
            }
            prop_assert!(text.starts_with("# Head\n"), "{}", text);
        }
    }
}
