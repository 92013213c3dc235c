use std::time::Duration;

use super::*;

/// The problems of a configuration with these lines.
fn problems(text: &str) -> Vec<String> {
    let mut problems = Problems::default();
    Config::parse("c", &format!("zone = [{{ file = \"z\" }}]\n{text}\n"), &mut problems);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn durations_are_at_least_a_second() {
    for (section, key) in [("feed", "interval"), ("feed", "max-age"), ("server", "tcp-idle")] {
        for short in ["0s", "999ms"] {
            let found = problems(&format!("[{section}]\n{key} = \"{short}\""));
            assert!(found.len() == 1 && found[0].contains("less than a second"), "{found:?}");
        }
        assert_eq!(problems(&format!("[{section}]\n{key} = \"1s\"")), Vec::<String>::new());
    }
}

#[test]
fn settling_is_off_or_at_least_a_second() {
    for (settle, good) in [("0s", true), ("999ms", false), ("1s", true), ("1h", true)] {
        let found = problems(&format!("[feed]\nsettle = \"{settle}\""));
        assert_eq!(found.is_empty(), good, "{settle}: {found:?}");
    }
}

#[test]
fn a_wildcard_excludes_other_addresses_of_its_family() {
    for (listen, good) in [
        (r#""127.0.0.1:53", "0.0.0.0:53""#, false),
        (r#""0.0.0.0:53", "127.0.0.1:53""#, false),
        (r#""[::]:53", "[::1]:53""#, false),
        (r#""0.0.0.0:53", "[::]:53", "[::1]:54", "127.0.0.1:54""#, true),
    ] {
        let found = problems(&format!("[server]\nudp = \"mmsg\"\nlisten = [{listen}]"));
        assert_eq!(found.is_empty(), good, "{listen}: {found:?}");
    }
}

#[test]
fn affinity_is_for_workers() {
    for (keys, warnings) in [
        ("affinity = true\nudp = \"portable\"", 1),
        ("affinity = false\nudp = \"portable\"", 0),
        ("affinity = true\nudp = \"mmsg\"", 0),
    ] {
        let found = problems(&format!("[server]\n{keys}"));
        assert_eq!(found.len(), warnings, "{keys}: {found:?}");
        assert!(found.iter().all(|found| found.contains("no effect on portable UDP")), "{found:?}");
    }
    let found = problems("[server]\naffinity = \"yes\"");
    assert!(found.len() == 1 && found[0].contains("true or false"), "{found:?}");
}

#[test]
fn a_directory_of_databases_needs_the_rest_of_the_record() {
    let found = problems("[record]\ncvd-dir = \"d\"");
    assert!(found.len() == 1 && found[0].contains("no software version"), "{found:?}");
    for rest in ["record-file = \"dns.txt\"", "[feed]\nsource = \"feed.json\""] {
        assert_eq!(problems(&format!("[record]\ncvd-dir = \"d\"\n{rest}")), Vec::<String>::new());
    }
}

#[test]
fn a_feed_that_anyone_can_change_causes_a_warning() {
    let key = "public-key = \"RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5\"";
    for (source, more, warnings) in [
        ("http://feed.example.org/feed.json", "", 1),
        ("http://feed.example.org/feed.json", key, 0),
        ("https://feed.example.org/feed.json", "", 0),
        ("http://127.0.0.1:8080/feed.json", "", 0),
        ("feed.json", "", 0),
    ] {
        let found = problems(&format!("[feed]\nsource = \"{source}\"\n{more}"));
        assert_eq!(found.len(), warnings, "{source}: {found:?}");
    }
}

#[test]
fn an_empty_nsid_is_called_empty() {
    let found = problems("[server]\nnsid = \"\"");
    assert!(found.len() == 1 && found[0].contains("it is empty"), "{found:?}");
}

/// BIND takes an address without a prefix to be a network of one; here it may as well be a network
/// whose prefix was forgotten, so it is an error that says what to write.
#[test]
fn networks_have_a_prefix_that_fits() {
    let place = "c:3:11: `exempt`: ";
    for (network, words) in [
        ("192.0.2.1", "\"192.0.2.1\" has no prefix length: write 192.0.2.1/32 for this address"),
        ("2001:db8::1", "\"2001:db8::1\" has no prefix length: write 2001:db8::1/128 for this"),
        ("1.2.3.4/33", "\"1.2.3.4/33\": the prefix is longer than 32 bits"),
        ("2001:db8::/129", "\"2001:db8::/129\": the prefix is longer than 128 bits"),
        ("1.2.3.4/999999999999", "the prefix is longer than 32 bits"),
        ("1.2.3.4/", "\"1.2.3.4/\": \"\" is not a prefix length, 0 to 32"),
        ("1.2.3.4/255.0.0.0", "\"255.0.0.0\" is not a prefix length, 0 to 32"),
        ("1.2.3/24", "\"1.2.3\" is not an IP address"),
        ("192.0.2.1/24", "192.0.2.1/24 has bits beyond its prefix; 192.0.2.0/24 has not"),
    ] {
        let found = problems(&format!("[rate-limit]\nexempt = [\"{network}\"]"));
        let told = found.iter().any(|problem| problem.contains(words) && problem.contains(place));
        assert!(told, "{network}: {found:?}");
    }
    assert_eq!(problems("[rate-limit]\nexempt = [\"192.0.2.1/32\", \"::/0\"]"), [""; 0]);
}

/// Days are allowed wherever a duration is.
#[test]
fn durations_may_have_days() {
    let mut problems = Problems::default();
    let text = "zone = [{ file = \"z\" }]\n[feed]\nmax-age = \"2d\"\nloss-window = \"1d 12h\"\n\
                settle = \"0d\"\n[record]\nstuck-after = \"1d\"\n[monitor]\nfault-after = \"1d 1s\"\n";
    let config = Config::parse("cvdns.toml", text, &mut problems).expect("a configuration");
    assert_eq!(problems.counts(), (0, 0));
    let read = [
        config.feed.max_age,
        config.feed.loss_window,
        config.feed.settle,
        config.record.stuck_after,
        config.monitor.fault_after,
    ];
    let hour = 3600;
    let expected = [48 * hour, 36 * hour, 0, 24 * hour, 24 * hour + 1].map(Duration::from_secs);
    assert_eq!(read, expected);
}

#[test]
fn overrides_of_networks_that_hold_ipv4_name_it() {
    for (net, write) in [
        ("2002:c633:6400::/40", "write 198.51.100.0/24"),
        ("2002:c633:6401:5::/64", "write 198.51.100.1/32"),
        ("2002::/16", "write 0.0.0.0/0"),
        ("::ffff:198.51.100.0/120", "write 198.51.100.0/24"),
        ("::ffff:0:0/96", "write 0.0.0.0/0"),
    ] {
        let found = problems(&format!("[[geoip.override]]\nnet = \"{net}\"\ncountry = \"DE\""));
        assert!(found.len() == 1 && found[0].contains(write), "{net}: {found:?}");
    }
    for net in ["2001:db8::/32", "2000::/3", "::/64", "198.51.100.0/24"] {
        let found = problems(&format!("[[geoip.override]]\nnet = \"{net}\"\ncountry = \"DE\""));
        assert_eq!(found, Vec::<String>::new(), "{net}");
    }
}

/// A configuration in several files: the first, and others each with its directory.
fn joined(first: &str, others: &[(&str, &str, &str)]) -> (Option<Config>, Vec<String>) {
    let mut problems = Problems::default();
    let mut sources = vec![SourceText::first("cvdns.toml", first)];
    sources.extend(others.iter().map(|(file, directory, text)| SourceText {
        file,
        text,
        directory,
    }));
    let config = Config::parse_joined(&sources, &mut problems);
    (config, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn sections_are_joined_and_lists_of_tables_follow_one_another() {
    let first = "[server]\nnsid = \"a\"\n[[zone]]\nfile = \"z.toml\"\n\
                 [[geoip.override]]\nnet = \"192.0.2.0/24\"\ncountry = \"DE\"\n";
    let (config, problems) = joined(
        first,
        &[
            (
                "conf.d/a.toml",
                "conf.d",
                "[server]\nworkers = 2\n[[zone]]\nfile = \"z.toml\"\n[geoip]\ndatabase = \"/d\"\n",
            ),
            (
                "/etc/b.toml",
                "/etc",
                "zone = [{ file = \"b\" }]\n[feed]\nsource = \"https://f.example/\"\nstate = \"s\"\n\
                 [[geoip.override]]\nnet = \"198.51.100.0/24\"\ncountry = \"FR\"\n",
            ),
        ],
    );
    assert_eq!(problems, [""; 0]);
    let config = config.expect("a configuration");
    assert_eq!((config.server.nsid.as_deref(), config.server.workers), (Some("a"), 2));
    // Paths are relative to the file that has them; URLs and absolute paths stay as they are.
    let zones: Vec<&str> = config.zones.iter().map(|zone| zone.value.as_str()).collect();
    assert_eq!(zones, ["z.toml", "conf.d/z.toml", "/etc/b"]);
    assert_eq!(config.geoip.database.value, "/d");
    assert_eq!(config.geoip.overrides.len(), 2);
    let path = |named: Option<Placed<String>>| named.map(|named| named.value);
    assert_eq!(config.feed.sources[0].value, "https://f.example/");
    assert_eq!(path(config.feed.state).as_deref(), Some("/etc/s"));
    assert_eq!(config.files, ["cvdns.toml", "conf.d/a.toml", "/etc/b.toml"]);
}

#[test]
fn problems_of_joined_files_name_the_file() {
    let zone = "zone = [{ file = \"z\" }]\n";
    for (first, other, expected) in [
        (
            "[server]\nnsid = \"a\"",
            "[server]\nworkers = 1\nnsid = \"b\"",
            &[
                "o.toml:3:1: `nsid` in [server] is given twice (it is also given at cvdns.toml:3:1: \
               keep one)",
            ][..],
        ),
        (
            "[monitor]\nport = 1",
            "[monitor]\nport = 1\nprt = 2",
            &[
                "o.toml:2:1: `port` in [monitor] is given twice (it is also given at \
                 cvdns.toml:3:1: keep one)",
                "o.toml:3:1: unknown key `prt` (did you mean `port`?)",
            ],
        ),
        (
            "",
            "server = 3",
            &[
                "o.toml:1:10: `server` is an integer (write it as a table: `[server]` with its keys \
               below)",
            ],
        ),
        (
            "",
            "[server]\nworkers = 5000",
            &[
                "o.toml:2:11: `workers`: 5000 is not within 0 to 1024 (expected a number; 0 for one \
               per core)",
            ],
        ),
        (
            "",
            "include = [\"a\"]",
            &["o.toml:1:1: an included file includes others (name them in the `include` of the \
               first file)"],
        ),
        (
            "[server]\ninclude = [\"a\"]",
            "",
            &["cvdns.toml:3:1: unknown key `include` (`include` belongs at the top of the file, \
               before the first [section])"],
        ),
        ("", "[[zone]]\nfile = \"../z\"\n[server\n", &["o.toml:3:8: unclosed table"]),
        (
            "",
            "[[zone]]\nfile = \"\"",
            &["o.toml:2:8: `file`: it is empty (expected the zone's file, such as \
               \"zones/clamav.net.toml\")"],
        ),
    ] {
        let (_, problems) = joined(&format!("{zone}{first}\n"), &[("o.toml", "", other)]);
        let found: Vec<&str> =
            problems.iter().map(|problem| problem.split(", expected").next().unwrap()).collect();
        assert_eq!(found, expected, "{other}");
    }
}

#[test]
fn a_configuration_without_zones_is_reported_at_the_first_file() {
    let (_, problems) = joined("", &[("o.toml", "", "[log]\nlevel = \"debug\"\n")]);
    assert!(problems.len() == 1 && problems[0].starts_with("cvdns.toml: no zone"), "{problems:?}");
}

#[test]
fn includes_are_read_before_all_else() {
    let includes = |text: &str| {
        let mut problems = Problems::default();
        let read = Config::includes("c", text, &mut problems);
        let values = |read: Vec<Placed<String>>| {
            read.into_iter().map(|placed| placed.value).collect::<Vec<_>>()
        };
        (read.map(values), problems.counts().0)
    };
    assert_eq!(
        includes("include = [\"a\", \"b/*.toml\"]\n[server]\nx = 1"),
        (Some(vec!["a".to_owned(), "b/*.toml".to_owned()]), 0)
    );
    assert_eq!(includes("[server]"), (Some(Vec::new()), 0));
    assert_eq!(includes("include = \"a\""), (Some(Vec::new()), 0));
    assert_eq!(includes("include = [\"a\""), (None, 1));
}
