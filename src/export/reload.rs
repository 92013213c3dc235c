//! The commands that have a name server load what changed.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tracing::{debug, info, warn};

use super::{Changes, Reload};
use cvdns_io::command;

/// How many zones are loaded at once: `rndc` mostly waits, and there may be a view for each country.
const AT_ONCE: usize = 8;

/// Of so many commands that fail in a row each is said, and of the others how many they are: a name server that is down fails
/// all of them.
const SAID: usize = 3;

/// A command whose words may hold `{zone}` and `{view}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    program: String,
    arguments: Vec<String>,
}

/// The commands of an export, and what they did not do yet.
#[derive(Debug)]
pub struct Commands {
    /// Has a zone loaded again.
    reload: Option<Template>,
    /// Has named.conf read again.
    reconfigure: Option<Template>,
    /// How long one may take.
    limit: Duration,
    /// Those that failed last stand last: none keeps the others waiting.
    pending: VecDeque<Reload>,
    pending_config: bool,
}

impl Template {
    /// Takes a command line apart as a shell does, quotes and backslashes included; no shell runs it. None: it has no words.
    ///
    /// # Errors
    /// When a quote is not closed, or a word has braces that mean nothing.
    pub fn parse(line: &str, placeholders: &[&str]) -> Result<Option<Self>, String> {
        let words = shlex::split(line).ok_or_else(|| format!("`{line}`: a quote is not closed"))?;
        for word in &words {
            let mut rest = word.as_str();
            while let Some((_, tail)) = rest.split_once('{') {
                let Some((inside, tail)) = tail.split_once('}') else { break };
                if !placeholders.contains(&inside) {
                    let known: Vec<String> =
                        placeholders.iter().map(|name| format!("{{{name}}}")).collect();
                    let known =
                        if known.is_empty() { "none".to_owned() } else { known.join(" and ") };
                    return Err(format!(
                        "`{line}`: {{{inside}}} stands for nothing here; known: {known}"
                    ));
                }
                rest = tail;
            }
        }
        let mut words = words.into_iter();
        Ok(words.next().map(|program| Self { program, arguments: words.collect() }))
    }

    /// The program and its arguments for a zone.
    fn filled(&self, reload: &Reload) -> (String, Vec<String>) {
        let view = reload.view.as_deref().unwrap_or_default();
        // In one pass: a name could hold what looks like a placeholder.
        let fill = |word: &String| {
            let parts = word.split("{zone}").map(|part| part.replace("{view}", view));
            parts.collect::<Vec<_>>().join(&reload.zone)
        };
        (fill(&self.program), self.arguments.iter().map(fill).collect())
    }
}

impl Commands {
    /// Commands of which none has anything to do yet.
    pub fn new(reload: Option<Template>, reconfigure: Option<Template>, limit: Duration) -> Self {
        Self { reload, reconfigure, limit, pending: VecDeque::new(), pending_config: false }
    }

    /// Runs them for what changed, and for what failed before if it is still one of the `zones`. What fails now is said, and done
    /// with the next change. Where something `newer` is to be exported, that comes first, and the rest waits too. True when
    /// nothing is left.
    pub fn run(
        &mut self,
        changes: &Changes,
        zones: &BTreeSet<Reload>,
        stopped: &(dyn Fn() -> bool + Sync),
        newer: &dyn Fn() -> bool,
    ) -> bool {
        self.pending.retain(|zone| zones.contains(zone));
        for zone in &changes.zones {
            if !self.pending.contains(zone) {
                self.pending.push_back(zone.clone());
            }
        }
        let mut failures = Failures::default();
        if changes.config {
            self.reconfigure(stopped, &mut failures);
        }
        self.reload(stopped, newer, &mut failures);
        // Zones do not wait for what failed before: it may hang each time.
        if self.pending_config && !changes.config && !stopped() && !newer() {
            self.reconfigure(stopped, &mut failures);
        }
        if let Some(line) = failures.rest() {
            warn!("{line}");
        }
        self.pending.is_empty() && !self.pending_config
    }

