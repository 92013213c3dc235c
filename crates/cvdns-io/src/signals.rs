//! The signals of long-running commands. They are caught before anything is read, as the system
//! ends a program by any signal that it does not catch.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use super::confinement::begin_thread;
use super::essential;

/// The signals, all of which are caught. A thread waits for them as long as the program runs.
pub struct Signals(Arc<Mutex<Phase>>);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalAction {
    /// Read everything again (SIGHUP).
    Reload,
    /// Stop (SIGTERM or SIGINT).
    Stop,
}

/// Who acts on signals.
enum Phase {
    /// The command is still starting.
    Starting {
        /// Whether SIGHUP was received.
        reload: bool,
        /// Called before the program exits; returns its exit status.
        on_exit: Box<dyn Fn() -> i32 + Send>,
    },
    Running(Box<dyn Fn(SignalAction) + Send>),
}

/// The streams of signals that are waited for.
struct Caught {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    user: [Signal; 2],
    /// Opens the log's file again; returns false if the log is in no file.
    reopen_log: Box<dyn Fn() -> bool + Send>,
    /// SIGXFSZ: the log's file has reached the size limit (`ulimit -f`). The write that failed
    /// reports it; uncaught, the signal would end the program.
    file_size: Option<Signal>,
}

impl Signals {
    /// Catches signals from now on. Until [`Self::hand_over`], SIGTERM and SIGINT call `on_exit`
    /// and end the program with the exit status that it returns. SIGUSR1 calls `reopen_log` at any
    /// time, which says whether the log is in a file.
    ///
    /// # Errors
    /// When the system gives no thread or signal.
    pub fn catch(
        on_exit: impl Fn() -> i32 + Send + 'static,
        reopen_log: impl Fn() -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let caught = {
            let _guard = runtime.enter();
            Caught::new(Box::new(reopen_log))?
        };
        let phase =
            Arc::new(Mutex::new(Phase::Starting { reload: false, on_exit: Box::new(on_exit) }));
        let shared = phase.clone();
        essential::spawn("cvdns-signals", move || {
            begin_thread();
            dispatch(&runtime, caught, &shared);
        })?;
        Ok(Self(phase))
    }

    /// Calls `act` for each signal from now on, and for a SIGHUP that was received before.
    pub fn hand_over(self, act: impl Fn(SignalAction) + Send + 'static) {
        let mut phase = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Phase::Starting { reload: true, .. } = *phase {
            act(SignalAction::Reload);
        }
        *phase = Phase::Running(Box::new(act));
    }
}

impl Caught {
    fn new(reopen_log: Box<dyn Fn() -> bool + Send>) -> io::Result<Self> {
        Ok(Self {
            reopen_log,
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            user: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
            // Not all systems have this signal.
            file_size: signal(SignalKind::from_raw(libc::SIGXFSZ)).ok(),
        })
    }

    /// Waits for the next signal that asks for something.
    async fn next(&mut self) -> SignalAction {
        let Self { hangup, terminate, interrupt, user: [first, second], reopen_log, file_size } =
            self;
        loop {
            tokio::select! {
                biased;
                _ = terminate.recv() => return SignalAction::Stop,
                _ = interrupt.recv() => return SignalAction::Stop,
                _ = hangup.recv() => return SignalAction::Reload,
                _ = first.recv() => if !reopen_log() {
                    info!(
                        "SIGUSR1 does nothing here, as no `file` in [log] is configured: SIGHUP \
                         reads everything again"
                    );
                },
                _ = second.recv() => info!("SIGUSR2 does nothing here: SIGHUP reads everything again"),
                Some(()) = next(file_size) => {}
            }
        }
    }
}

async fn next(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => None,
    }
}

fn dispatch(runtime: &Runtime, mut caught: Caught, phase: &Mutex<Phase>) {
    runtime.block_on(async {
        loop {
            let action = caught.next().await;
            let mut phase = phase.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *phase, action) {
                (Phase::Running(act), action) => act(action),
                (Phase::Starting { reload, .. }, SignalAction::Reload) => *reload = true,
                (Phase::Starting { on_exit, .. }, SignalAction::Stop) => {
                    info!("stopped while it started");
                    std::process::exit(on_exit());
                }
            }
        }
    });
}
