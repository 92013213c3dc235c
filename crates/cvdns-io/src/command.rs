//! Runs commands of the operator, which may fail or hang.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How often a command is looked after in its first second, in which most end: many may be run one after the other.
const EAGER: Duration = Duration::from_millis(3);

/// Runs a command with this on its standard input; no shell takes part. It has a process group of its own, so that what it
/// started ends with it when it takes longer than `limit`, or when `stopped` says so.
///
/// # Errors
/// When it cannot be started, does not succeed, or was ended.
pub fn run(
    program: &str,
    arguments: &[String],
    input: &[u8],
    limit: Duration,
    stopped: &dyn Fn() -> bool,
) -> Result<(), String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command need not read it. What it gets is far smaller than a pipe, so that this never waits.
        let _ = stdin.write_all(input);
    }
    let status = wait(&mut child, limit, stopped).map_err(|error| error.to_string())?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("ended with {status}")),
        None if stopped() => Err("was ended with this program".to_owned()),
        None => Err(format!("was ended after {limit:?}")),
    }
}

fn wait(
    child: &mut Child,
    limit: Duration,
    stopped: &dyn Fn() -> bool,
) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let deadline = start + limit;
    let mut pause = EAGER;
    while Instant::now() < deadline && !stopped() {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(pause);
        if start.elapsed() > Duration::from_secs(1) {
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }
    let group = Pid::from_raw(child.id().cast_signed());
    let _ = killpg(group, Signal::SIGKILL);
    child.wait()?;
    Ok(None)
}
