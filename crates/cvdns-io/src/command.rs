//! Runs commands that an operator configured, which may fail or hang.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How often a command is polled in its first second, in which most end. Many may be run one after
/// the other.
const FIRST_POLLS: Duration = Duration::from_millis(3);

/// Runs a command, without a shell, with `input` on its standard input. If it takes longer than
/// `limit`, or once `stopped` returns true, it is killed together with all processes that it
/// started: it has a process group of its own.
///
/// # Errors
/// When the command cannot be started, fails, or was killed.
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
        // A command need not read its input. Inputs are far smaller than a pipe, so that this never
        // blocks.
        let _ = stdin.write_all(input);
    }
    let status = wait_or_kill(&mut child, limit, stopped).map_err(|error| error.to_string())?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("ended with {status}")),
        None if stopped() => Err("was ended with this program".to_owned()),
        None => Err(format!("was ended after {limit:?}")),
    }
}

/// Waits for a command. Returns `None` if it was killed.
fn wait_or_kill(
    child: &mut Child,
    limit: Duration,
    stopped: &dyn Fn() -> bool,
) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let deadline = start + limit;
    let mut pause = FIRST_POLLS;
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