    fn reconfigure(&mut self, stopped: &(dyn Fn() -> bool + Sync), failures: &mut Failures) {
        let done = self.reconfigure.as_ref().is_none_or(|Template { program, arguments }| {
            failures.note(&one(program, arguments, self.limit, stopped))
        });
        self.pending_config = !done;
    }

    /// Has all zones loaded that are to be, once each; some at least, however much is `newer`.
    fn reload(
        &mut self,
        stopped: &(dyn Fn() -> bool + Sync),
        newer: &dyn Fn() -> bool,
        failures: &mut Failures,
    ) {
        let Some(reload) = &self.reload else {
            self.pending.clear();
            return;
        };
        let mut left = self.pending.len();
        while left > 0 && !stopped() {
            let zones: Vec<Reload> = self.pending.drain(..left.min(AT_ONCE)).collect();
            left -= zones.len();
            let limit = self.limit;
            let outcomes: Vec<Option<Outcome>> = std::thread::scope(|scope| {
                let start = |zone| {
                    let (program, arguments) = reload.filled(zone);
                    // Where the system gives no thread, this one is as good.
                    let build = std::thread::Builder::new().name("cvdns-reload".to_owned());
                    build.spawn_scoped(scope, move || one(&program, &arguments, limit, stopped))
                };
                let running: Vec<_> = zones.iter().map(start).collect();
                running.into_iter().map(|thread| thread.ok()?.join().ok()).collect()
            });
            for (zone, outcome) in zones.into_iter().zip(outcomes) {
                let outcome = outcome.unwrap_or_else(|| {
                    let (program, arguments) = reload.filled(&zone);
                    one(&program, &arguments, limit, stopped)
                });
                if !failures.note(&outcome) {
                    self.pending.push_back(zone);
                }
            }
            if newer() {
                return;
            }
        }
    }

    /// Says what is going to be run.
    pub(super) fn describe(&self) {
        if self.reload.is_none() {
            info!("no command is run when zones change");
        }
    }
}

/// How a command line ended.
struct Outcome {
    line: String,
    result: Result<(), String>,
}

fn one(
    program: &str,
    arguments: &[String],
    limit: Duration,
    stopped: &(dyn Fn() -> bool + Sync),
) -> Outcome {
    let line =
        [program].into_iter().chain(arguments.iter().map(String::as_str)).collect::<Vec<_>>();
    Outcome { line: line.join(" "), result: command::run(program, arguments, &[], limit, stopped) }
}

/// How many commands failed in a row.
#[derive(Default)]
struct Failures(usize);

impl Failures {
    /// Says how one ended. True when it did what it should.
    fn note(&mut self, Outcome { line, result }: &Outcome) -> bool {
        let Err(error) = result else {
            debug!("done: {line}");
            return true;
        };
        self.0 += 1;
        let what = format!("`{line}` {error}; it is tried again with the next change");
        if self.0 > SAID {
            debug!("{what}");
        } else {
            warn!("{what}");
        }
        false
    }

