//! Runs the `on-change` command for each change.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use tracing::warn;

use cvdns_core::health::State;
use cvdns_io::command;

/// The time limit of the command.
const LIMIT: Duration = Duration::from_secs(30);

/// The most changes that wait for the command. Further changes are only in the log.
const QUEUE: usize = 10_000;

/// A change of an address, as it is passed to the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    /// The time of the change.
    pub(super) time: Timestamp,
    /// The mirror.
    pub(super) mirror: String,
    /// The address.
    pub(super) address: std::net::IpAddr,
    /// Its former state.
    pub(super) from: State,
    /// Its new state.
    pub(super) to: State,
    /// The reason.
    pub(super) reason: String,
    /// The new state of the mirror as a whole.
    #[serde(rename = "mirror-state")]
    pub(super) mirror_state: State,
}

/// The beginning or the end of a freeze, as it is passed to the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Turn {
    /// The time of the change.
    pub(super) time: Timestamp,
    /// Whether all states are left as they were from now on.
    pub(super) frozen: bool,
    /// When the freeze began.
    pub(super) since: Timestamp,
    /// Why it began.
    pub(super) reason: String,
}

/// What is passed to the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Notice {
    /// A change of an address.
    Change(Change),
    /// A freeze.
    Turn(Turn),
}

/// A thread that runs the command for one change after another.
pub(super) struct Notifier {
    queue: SyncSender<Notice>,
    thread: JoinHandle<()>,
}

impl Notifier {
    /// Starts the thread for a command with its arguments; `None` without a command.
    pub(super) fn start(command: &[String]) -> std::io::Result<Option<Self>> {
        let Some((program, arguments)) = command.split_first() else { return Ok(None) };
        let (program, arguments) = (program.clone(), arguments.to_vec());
        let (queue, changes) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("on-change".to_owned())
            .spawn(move || tell_all(&program, &arguments, &changes))?;
        Ok(Some(Self { queue, thread }))
    }

    /// Queues a change.
    pub(super) fn notify(&self, notice: Notice) {
        match self.queue.try_send(notice) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                warn!("on-change is not told of a change: {QUEUE} changes wait for it");
            }
            Err(TrySendError::Disconnected(_)) => warn!("on-change is not told: its thread ended"),
        }
    }

    /// Waits until the command ran for all changes, but no longer than `patience`.
    pub(super) fn finish(self, patience: Duration) {
        let Self { queue, thread } = self;
        drop(queue);
        let started = Instant::now();
        while !thread.is_finished() {
            if started.elapsed() >= patience {
                warn!("on-change is not told all: it takes too long");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn tell_all(program: &str, arguments: &[String], changes: &Receiver<Notice>) {
    while let Ok(change) = changes.recv() {
        if let Err(error) = notify(program, arguments, &change, LIMIT) {
            warn!("on-change: {program}: {error}");
        }
    }
}

/// Runs the command with a change on its standard input.
fn notify(
    program: &str,
    arguments: &[String],
    notice: &Notice,
    limit: Duration,
) -> Result<(), String> {
    let mut line = serde_json::to_vec(notice).map_err(|error| error.to_string())?;
    line.push(b'\n');
    command::run(program, arguments, &line, limit, &|| false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> Notice {
        Notice::Change(Change {
            time: Timestamp::UNIX_EPOCH,
            mirror: "a.example".to_owned(),
            address: [192, 0, 2, 1].into(),
            from: State::Up,
            to: State::Down,
            reason: "the connection is refused".to_owned(),
            mirror_state: State::Down,
        })
    }

    fn shell(script: &str, limit: Duration) -> Result<(), String> {
        notify("/bin/sh", &["-c".to_owned(), script.to_owned()], &change(), limit)
    }

    #[test]
    fn the_command_gets_the_change() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("told");
        shell(&format!("cat > {}", file.display()), LIMIT).unwrap();
        assert_eq!(
            std::fs::read_to_string(file).unwrap(),
            "{\"time\":\"1970-01-01T00:00:00Z\",\"mirror\":\"a.example\",\"address\":\"192.0.2.1\",\"from\":\"up\",\
             \"to\":\"down\",\"reason\":\"the connection is refused\",\"mirror-state\":\"down\"}\n"
        );
    }

    #[test]
    fn a_freeze_is_told_too() {
        let (time, since) = (Timestamp::from_second(60).unwrap(), Timestamp::UNIX_EPOCH);
        let turn = Turn { time, frozen: false, since, reason: "no witness answers".to_owned() };
        assert_eq!(
            serde_json::to_string(&Notice::Turn(turn)).unwrap(),
            "{\"time\":\"1970-01-01T00:01:00Z\",\"frozen\":false,\"since\":\"1970-01-01T00:00:00Z\",\
             \"reason\":\"no witness answers\"}"
        );
    }

    #[test]
    fn a_command_that_fails_or_hangs_is_said_and_ended() {
        assert_eq!(shell("exit 3", LIMIT), Err("ended with exit status: 3".to_owned()));
        let missing = notify("/nonexistent/command", &[], &change(), LIMIT).unwrap_err();
        assert!(missing.starts_with("cannot be started"), "{missing}");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        // Processes that the command started end too.
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        let hung = shell(&script, Duration::from_millis(500)).unwrap_err();
        assert_eq!(hung, "was ended after 500ms");
        let pid: i32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let runs = || {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z "))
        };
        while runs() {
            assert!(Instant::now() < deadline, "the command's child goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
