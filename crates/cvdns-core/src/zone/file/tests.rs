use super::*;
use crate::problem::Problems;

/// The numbers of errors and warnings of a zone file that continues with `text`, and their lines.
fn problems(text: &str) -> (usize, usize, String) {
    let text = format!(
        "format = 1\norigin = \"clam.example\"\nrecords = \"z\"\nmirrors = \"m\"\n{text}\n"
    );
    let mut problems = Problems::default();
    ZoneFile::parse("z", &text, &mut problems);
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let (errors, warnings) = problems.counts();
    (errors, warnings, lines.join("\n"))
}

fn name(owner: &str, rest: &str) -> (usize, usize, String) {
    problems(&format!("[[name]]\nowner = {owner:?}\n{rest}"))
}

#[test]
fn only_known_placeholders_are_taken() {
    let pool = "pool = \"client\"";
    for owner in ["db.{country}", "db.{cc", "db.}", "db.{CC}"] {
        let (errors, _, lines) = name(owner, pool);
        assert!(errors == 1 && lines.contains("placeholder"), "{owner}: {lines}");
    }
    assert_eq!(name("{cc}.{db}", "txt = \"database\"").0, 1);
    assert_eq!(name("db.{cc}", "pool = \"{cc}\"").0, 0);
    assert_eq!(name("{db}.cvd", "txt = \"database\"").0, 0);
    for owner in ["db local", " db", "db\t"] {
        let (errors, _, lines) = name(owner, pool);
        assert!(errors == 1 && lines.contains("has blanks"), "{owner:?}: {lines}");
    }
    let mut of_origin = Problems::default();
    ZoneFile::parse("z", "format = 1\norigin = \"{db}.net\"\nrecords = \"z\"\n", &mut of_origin);
    assert_eq!(of_origin.counts(), (1, 0));
}

#[test]
fn limits_and_types_go_with_pools() {
    for (kind, rest) in [
        ("txt = \"record\"", "max = 1"),
        ("ping = true", "min = 1"),
        ("ping = true", "types = [\"A\"]"),
        ("txt = \"record\"", "types = []"),
    ] {
        let (errors, _, lines) = name("x", &format!("{kind}\n{rest}"));
        assert!(
            errors > 0 && lines.contains("z:8:1: ") && lines.contains("goes with `pool`"),
            "{lines}"
        );
    }
    let (errors, _, lines) = name("x", "pool = \"client\"\ntypes = []");
    assert!(errors == 1 && lines.contains("names no type"), "{lines}");
    assert_eq!(name("x", "ping = true\nttl = 5").0, 0);
}

#[test]
fn more_than_is_answered_need_not_be_gathered() {
    let pool = "pool = \"client\"";
    assert_eq!(name("x", &format!("{pool}\nmax = 1")).1, 1);
    assert_eq!(name("x", &format!("{pool}\nmin = 9")).1, 1);
    assert_eq!(name("x", &format!("{pool}\nmin = 9\nmax = 0")).1, 0);
    assert_eq!(problems("[answer]\nmin = 3\nmax = 2").1, 1);
    assert_eq!(problems("[answer]\nmin = 2\nmax = 2").1, 0);
}

#[test]
fn neighbours_are_others_and_given_once() {
    for (text, said) in [
        ("[[neighbours]]\ncountry = \"DE\"\nnext = []", "z:7:1: no neighbours"),
        ("[[neighbours]]\ncountry = \"DE\"", "z:5:1: no neighbours"),
        ("[[neighbours]]\ncountry = \"DE\"\nnext = [\"FR\", \"DE\"]", "z:7:15: DE is given"),
        (
            "[[neighbours]]\ncountry = \"DE\"\nnext = [\"FR\"]\n[[neighbours]]\ncountry = \"DE\"\nnext = [\"CH\"]",
            "z:9:11: the neighbours of DE are given twice",
        ),
    ] {
        let (errors, _, lines) = problems(text);
        assert!(errors == 1 && lines.starts_with(said), "{lines}");
    }
    let (errors, warnings, lines) =
        problems("[[neighbours]]\ncountry = \"DE\"\nnext = [\"FR\", \"FR\"]");
    assert_eq!((errors, warnings), (0, 1));
    assert!(lines.starts_with("z:7:15: FR is given twice"), "{lines}");
}