    /// What is said of those that were not.
    fn rest(&self) -> Option<String> {
        let rest = self.0.checked_sub(SAID).filter(|rest| *rest > 0)?;
        let noun = if rest == 1 { "command" } else { "commands" };
        Some(format!(
            "{rest} more {noun} failed like these; they are tried again with the next change"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(zone: &str, view: Option<&str>) -> Reload {
        Reload { zone: zone.to_owned(), view: view.map(str::to_owned) }
    }

    #[test]
    fn words_are_taken_apart_and_filled_in() {
        let both = ["zone", "view"];
        let of = |line: &str, reload: &Reload| {
            let (program, arguments) =
                Template::parse(line, &both).unwrap().unwrap().filled(reload);
            [vec![program], arguments].concat()
        };
        let plain = zone("a.b", Some("v"));
        assert_eq!(
            of("rndc reload {zone} IN {view}", &plain),
            ["rndc", "reload", "a.b", "IN", "v"]
        );
        assert_eq!(
            of(r#"sh -c 'x "$0"' "{zone} {view}""#, &plain),
            ["sh", "-c", "x \"$0\"", "a.b v"]
        );
        // What a name holds is never looked at again, nor by any shell.
        assert_eq!(
            of("x {zone}", &zone("{view};rm -rf $HOME", Some("v"))),
            ["x", "{view};rm -rf $HOME"]
        );
        assert_eq!(Template::parse("  ", &both), Ok(None));
        assert!(Template::parse("x 'y", &both).unwrap_err().contains("not closed"));
        assert!(Template::parse("x {view}", &["zone"]).unwrap_err().contains("known: {zone}"));
        assert!(Template::parse("x {zone}", &[]).unwrap_err().contains("known: none"));
    }

    #[test]
    fn what_fails_or_hangs_is_done_with_the_next_change() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let script = format!(
            "echo $1 >> {0}; test -e {1} && exit 0; test $1 = hangs && sleep 600; exit 3",
            file("told").display(),
            file("good").display()
        );
        let line = format!("sh -c '{script}' sh {{zone}}");
        let reload = Template::parse(&line, &["zone"]).unwrap();
        let mut commands = Commands::new(reload, None, Duration::from_millis(300));
        let set =
            |zones: &[&str]| zones.iter().map(|name| zone(name, None)).collect::<BTreeSet<_>>();
        let changes = |zones: &[&str]| Changes { zones: set(zones), ..Changes::default() };
        let known = set(&["fails", "hangs", "other", "late"]);
        let running = || false;
        let told = || {
            let told = std::fs::read_to_string(file("told")).unwrap();
            let mut lines: Vec<String> = told.lines().map(str::to_owned).collect();
            lines.sort();
            lines.join(" ")
        };
        let mut run = |names: &[&str], known: &BTreeSet<Reload>, newer: bool| {
            commands.run(&changes(names), known, &running, &|| newer)
        };
        assert!(!run(&["fails", "hangs"], &known, false));
        assert_eq!(told(), "fails hangs");
        // What a change took away is not loaded for ever.
        assert!(!run(&[], &set(&["fails", "other"]), false));
        assert_eq!(told(), "fails fails hangs");
        std::fs::write(file("good"), "").unwrap();
        assert!(run(&["other"], &known, false));
        assert_eq!(told(), "fails fails fails hangs other");
        assert!(run(&[], &known, false));
        assert_eq!(told().split(' ').count(), 5);
        // However much is newer, some go through, and nothing is forgotten.
        let many: Vec<String> = (0..AT_ONCE + 2).map(|number| format!("z{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(!run(&many, &set(&many), true));
        assert_eq!(told().split(' ').count(), 5 + AT_ONCE);
        assert!(run(&[], &set(&many), true));
        assert_eq!(told().split(' ').count(), 5 + many.len());
    }

    #[test]
    fn zones_do_not_wait_for_a_configuration_that_cannot_be_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let told = directory.path().join("told");
        let tell = |what: &str| {
            Template::parse(
                &format!("sh -c 'echo {what} >> {}; exit 1'", told.display()),
                &["zone"],
            )
            .unwrap()
        };
        let mut commands = Commands::new(tell("{zone}"), tell("config"), Duration::from_secs(60));
        let known = BTreeSet::from([zone("a", None)]);
        let mut lines = |config: bool, newer: bool| {
            let changes = Changes { zones: known.clone(), config, ..Changes::default() };
            let _ = std::fs::remove_file(&told);
            assert!(!commands.run(&changes, &known, &|| false, &|| newer));
            std::fs::read_to_string(&told).unwrap().replace('\n', " ")
        };
        assert_eq!(lines(true, true), "config a ");
        assert_eq!(lines(false, false), "a config ");
        assert_eq!(lines(false, true), "a ");
        assert_eq!(lines(true, false), "config a ");
    }

    #[test]
    fn of_many_failures_a_few_are_said() {
        let mut failures = Failures::default();
        let failed = Outcome { line: "x".to_owned(), result: Err("ended".to_owned()) };
        for rest in [None, None, None, Some("1 more command "), Some("2 more commands ")] {
            assert!(!failures.note(&failed));
            assert!(failures.note(&Outcome { line: "y".to_owned(), result: Ok(()) }));
            let said = failures.rest();
            assert!(
                rest.map_or(said.is_none(), |rest| said.is_some_and(|said| said.starts_with(rest)))
            );
        }
    }
}
