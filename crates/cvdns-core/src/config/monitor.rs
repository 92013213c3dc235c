//! The `[monitor]` section: how the coordinator checks the mirrors, and where it writes the feed.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

use super::of_seconds;
use crate::problem::Problems;
use crate::problem::table::{Placed, Table, read};

/// How the coordinator checks mirrors; paths are as written, relative to the file that names them.
#[derive(Debug, Clone)]
pub struct Monitor {
    /// Where the feed goes; none: to `[feed] source`.
    pub feed: Option<Placed<String>>,
    /// A minisign secret key without a password; none: the feed is not signed.
    pub secret_key: Option<Placed<String>>,
    /// The directory of what is remembered from check to check.
    pub state: Option<Placed<String>>,
    /// A JSON object to be the feed's `release`; none: that of the feed which is replaced goes on.
    pub release: Option<Placed<String>>,
    /// The two virtual hosts that a mirror is asked for; none: `database.ORIGIN` and `db.test.ORIGIN`.
    pub hosts: Option<[String; 2]>,
    /// The port of the mirrors' web servers.
    pub port: u16,
    /// An address that is well is checked once in each of these.
    pub interval: Duration,
    /// One that is not, this long after the last check.
    pub retry_interval: Duration,
    /// How many tries a failure takes.
    pub confirm: u32,
    /// The pause between two tries.
    pub confirm_interval: Duration,
    /// How many good checks in a row bring an address back.
    pub good_checks: u32,
    /// A timestamp of this age, or as long without one, is old.
    pub old_after: Duration,
    /// So long old is removed.
    pub removed_after: Duration,
    /// The feed is renewed at least this often.
    pub publish_every: Duration,
    /// Most addresses that are checked at once.
    pub concurrency: usize,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long an answer may take, once connected.
    pub timeout: Duration,
    /// A command that is told each change, with its arguments; empty: none.
    pub on_change: Vec<String>,
}

impl Default for Monitor {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self {
            feed: None,
            secret_key: None,
            state: None,
            release: None,
            hosts: None,
            port: 80,
            interval: hours(1),
            retry_interval: Duration::from_secs(300),
            confirm: 3,
            confirm_interval: Duration::from_secs(10),
            good_checks: 2,
            old_after: hours(24),
            removed_after: hours(48),
            publish_every: Duration::from_secs(600),
            concurrency: 32,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(20),
            on_change: Vec::new(),
        }
    }
}

impl Monitor {
    /// Reads the section; a feed older than `max_age` is stale.
    pub(super) fn read(
        table: Option<Table<'_>>,
        max_age: Duration,
        problems: &mut Problems,
    ) -> Self {
        let mut monitor = Self::default();
        let Some(mut table) = table else { return monitor };
        monitor.read_paths(&mut table, problems);
        monitor.read_times(&mut table, problems);
        monitor.read_counts(&mut table, problems);
        let location = table.key_spot("publish-every");
        if monitor.publish_every > max_age / 2 {
            let what = format!(
                "the feed is renewed every {:?}, and stale after {max_age:?} (`max-age`)",
                monitor.publish_every
            );
            problems.warning(location, what, "write less than half of `max-age`");
        }
        if let Some(command) =
            table.list("on-change", "[\"/usr/bin/mail-the-team\"]", problems, read::string)
        {
            monitor.on_change = command.into_iter().map(|word| word.value).collect();
        }
        table.finish(problems);
        monitor
    }

    fn read_paths(&mut self, table: &mut Table<'_>, problems: &mut Problems) {
        let mut path = |key, expected| table.get(key, expected, problems, path);
        self.feed = path("feed", "the path of the feed");
        self.secret_key = path("secret-key", "the path of a minisign secret key");
        self.state = path("state", "the path of a directory");
        self.release = path("release", "the path of a JSON file");
        let expected =
            "two names such as [\"database.clamav.example\", \"db.test.clamav.example\"]";
        let location = table.key_spot("hosts");
        if let Some(hosts) = table.list("hosts", expected, problems, host) {
            let hosts: Vec<String> = hosts.into_iter().map(|host| host.value).collect();
            match <[String; 2]>::try_from(hosts) {
                Ok(hosts) => self.hosts = Some(hosts),
                Err(hosts) => {
                    problems.error(
                        location,
                        format!("`hosts` has {} names", hosts.len()),
                        format!("expected {expected}"),
                    );
                }
            }
        }
    }

