//! The `[monitor]` section: how the coordinator checks the mirrors, and where it writes the feed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::keys::monitor as keys;
use super::monitor_member::{Member, members};
use crate::fleet::Fleet;
use crate::problem::Problems;
use crate::problem::table::{Document, Placed, Table};

/// How the coordinator checks mirrors (`[monitor]`). Paths are as written: relative to the file
/// that contains them.
#[derive(Debug, Clone)]
pub struct Monitor {
    /// Path of the feed that is written; `None`: `[feed] source`.
    pub feed: Option<Placed<String>>,
    /// minisign secret key without a password; `None`: the feed is not signed.
    pub secret_key: Option<Placed<String>>,
    /// Directory in which the coordinator keeps what it knows; `None`: `state/monitor`.
    pub state: Option<Placed<String>>,
    /// JSON object that becomes the feed's `release`; `None`: the last feed's release is repeated.
    pub release: Option<Placed<String>>,
    /// Directory of the web pages; `None`: none are written.
    pub page: Option<Placed<String>>,
    /// The URL of that directory, with a slash at its end; `None`: it is not known.
    pub page_url: Option<String>,
    /// The path that is requested instead of ClamAV's timestamp and databases; `None`: these.
    pub probe: Option<String>,
    /// The virtual hosts of mirrors, two without `probe`; `None`: `database.ORIGIN` and
    /// `db.test.ORIGIN`, or with `probe` the origin.
    pub hosts: Option<Vec<String>>,
    /// Port of the mirrors' web servers.
    pub port: u16,
    /// Time in which a healthy address is checked once.
    pub interval: Duration,
    /// Time from the last check of an unhealthy address to the next.
    pub retry_interval: Duration,
    /// Tries before a failure counts.
    pub confirm: u32,
    /// Pause between two tries.
    pub confirm_interval: Duration,
    /// Successful checks in a row that bring an address back.
    pub good_checks: u32,
    /// Age of a timestamp, or time with databases that are behind, after which an address is old.
    pub old_after: Duration,
    /// Time as old after which an address is removed.
    pub removed_after: Duration,
    /// Time of wrong answers after which an address is down.
    pub fault_after: Duration,
    /// Whether addresses that are new to the fleet are not answered before a good check.
    pub newcomers_wait: bool,
    /// Time over which a mirror that was out for long is given back its weight; 0: at once.
    pub ramp: Duration,
    /// Addresses of others that always accept a TCP connection.
    pub witnesses: Vec<Placed<SocketAddr>>,
    /// The feed is renewed at least this often.
    pub publish_every: Duration,
    /// Name of this monitor among several; `None`: it writes no reports.
    pub name: Option<String>,
    /// Path of the report that is written; `None`: `report.json` in the state directory.
    pub report: Option<Placed<String>>,
    /// How often the reports of the members are read.
    pub combine_interval: Duration,
    /// The monitors whose reports are combined.
    pub members: Vec<Member>,
    /// Most addresses checked at once.
    pub concurrency: usize,
    /// Limit for the connection.
    pub connect_timeout: Duration,
    /// Limit for the whole answer, once connected.
    pub timeout: Duration,
    /// Command that gets each change, with its arguments; empty: none.
    pub on_change: Vec<String>,
}

impl Default for Monitor {
    fn default() -> Self {
        Document::empty(&keys::SECTION, |table| Self::read(table, Duration::MAX))
    }
}

impl Monitor {
    /// Reports the witnesses that are mirrors of a fleet.
    pub fn check_witnesses(&self, fleets: &[&Fleet], problems: &mut Problems) {
        for witness in &self.witnesses {
            let ip = witness.value.ip().to_canonical();
            let mirrors = fleets.iter().flat_map(|fleet| &fleet.mirrors);
            let mut found = mirrors.filter(|mirror| mirror.addresses().any(|of| of == ip));
            if let Some(mirror) = found.next() {
                let what = format!("the witness {} is the mirror {}", witness.value, mirror.host);
                let help = "name an address outside the fleet: witnesses tell a mirror that fails \
                            from a coordinator that cannot see it";
                problems.error(witness.location.clone(), what, help);
            }
        }
    }

