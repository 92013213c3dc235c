//! Threads and tasks that the process cannot do without. If one of them panics, the process ends:
//! its supervisor restarts it, while a process that goes on without it would only seem to serve.

use std::borrow::Cow;
use std::io;
use std::thread::{Builder, JoinHandle, panicking, sleep};
use std::time::Duration;

use tracing::error;

/// Ends the process when it is dropped by a panic. A thread or an `async` function that must not
/// end in that way holds one as its first variable, so that all others are dropped before it.
///
/// A panic that is caught further in, such as that of a single query, is none of its concern.
#[derive(Debug)]
pub struct Essential {
    name: Cow<'static, str>,
}

/// Time for the log to be written before the process ends.
const LOG_DELAY: Duration = Duration::from_millis(200);

impl Essential {
    /// For the thread or task that is called `name` in the log.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into() }
    }
}

impl Drop for Essential {
    fn drop(&mut self) {
        if panicking() {
            end_process(&format!(
                "{} ended by a panic: a defect in cvdns, please report it; the process ends, so \
                 that its supervisor restarts it",
                self.name
            ));
        }
    }
}

/// Starts a thread with this name. If it panics, the process ends.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn<T: Send + 'static>(
    name: impl Into<String>,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let name = name.into();
    let essential = Essential::new(format!("the thread {name}"));
    Builder::new().name(name).spawn(move || {
        let _essential = essential;
        work()
    })
}

/// Logs why the process ends, and aborts it. Its exit status is that of SIGABRT, and the system
/// writes a core dump where it is configured to.
pub fn end_process(reason: &str) -> ! {
    error!("{reason}");
    sleep(LOG_DELAY);
    std::process::abort();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::panic::catch_unwind;
    use std::process::{Command, Output};

    /// Set in the processes that are meant to end: how.
    const HOW: &str = "CVDNS_TEST_PANICS";

    fn run(how: &str) -> Output {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "essential::tests::in_a_process_that_panics", "--ignored"])
            .arg("--nocapture")
            .env(HOW, how)
            .output()
            .unwrap()
    }

    #[test]
    fn the_process_ends_with_a_thread_or_a_task_and_says_which() {
        for (how, name) in [("thread", "the thread doomed"), ("task", "the task doomed")] {
            let output = run(how);
            assert_eq!(output.status.signal(), Some(6), "{how}: SIGABRT: {output:?}");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.contains(&format!("{name} ended by a panic")), "{how}: {said}");
        }
    }

    #[test]
    fn a_panic_that_is_caught_further_in_ends_nothing() {
        let output = run("caught");
        assert!(output.status.success(), "{output:?}");
    }

    #[test]
    #[ignore = "run by other tests in a process of its own"]
    fn in_a_process_that_panics() {
        let Some(how) = std::env::var_os(HOW) else { return };
        tracing_subscriber::fmt().init();
        if how == "thread" {
            let _ = spawn("doomed", || panic!("as the test wants")).unwrap().join();
        } else if how == "task" {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let task = async {
                let _essential = Essential::new("the task doomed");
                tokio::task::yield_now().await;
                panic!("as the test wants")
            };
            let _: Result<(), _> = runtime.block_on(runtime.spawn(task));
        } else {
            let caught = || catch_unwind(|| panic!("as the test wants")).is_err();
            assert!(spawn("lucky", caught).unwrap().join().unwrap());
        }
    }
}