    fn read_times(&mut self, table: &mut Table<'_>, problems: &mut Problems) {
        let mut time = |key, expected: &str, slot: &mut Duration| {
            let read =
                table.get(key, &format!("a duration such as \"{expected}\""), problems, of_days);
            *slot = read.map_or(*slot, |read| read.value);
        };
        time("interval", "1h", &mut self.interval);
        time("retry-interval", "5m", &mut self.retry_interval);
        time("old-after", "24h", &mut self.old_after);
        time("removed-after", "48h", &mut self.removed_after);
        time("publish-every", "10m", &mut self.publish_every);
        time("connect-timeout", "10s", &mut self.connect_timeout);
        time("timeout", "20s", &mut self.timeout);
        let pause =
            table.get("confirm-interval", "a duration such as \"10s\"", problems, read::duration);
        self.confirm_interval = pause.map_or(self.confirm_interval, |pause| pause.value);
    }

    fn read_counts(&mut self, table: &mut Table<'_>, problems: &mut Problems) {
        let mut count = |key, most, slot: &mut u32| {
            let read = table.get(key, "a number, 1 or more", problems, read::integer(1..=most));
            *slot = read.map_or(*slot, |read| read.value as u32);
        };
        count("confirm", 100, &mut self.confirm);
        count("good-checks", 1000, &mut self.good_checks);
        // Each is a thread that waits.
        let mut concurrency = self.concurrency as u32;
        count("concurrency", 1024, &mut concurrency);
        self.concurrency = concurrency as usize;
        let mut port = u32::from(self.port);
        count("port", 65_535, &mut port);
        self.port = port as u16;
    }
}

/// A duration of a second or more, in which days may stand: `"1d"`, `"1d 12h"`.
fn of_days(value: &toml::de::DeValue<'_>) -> Result<Duration, String> {
    let days =
        value.as_str().filter(|text| text.contains('d')).and_then(|text| text.parse::<Span>().ok());
    let Some(span) = days else { return of_seconds(value) };
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok();
    match duration.and_then(|duration| Duration::try_from(duration).ok()) {
        Some(duration) if duration >= Duration::from_secs(1) => Ok(duration),
        _ => Err(format!(
            "\"{}\" is no duration of a second or more",
            value.as_str().unwrap_or_default()
        )),
    }
}

fn path(value: &toml::de::DeValue<'_>) -> Result<String, String> {
    match read::string(value)? {
        text if text.is_empty() => Err("it is empty".to_owned()),
        text => Ok(text),
    }
}

/// A name that can stand in a Host header (RFC 9110 section 7.2).
fn host(value: &toml::de::DeValue<'_>) -> Result<String, String> {
    let text = read::string(value)?;
    let fits =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if fits { Ok(text) } else { Err(format!("\"{text}\" is no host name")) }
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
            hosts = ["database.a.example", "db.test.a.example"]
            port = 8080
            interval = "2h"
            retry-interval = "6m"
            confirm = 4
            confirm-interval = "0s"
            good-checks = 5
            old-after = "25h"
            removed-after = "2d 1h"
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
        assert_eq!(monitor.hosts.unwrap()[1], "db.test.a.example");
        assert_eq!(monitor.old_after, Duration::from_secs(25 * 3600));
        assert_eq!(monitor.removed_after, Duration::from_secs(49 * 3600));
        assert_eq!(monitor.confirm_interval, Duration::ZERO);
        assert_eq!(monitor.on_change, ["a", "b"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (line, words) in [
            ("confirm = 0", "c:3:11: `confirm`: 0 is not within 1 to 100"),
            ("port = 65536", "is not within 1 to 65535"),
            ("hosts = [\"one.example\"]", "`hosts` has 1 names"),
            ("hosts = [\"a b\", \"c\"]", "\"a b\" is no host name"),
            ("timeout = \"0s\"", "less than a second"),
            ("old-after = \"tomorrow\"", "is no duration"),
            ("old-after = \"0d\"", "is no duration of a second or more"),
            ("old-after = \"-1d\"", "is no duration of a second or more"),
            ("old-after = \"1 month 1d\"", "is no duration"),
            ("secret-key = \"\"", "it is empty"),
            ("on-change = \"mail\"", "write a list in brackets"),
            ("publish-every = \"40m\"", "stale after 3600s"),
            ("intervall = \"1h\"", "did you mean `interval`?"),
        ] {
            let (_, problems) = read(line);
            assert!(problems.iter().any(|problem| problem.contains(words)), "{line}: {problems:?}");
        }
    }
}