    /// Reads the section; a feed older than `max_age` is stale.
    pub(super) fn read(mut table: Table<'_>, max_age: Duration) -> Self {
        let probe = table.get(&keys::PROBE).map(|probe| probe.value);
        let monitor = Self {
            feed: table.get(&keys::FEED),
            secret_key: table.get(&keys::SECRET_KEY),
            state: table.get(&keys::STATE),
            release: table.get(&keys::RELEASE),
            page: table.get(&keys::PAGE),
            page_url: table.get(&keys::PAGE_URL).map(|url| url.value),
            hosts: hosts(&mut table, probe.is_some()),
            probe,
            interval: table.value(&keys::INTERVAL),
            retry_interval: table.value(&keys::RETRY_INTERVAL),
            old_after: table.value(&keys::OLD_AFTER),
            removed_after: table.value(&keys::REMOVED_AFTER),
            fault_after: table.value(&keys::FAULT_AFTER),
            newcomers_wait: table.value(&keys::NEW),
            ramp: table.value(&keys::RAMP),
            witnesses: witnesses(&mut table),
            publish_every: table.value(&keys::PUBLISH_EVERY),
            name: table.get(&keys::NAME).map(|name| name.value),
            report: table.get(&keys::REPORT),
            combine_interval: table.value(&keys::COMBINE_INTERVAL),
            members: members(&mut table),
            connect_timeout: table.value(&keys::CONNECT_TIMEOUT),
            timeout: table.value(&keys::TIMEOUT),
            confirm_interval: table.value(&keys::CONFIRM_INTERVAL),
            confirm: table.value(&keys::CONFIRM),
            good_checks: table.value(&keys::GOOD_CHECKS),
            concurrency: table.value(&keys::CONCURRENCY),
            port: table.value(&keys::PORT),
            on_change: on_change(&mut table),
        };
        if table.is_given() && monitor.publish_every > max_age / 2 {
            let what = format!(
                "the feed is renewed every {:?}, and stale after {max_age:?} (`max-age`)",
                monitor.publish_every
            );
            let location = table.key_location(&keys::PUBLISH_EVERY);
            table.warning(location, what, "write less than half of `max-age`");
        }
        if monitor.report.is_some() && monitor.name.is_none() {
            let location = table.key_location(&keys::REPORT);
            let what = "`report` has no effect without `name`: a report says whose it is";
            table.warning(location, what, "write `name` = a name such as \"fra1\", or remove it");
        }
        if monitor.page_url.is_some() && monitor.page.is_none() {
            let location = table.key_location(&keys::PAGE_URL);
            let what = "`page-url` has no effect without `page`: no pages are written";
            table.warning(
                location,
                what,
                "name the directory of the pages as `page`, or remove it",
            );
        }
        table.finish();
        monitor
    }
}

/// Reads the virtual hosts: two, or with `probe` one or more.
fn hosts(table: &mut Table<'_>, is_probe: bool) -> Option<Vec<String>> {
    let location = table.key_location(&keys::HOSTS);
    let hosts = table.list(&keys::HOSTS)?;
    let hosts: Vec<String> = hosts.into_iter().map(|host| host.value).collect();
    let is_right = if is_probe { !hosts.is_empty() } else { hosts.len() == 2 };
    if !is_right {
        let what = format!("`hosts` has {} names", hosts.len());
        let one = "one name such as [\"download.example\"], or several";
        let expected = if is_probe { one.to_owned() } else { keys::HOSTS.expected() };
        table.error(location, what, format!("expected {expected}"));
    }
    is_right.then_some(hosts)
}

/// Reads the witnesses. One that no connection can reach would freeze the coordinator, and one that
/// is named twice is no second opinion.
fn witnesses(table: &mut Table<'_>) -> Vec<Placed<SocketAddr>> {
    let witnesses = table.list(&keys::WITNESSES).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for Placed { value, location } in &witnesses {
        let (ip, port) = (value.ip().to_canonical(), value.port());
        let (what, help) = if port == 0 {
            let help =
                "write the port of a service that accepts TCP connections, such as 53 or 443";
            (format!("no connection can be made to port 0 of the witness {value}"), help)
        } else if ip.is_unspecified() {
            let help = "write the address of a machine in another network";
            (format!("the witness {value} has an unspecified address, which is no machine's"), help)
        } else if !seen.insert((ip, port)) {
            (format!("the witness {value} is named twice"), "keep one")
        } else {
            continue;
        };
        table.error(location.clone(), what, help);
    }
    witnesses
}

