//! The commands that have a name server load what changed.

use std::collections::VecDeque;
use std::time::Duration;

use tracing::{debug, info, warn};

use super::{Changes, Reload};
use crate::command;

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
                    let known: Vec<String> = placeholders.iter().map(|name| format!("{{{name}}}")).collect();
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(" and ") };
                    return Err(format!("`{line}`: {{{inside}}} stands for nothing here; known: {known}"));
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

    /// Runs them for what changed, and for what failed before. What fails now is said, and done with the next change. Where
    /// something `newer` is to be exported, that comes first, and the rest waits too. True when nothing is left.
    pub fn run(&mut self, changes: &Changes, stopped: &dyn Fn() -> bool, newer: &dyn Fn() -> bool) -> bool {
        for zone in &changes.zones {
            if !self.pending.contains(zone) {
                self.pending.push_back(zone.clone());
            }
        }
        self.pending_config |= changes.config;
        if self.pending_config {
            self.pending_config = !match &self.reconfigure {
                Some(Template { program, arguments }) => self.one(program, arguments, stopped),
                None => true,
            };
        }
        let Some(reload) = self.reload.clone() else {
            self.pending.clear();
            return !self.pending_config;
        };
        for _ in 0..self.pending.len() {
            if stopped() || newer() {
                break;
            }
            let Some(zone) = self.pending.pop_front() else { break };
            let (program, arguments) = reload.filled(&zone);
            if !self.one(&program, &arguments, stopped) {
                self.pending.push_back(zone);
            }
        }
        self.pending.is_empty() && !self.pending_config
    }

    fn one(&self, program: &str, arguments: &[String], stopped: &dyn Fn() -> bool) -> bool {
        let line = [program].into_iter().chain(arguments.iter().map(String::as_str)).collect::<Vec<_>>();
        let line = line.join(" ");
        match command::run(program, arguments, &[], self.limit, stopped) {
            Ok(()) => {
                debug!("done: {line}");
                true
            }
            Err(error) => {
                warn!("`{line}` {error}; it is tried again with the next change");
                false
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
            let (program, arguments) = Template::parse(line, &both).unwrap().unwrap().filled(reload);
            [vec![program], arguments].concat()
        };
        let plain = zone("a.b", Some("v"));
        assert_eq!(of("rndc reload {zone} IN {view}", &plain), ["rndc", "reload", "a.b", "IN", "v"]);
        assert_eq!(of(r#"sh -c 'x "$0"' "{zone} {view}""#, &plain), ["sh", "-c", "x \"$0\"", "a.b v"]);
        // What a name holds is never looked at again, nor by any shell.
        assert_eq!(of("x {zone}", &zone("{view};rm -rf $HOME", Some("v"))), ["x", "{view};rm -rf $HOME"]);
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
        let changes = |zones: &[&str]| Changes {
            zones: zones.iter().map(|name| zone(name, None)).collect(),
            ..Changes::default()
        };
        let running = || false;
        let told = || std::fs::read_to_string(file("told")).unwrap();
        assert!(!commands.run(&changes(&["fails", "hangs"]), &running, &running));
        assert_eq!(told(), "fails\nhangs\n");
        std::fs::write(file("good"), "").unwrap();
        assert!(commands.run(&changes(&["other"]), &running, &running));
        assert_eq!(told(), "fails\nhangs\nfails\nhangs\nother\n");
        assert!(commands.run(&changes(&[]), &running, &running));
        assert_eq!(told().lines().count(), 5);
        // What is newer comes first, and nothing is forgotten.
        assert!(!commands.run(&changes(&["late"]), &running, &|| true));
        assert_eq!(told().lines().count(), 5);
        assert!(commands.run(&changes(&[]), &running, &running));
        assert!(told().ends_with("other\nlate\n"));
    }
}
