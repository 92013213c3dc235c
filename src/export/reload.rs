//! The commands that make a name server load what changed.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tracing::{debug, info, warn};

use super::directory::{ExportChanges, ReloadTarget};
use cvdns_core::problem::plural;
use cvdns_io::command;

/// Reload commands that run at once: `rndc` mostly waits, and there may be a view for each country.
const MAX_PARALLEL: usize = 8;

/// Failed commands of one run that are logged one by one; of the others only the number is logged.
/// All commands fail if the name server is down.
const MAX_LOGGED: usize = 3;

/// A command whose words may contain `{zone}` and `{view}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandTemplate {
    program: String,
    arguments: Vec<String>,
}

/// The commands of an export, and the reloads that are still to be done.
#[derive(Debug)]
pub struct ReloadCommands {
    /// Reloads a zone.
    reload: Option<CommandTemplate>,
    /// Makes the server read named.conf again.
    reconfigure: Option<CommandTemplate>,
    /// Time limit for one command.
    limit: Duration,
    /// Zones to reload. A zone whose command failed moves to the end, so that it does not delay the
    /// others.
    pending: VecDeque<ReloadTarget>,
    /// Whether named.conf is still to be read again.
    pending_config: bool,
}

impl CommandTemplate {
    /// Splits a command line into words as a shell does, with quotes and backslashes. No shell runs
    /// it. `None` if it has no words.
    ///
    /// # Errors
    /// When a quote is not closed, or a placeholder is unknown.
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
                        "`{line}`: {{{inside}}} is not a placeholder here; known: {known}"
                    ));
                }
                rest = tail;
            }
        }
        let mut words = words.into_iter();
        Ok(words.next().map(|program| Self { program, arguments: words.collect() }))
    }

    /// The program and its arguments for a zone.
    fn filled(&self, reload: &ReloadTarget) -> (String, Vec<String>) {
        let view = reload.view.as_deref().unwrap_or_default();
        // In one pass, as a name could contain what looks like a placeholder.
        let fill = |word: &String| {
            let parts = word.split("{zone}").map(|part| part.replace("{view}", view));
            parts.collect::<Vec<_>>().join(&reload.zone)
        };
        (fill(&self.program), self.arguments.iter().map(fill).collect())
    }
}

impl ReloadCommands {
    /// Commands with nothing to do yet. `limit` is the time limit for one command.
    pub fn new(
        reload: Option<CommandTemplate>,
        reconfigure: Option<CommandTemplate>,
        limit: Duration,
    ) -> Self {
        Self { reload, reconfigure, limit, pending: VecDeque::new(), pending_config: false }
    }

    /// Runs the commands for what changed, and for what failed before if it is still among `zones`.
    /// Failures are logged and tried again with the next change. If something `newer` is to be
    /// exported, the remaining commands wait for that. Returns whether nothing is left to do.
    pub fn run(
        &mut self,
        changes: &ExportChanges,
        zones: &BTreeSet<ReloadTarget>,
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
        // After the zones, as a command that failed before may hang each time.
        if self.pending_config && !changes.config && !stopped() && !newer() {
            self.reconfigure(stopped, &mut failures);
        }
        if let Some(line) = failures.rest() {
            warn!("{line}");
        }
        self.pending.is_empty() && !self.pending_config
    }

    fn reconfigure(&mut self, stopped: &(dyn Fn() -> bool + Sync), failures: &mut Failures) {
        let done =
            self.reconfigure.as_ref().is_none_or(|CommandTemplate { program, arguments }| {
                failures.record(&run_command(program, arguments, self.limit, stopped))
            });
        self.pending_config = !done;
    }

    /// Runs the reload command once for each pending zone. At least one batch runs even if
    /// something is `newer`.
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
            let zones: Vec<ReloadTarget> = self.pending.drain(..left.min(MAX_PARALLEL)).collect();
            left -= zones.len();
            let limit = self.limit;
            let outcomes: Vec<Option<CommandOutcome>> = std::thread::scope(|scope| {
                let start = |zone| {
                    let (program, arguments) = reload.filled(zone);
                    let thread = std::thread::Builder::new().name("cvdns-reload".to_owned());
                    thread.spawn_scoped(scope, move || {
                        run_command(&program, &arguments, limit, stopped)
                    })
                };
                let running: Vec<_> = zones.iter().map(start).collect();
                running.into_iter().map(|thread| thread.ok()?.join().ok()).collect()
            });
            for (zone, outcome) in zones.into_iter().zip(outcomes) {
                // Without a thread of its own, the command runs on this one.
                let outcome = outcome.unwrap_or_else(|| {
                    let (program, arguments) = reload.filled(&zone);
                    run_command(&program, &arguments, limit, stopped)
                });
                if !failures.record(&outcome) {
                    self.pending.push_back(zone);
                }
            }
            if newer() {
                return;
            }
        }
    }

    /// Logs if no command will run.
    pub(super) fn describe(&self) {
        if self.reload.is_none() {
            info!("no command runs when zones change");
        }
    }
}

/// How a command line ended.
struct CommandOutcome {
    line: String,
    result: Result<(), String>,
}

fn run_command(
    program: &str,
    arguments: &[String],
    limit: Duration,
    stopped: &(dyn Fn() -> bool + Sync),
) -> CommandOutcome {
    let line =
        [program].into_iter().chain(arguments.iter().map(String::as_str)).collect::<Vec<_>>();
    CommandOutcome {
        line: line.join(" "),
        result: command::run(program, arguments, &[], limit, stopped),
    }
}

