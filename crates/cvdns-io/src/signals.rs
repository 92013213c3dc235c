//! The signals that commands heed which go on: they stand before anything is read, for the system ends a program by any that is not
//! expected.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// The signals, from when they are caught on. A thread waits for them as long as the program runs.
pub struct Signals(Arc<Mutex<Phase>>);

/// What a signal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalAction {
    /// Read everything again: SIGHUP.
    Reload,
    /// End: SIGTERM or SIGINT.
    Stop,
}

/// Who heeds them.
enum Phase {
    /// Nobody can yet.
    Starting {
        /// SIGHUP came.
        reload: bool,
        /// Called before the program ends; its exit status.
        last: Box<dyn Fn() -> i32 + Send>,
    },
    Running(Box<dyn Fn(SignalAction) + Send>),
}

/// Those that are waited for.
struct Caught {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    user: [Signal; 2],
    /// The log's file has the size that it may have (`ulimit -f`). The write that failed says so; by itself this signal would end
    /// the program.
    file_size: Option<Signal>,
}

impl Signals {
    /// Catches them from now on. Until [`Self::hand_over`] SIGTERM and SIGINT end the program at once, after a call of `last`, with the
    /// exit status that it returns.
    ///
    /// # Errors
    /// When the system gives no thread or signal.
    pub fn catch(last: impl Fn() -> i32 + Send + 'static) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let caught = {
            let _guard = runtime.enter();
            Caught::new()?
        };
        let phase = Arc::new(Mutex::new(Phase::Starting { reload: false, last: Box::new(last) }));
        let heeding = phase.clone();
        let thread = std::thread::Builder::new().name("cvdns-signals".to_owned());
        thread.spawn(move || heed(&runtime, caught, &heeding))?;
        Ok(Self(phase))
    }

    /// Has `then` told of each signal from now on, and of a SIGHUP that came before.
    pub fn hand_over(self, then: impl Fn(SignalAction) + Send + 'static) {
        let mut phase = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Phase::Starting { reload: true, .. } = *phase {
            then(SignalAction::Reload);
        }
        *phase = Phase::Running(Box::new(then));
    }
}

impl Caught {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            user: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
            // Not all systems have it.
            file_size: signal(SignalKind::from_raw(libc::SIGXFSZ)).ok(),
        })
    }

    /// Waits for the next one that tells something.
    async fn next(&mut self) -> SignalAction {
        let Self { hangup, terminate, interrupt, user: [first, second], file_size } = self;
        loop {
            tokio::select! {
                biased;
                _ = terminate.recv() => return SignalAction::Stop,
                _ = interrupt.recv() => return SignalAction::Stop,
                _ = hangup.recv() => return SignalAction::Reload,
                _ = first.recv() => info!("SIGUSR1 does nothing here: SIGHUP reads everything again"),
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

fn heed(runtime: &Runtime, mut caught: Caught, phase: &Mutex<Phase>) {
    runtime.block_on(async {
        loop {
            let told = caught.next().await;
            let mut phase = phase.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *phase, told) {
                (Phase::Running(then), told) => then(told),
                (Phase::Starting { reload, .. }, SignalAction::Reload) => *reload = true,
                (Phase::Starting { last, .. }, SignalAction::Stop) => {
                    info!("stopped while it started");
                    std::process::exit(last());
                }
            }
        }
    });
}