/// FORMATS, `[[demand]]`: a rate above 0 for a country, which is named once.
#[test]
fn a_country_has_one_demand() {
    let demand = |text: &str| problems(&format!("[[demand]]\n{text}"));
    assert_eq!(demand("country = \"IN\"\nrate = \"12Gbit/s\"").0, 0);
    for (text, place, words) in [
        ("country = \"IN\"\nrate = \"0Gbit/s\"", "z:7:8: ", "is not a rate"),
        ("country = \"IN\"\nrate = 12", "z:7:8: ", "12Gbit/s"),
        ("country = \"ZZ\"\nrate = \"1Gbit/s\"", "z:6:11: ", "ZZ"),
        ("country = \"IN\"", "z:5:", "rate"),
        ("rate = \"1Gbit/s\"", "z:5:", "country"),
        ("country = \"IN\"\nrate = \"1Gbit/s\"\nmax = 1", "z:8:1: ", "max"),
        (
            "country = \"IN\"\nrate = \"1Gbit/s\"\n[[demand]]\ncountry = \"IN\"\nrate = \"2Gbit/s\"",
            "z:9:11: ",
            "given twice",
        ),
    ] {
        let (errors, _, lines) = demand(text);
        assert!(errors == 1 && lines.contains(place) && lines.contains(words), "{text}: {lines}");
    }
    let text = "format = 1\norigin = \"a.example\"\nrecords = \"z\"\n[[demand]]\ncountry = \"IN\"\nrate = \"1Gbit/s\"";
    let mut problems = Problems::default();
    ZoneFile::parse("z", text, &mut problems);
    assert_eq!(problems.counts(), (1, 0), "a static zone has no mirrors to share it out among");
}

/// FORMATS, `[dnssec]`: a directory of keys, and signatures that are valid for a while.
#[test]
fn a_zone_is_signed_with_the_keys_of_a_directory() {
    let parse = |text: &str| {
        let text = format!("format = 1\norigin = \"a.example\"\nrecords = \"z\"\n{text}");
        let mut problems = Problems::default();
        let zone = ZoneFile::parse("z", &text, &mut problems);
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        (zone.and_then(|zone| zone.dnssec), lines.join("\n"))
    };
    assert!(parse("").0.is_none());
    let days = |days: u64| std::time::Duration::from_secs(days * 86_400);
    let (dnssec, lines) = parse("[dnssec]\nkeys = \"keys\"\n");
    let dnssec = dnssec.unwrap();
    assert_eq!(
        (dnssec.keys.value.as_str(), dnssec.validity, lines.as_str()),
        ("keys", days(14), "")
    );
    let (dnssec, lines) = parse("[dnssec]\nkeys = \"k\"\nvalidity = \"1d\"\nkey-set = \"s\"\n");
    let dnssec = dnssec.unwrap();
    assert_eq!((dnssec.validity, lines.as_str()), (days(1), ""));
    assert_eq!(dnssec.key_set.unwrap().value, "s");
    for (text, place, words) in [
        ("[dnssec]", "z:4:1: ", "[dnssec] has no `keys`"),
        ("[dnssec]\nkeys = []", "z:5:8: ", "the directory with the zone's key files"),
        ("[dnssec]\nkeys = \"k\"\nvalidity = \"23h\"", "z:6:12: ", "not from \"1d\" to \"365d\""),
        ("[dnssec]\nkeys = \"k\"\nvalidity = \"366d\"", "z:6:12: ", "not from \"1d\" to \"365d\""),
        ("[dnssec]\nkeys = \"k\"\nvalidity = 14", "z:6:12: ", "a duration from"),
        ("[dnssec]\nkeys = \"k\"\nkeyset = \"k\"", "z:6:1: ", "did you mean `key-set`?"),
    ] {
        let (_, lines) = parse(text);
        assert!(lines.contains(place) && lines.contains(words), "{text}: {lines}");
    }
}