fn on_change(table: &mut Table<'_>) -> Vec<String> {
    let command = table.list(&keys::ON_CHANGE).into_iter().flatten();
    command.map(|word| word.value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(lines: &str) -> (Monitor, Vec<String>) {
        let mut problems = Problems::default();
        let text = format!("zone = [{{ file = \"z\" }}]\n[monitor]\n{lines}\n");
        let config = Config::parse("c", &text, &mut problems).unwrap();
        (config.monitor, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_key_is_read() {
        let (monitor, problems) = read(
            r#"feed = "f"
            secret-key = "k"
            state = "s"
            release = "r"
            page = "p"
            page-url = "https://status.example:8443/a%20b"
            hosts = ["database.a.example", "db.test.a.example"]
            port = 8080
            interval = "2h"
            retry-interval = "6m"
            confirm = 4
            confirm-interval = "0s"
            good-checks = 5
            old-after = "25h"
            removed-after = "2d 1h"
            fault-after = "20m"
            new = "up"
            ramp = "0s"
            witnesses = ["192.0.2.1:80", "[2001:db8::1]:443"]
            publish-every = "11m"
            concurrency = 7
            connect-timeout = "3s"
            timeout = "4s"
            on-change = ["a", "b"]"#,
        );
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(
            (monitor.port, monitor.confirm, monitor.good_checks, monitor.concurrency),
            (8080, 4, 5, 7)
        );
        assert_eq!(monitor.page.unwrap().value, "p");
        // Links are made by what follows the slash.
        assert_eq!(monitor.page_url.unwrap(), "https://status.example:8443/a%20b/");
        assert_eq!(monitor.hosts.unwrap()[1], "db.test.a.example");
        assert_eq!(monitor.old_after, Duration::from_secs(25 * 3600));
        assert_eq!(monitor.removed_after, Duration::from_secs(49 * 3600));
        assert_eq!(monitor.confirm_interval, Duration::ZERO);
        assert_eq!(monitor.on_change, ["a", "b"]);
        assert_eq!(
            (monitor.fault_after, monitor.ramp),
            (Duration::from_secs(1200), Duration::ZERO)
        );
        let witnesses: Vec<String> =
            monitor.witnesses.iter().map(|witness| witness.value.to_string()).collect();
        assert_eq!(witnesses, ["192.0.2.1:80", "[2001:db8::1]:443"]);
        let defaults = Monitor::default();
        assert!(!monitor.newcomers_wait && defaults.newcomers_wait);
        assert_eq!(
            (defaults.fault_after, defaults.ramp, defaults.witnesses.len()),
            (Duration::from_secs(900), Duration::from_secs(1800), 0)
        );
    }

    #[test]
    fn urls_of_pages_are_those_of_directories() {
        // TOML takes the escapes of JSON.
        let quoted = |url: &str| serde_json::to_string(url).unwrap();
        let of = |url: &str| read(&format!("page = \"p\"\npage-url = {}", quoted(url)));
        for (url, whole) in [
            ("https://a.example", "https://a.example/"),
            ("http://192.0.2.1:8080/", "http://192.0.2.1:8080/"),
            ("https://[2001:db8::1]:443/~a/b;c=1,d", "https://[2001:db8::1]:443/~a/b;c=1,d/"),
            ("https://a.example/'&'", "https://a.example/'&'/"),
        ] {
            let (monitor, problems) = of(url);
            assert_eq!((monitor.page_url.as_deref(), problems), (Some(whole), vec![]), "{url}");
        }
        let long = format!("https://a.example/{}", "x".repeat(1001));
        for url in [
            "status.example",
            "//a.example/",
            "ftp://a.example/",
            "javascript:alert(1)//https://a.example/",
            "https:///",
            "https://:443/",
            "https://a.example:/",
            "https://a.example:0/",
            "https://a.example:65536/",
            "https://a.example:+1/",
            "https://[2001:db8::1/",
            "https://[::1]x/",
            "https://user:secret@a.example/",
            "https://a.example?x=1",
            "https://a.example/?x=1",
            "https://a.example/#x",
            "https://a.example/a b",
            "https://a.example/\"onload=\"x",
            "https://a.example/<script>",
            "https://a.example/\u{202e}",
            "https://a.example/\u{0}",
            "https://zürich.example/",
            &long,
        ] {
            let (monitor, problems) = of(url);
            assert_eq!(monitor.page_url, None, "{url}");
            let [problem] = problems.as_slice() else { panic!("{url}: {problems:?}") };
            assert!(problem.contains("(expected the URL of a directory, such as"), "{problem}");
        }
    }

    #[test]
    fn problems_are_reported_with_their_location() {
        for (line, words) in [
            ("confirm = 0", "c:3:11: `confirm`: 0 is not within 1 to 100"),
            ("probe = \"timestamp\"", "\"timestamp\" is not the path of a URL"),
            ("probe = \"/a b\"", "\"/a b\" is not the path of a URL (expected a path that begins"),
            ("probe = \"/a#b\"", "is not the path of a URL"),
            ("page-url = \"https://a/\"", "c:3:1: `page-url` has no effect without `page`"),
            ("probe = \"/\"\nhosts = []", "`hosts` has 0 names (expected one name such as"),
            ("port = 65536", "is not within 1 to 65535"),
            ("hosts = [\"one.example\"]", "`hosts` has 1 names"),
            ("hosts = [\"a b\", \"c\"]", "\"a b\" is not a host name"),
            ("timeout = \"0s\"", "less than a second"),
            ("old-after = \"tomorrow\"", "is not a duration"),
            ("old-after = \"0d\"", "less than a second"),
            ("old-after = \"-1d\"", "is negative"),
            ("old-after = \"1 month 1d\"", "is not a duration"),
            ("secret-key = \"\"", "it is empty"),
            ("on-change = \"mail\"", "write a list in brackets"),
            ("new = \"old\"", "c:3:7: `new`"),
            ("fault-after = \"1\"", "is not a duration"),
            ("ramp = \"10ms\"", "less than a second"),
            ("witnesses = [\"192.0.2.1\"]", "c:3:14: `witnesses`"),
            ("witnesses = \"192.0.2.1:80\"", "write a list in brackets"),
            (
                "witnesses = [\"192.0.2.1:80\", \"192.0.2.1:0\"]",
                "c:3:30: no connection can be made to port 0 of the witness 192.0.2.1:0 \
                 (write the port of",
            ),
            (
                "witnesses = [\"0.0.0.0:80\"]",
                "c:3:14: the witness 0.0.0.0:80 has an unspecified address, which is no machine's \
                 (write the address of",
            ),
            ("witnesses = [\"[::]:80\"]", "c:3:14: the witness [::]:80 has an unspecified"),
            ("witnesses = [\"[::ffff:0.0.0.0]:80\"]", "has an unspecified address"),
            (
                "witnesses = [\"192.0.2.1:80\", \"192.0.2.1:443\", \"192.0.2.1:80\"]",
                "c:3:47: the witness 192.0.2.1:80 is named twice (keep one)",
            ),
            (
                "witnesses = [\"192.0.2.1:80\", \"[::ffff:192.0.2.1]:80\"]",
                "c:3:30: the witness [::ffff:192.0.2.1]:80 is named twice",
            ),
            ("publish-every = \"40m\"", "stale after 3600s"),
            ("intervall = \"1h\"", "did you mean `interval`?"),
        ] {
            let (_, problems) = read(line);
            assert!(problems.iter().any(|problem| problem.contains(words)), "{line}: {problems:?}");
        }
    }

    /// A network that is not ClamAV's has as many virtual hosts as it likes.
    #[test]
    fn with_a_probe_one_virtual_host_is_enough() {
        for hosts in ["[\"a.example\"]", "[\"a.example\", \"b.example\", \"c.example\"]"] {
            let (monitor, problems) = read(&format!("probe = \"/t?a=%20\"\nhosts = {hosts}"));
            assert_eq!(problems, Vec::<String>::new());
            assert!(monitor.hosts.is_some() && monitor.probe.as_deref() == Some("/t?a=%20"));
        }
    }

    #[test]
    fn a_witness_must_not_be_a_mirror() {
        let fleet = "[[mirror]]\nhost = \"a.example\"\ncountry = \"DE\"\nipv4 = [\"192.0.2.1\"]\n\
                     ipv6 = [\"2001:db8::1\"]\n";
        let fleet = Fleet::parse("m", fleet, &mut Problems::default());
        let (monitor, _) =
            read("witnesses = [\"192.0.2.2:80\", \"192.0.2.1:443\", \"[2001:db8::1]:80\"]");
        let mut problems = Problems::default();
        monitor.check_witnesses(&[&fleet], &mut problems);
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].contains("c:3:30: the witness 192.0.2.1:443 is the mirror a.example"));
        assert!(problems[1].contains("c:3:47: the witness [2001:db8::1]:80 is the mirror"));
    }
}