/// Number of commands that failed in one run.
#[derive(Default)]
struct Failures(usize);

impl Failures {
    /// Logs how a command ended. Returns whether it succeeded.
    fn record(&mut self, CommandOutcome { line, result }: &CommandOutcome) -> bool {
        let Err(error) = result else {
            debug!("done: {line}");
            return true;
        };
        self.0 += 1;
        let what = format!("`{line}` {error}; it is tried again with the next change");
        if self.0 > MAX_LOGGED {
            debug!("{what}");
        } else {
            warn!("{what}");
        }
        false
    }

    /// The log line for the failures that were not logged one by one.
    fn rest(&self) -> Option<String> {
        let rest = self.0.checked_sub(MAX_LOGGED).filter(|rest| *rest > 0)?;
        let commands = plural(rest, "more command", "more commands");
        Some(format!("{commands} failed like these; they are tried again with the next change"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(zone: &str, view: Option<&str>) -> ReloadTarget {
        ReloadTarget { zone: zone.to_owned(), view: view.map(str::to_owned) }
    }

    #[test]
    fn words_are_taken_apart_and_filled_in() {
        let both = ["zone", "view"];
        let of = |line: &str, reload: &ReloadTarget| {
            let (program, arguments) =
                CommandTemplate::parse(line, &both).unwrap().unwrap().filled(reload);
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
        // Neither this program nor a shell interprets the content of a name.
        assert_eq!(
            of("x {zone}", &zone("{view};rm -rf $HOME", Some("v"))),
            ["x", "{view};rm -rf $HOME"]
        );
        assert_eq!(CommandTemplate::parse("  ", &both), Ok(None));
        assert!(CommandTemplate::parse("x 'y", &both).unwrap_err().contains("not closed"));
        assert!(
            CommandTemplate::parse("x {view}", &["zone"]).unwrap_err().contains("known: {zone}")
        );
        assert!(CommandTemplate::parse("x {zone}", &[]).unwrap_err().contains("known: none"));
    }

    #[test]
    fn a_command_that_fails_or_hangs_runs_again_with_the_next_change() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let script = format!(
            "echo $1 >> {0}; test -e {1} && exit 0; test $1 = hangs && sleep 600; exit 3",
            file("told").display(),
            file("good").display()
        );
        let line = format!("sh -c '{script}' sh {{zone}}");
        let reload = CommandTemplate::parse(&line, &["zone"]).unwrap();
        let mut commands = ReloadCommands::new(reload, None, Duration::from_millis(300));
        let set =
            |zones: &[&str]| zones.iter().map(|name| zone(name, None)).collect::<BTreeSet<_>>();
        let changes =
            |zones: &[&str]| ExportChanges { zones: set(zones), ..ExportChanges::default() };
        let known = set(&["fails", "hangs", "other", "late"]);
        let running = || false;
        let told = || {
            let told = std::fs::read_to_string(file("told")).unwrap();
            let mut lines: Vec<String> = told.lines().map(str::to_owned).collect();
            lines.sort();
            lines.join(" ")
        };
        let mut run = |names: &[&str], known: &BTreeSet<ReloadTarget>, newer: bool| {
            commands.run(&changes(names), known, &running, &|| newer)
        };
        assert!(!run(&["fails", "hangs"], &known, false));
        assert_eq!(told(), "fails hangs");
        // A removed zone is no longer reloaded.
        assert!(!run(&[], &set(&["fails", "other"]), false));
        assert_eq!(told(), "fails fails hangs");
        std::fs::write(file("good"), "").unwrap();
        assert!(run(&["other"], &known, false));
        assert_eq!(told(), "fails fails fails hangs other");
        assert!(run(&[], &known, false));
        assert_eq!(told().split(' ').count(), 5);
        // Even if there is always something newer, some commands run, and none is forgotten.
        let many: Vec<String> = (0..MAX_PARALLEL + 2).map(|number| format!("z{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(!run(&many, &set(&many), true));
        assert_eq!(told().split(' ').count(), 5 + MAX_PARALLEL);
        assert!(run(&[], &set(&many), true));
        assert_eq!(told().split(' ').count(), 5 + many.len());
    }

    #[test]
    fn zones_do_not_wait_for_a_failing_reconfigure_command() {
        let directory = tempfile::tempdir().unwrap();
        let told = directory.path().join("told");
        let tell = |what: &str| {
            CommandTemplate::parse(
                &format!("sh -c 'echo {what} >> {}; exit 1'", told.display()),
                &["zone"],
            )
            .unwrap()
        };
        let mut commands =
            ReloadCommands::new(tell("{zone}"), tell("config"), Duration::from_secs(60));
        let known = BTreeSet::from([zone("a", None)]);
        let mut lines = |config: bool, newer: bool| {
            let changes =
                ExportChanges { zones: known.clone(), config, ..ExportChanges::default() };
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
    fn of_many_failures_a_few_are_logged() {
        let mut failures = Failures::default();
        let failed = CommandOutcome { line: "x".to_owned(), result: Err("ended".to_owned()) };
        for rest in [None, None, None, Some("1 more command "), Some("2 more commands ")] {
            assert!(!failures.record(&failed));
            assert!(failures.record(&CommandOutcome { line: "y".to_owned(), result: Ok(()) }));
            let line = failures.rest();
            assert!(
                rest.map_or(line.is_none(), |rest| line.is_some_and(|line| line.starts_with(rest)))
            );
        }
    }
}
