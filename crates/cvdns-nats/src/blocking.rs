//! What is done over a connection by callers that wait.

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::backoff::Backoff;
use super::connection::{Connection, Notice};
use super::error::{Error, ErrorKind};
use super::settings::Settings;

/// A connection that is made when it is needed. Its thread keeps it alive meanwhile.
#[derive(Debug)]
pub(crate) struct Blocking {
    settings: Settings,
    open: Option<Open>,
    /// How long each undertaking may take.
    time: Duration,
    /// Always there until it is dropped.
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    notices: tokio::sync::broadcast::Receiver<Notice>,
}

/// How long a single request may take. A server that does not answer by then is left for another.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

impl Blocking {
    /// Connects to nothing yet.
    pub(crate) fn new(settings: &Settings, time: Duration) -> Result<Self, Error> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("cvdns-nats")
            .enable_all()
            .build()
            .map_err(|error| Error::new(ErrorKind::System, format!("no thread: {error}")))?;
        Ok(Self { settings: settings.clone(), open: None, time, runtime: Some(runtime) })
    }

    /// How NATS is reached.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// When an undertaking that begins now must have ended.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.time
    }

    /// Connects, unless that was done and still holds, until this moment. That every server refuses
    /// is said at once: somebody may be waiting who has mistyped an address.
    pub(crate) fn connect(&mut self, deadline: Instant) -> Result<(), Error> {
        let may_pass = |error: &Error| error.is_passing() && error.kind() != ErrorKind::Unreachable;
        self.perform_while(may_pass, deadline, async |_, _| Ok(()))
    }

    /// Does something over the connection. Failures that pass are tried again, over a new
    /// connection, for as long as an undertaking may take. An attempt that the end of this time
    /// cuts off says less of why it fails than the one before it.
    pub(crate) fn perform<T>(
        &mut self,
        work: impl AsyncFnMut(&Connection, Duration) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.perform_until(self.deadline(), work)
    }

    /// The same, as a part of an undertaking that must have ended by then.
    pub(crate) fn perform_until<T>(
        &mut self,
        deadline: Instant,
        work: impl AsyncFnMut(&Connection, Duration) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.perform_while(Error::is_passing, deadline, work)
    }

    fn perform_while<T>(
        &mut self,
        may_pass: impl Fn(&Error) -> bool,
        deadline: Instant,
        mut work: impl AsyncFnMut(&Connection, Duration) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Self { settings, open, runtime, .. } = self;
        let Some(runtime) = runtime else { return Err(no_runtime()) };
        runtime.block_on(async {
            let (mut backoff, mut before) = (Backoff::default(), None);
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let done = attempt(settings, open, left, &mut work).await;
                let Err(error) = done else { return done };
                if matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout) {
                    *open = None;
                }
                let is_cut_off = error.kind() == ErrorKind::Timeout && left < REQUEST_TIMEOUT;
                let error = before.take().filter(|_| is_cut_off).unwrap_or(error);
                let delay = backoff.delay();
                if !may_pass(&error) || Instant::now() + delay >= deadline {
                    return Err(error);
                }
                before = Some(error);
                tokio::time::sleep(delay).await;
            }
        })
    }
}

async fn attempt<T>(
    settings: &Settings,
    open: &mut Option<Open>,
    left: Duration,
    work: &mut impl AsyncFnMut(&Connection, Duration) -> Result<T, Error>,
) -> Result<T, Error> {
    let late = |_| Error::new(ErrorKind::Timeout, "no answer in time");
    if open.as_mut().is_some_and(Open::has_ended) {
        *open = None;
    }
    let open = if let Some(open) = open {
        open
    } else {
        let connecting = tokio::time::timeout(left, Connection::open(settings));
        let connection = connecting.await.map_err(late)??;
        let notices = connection.notices();
        open.insert(Open { connection, notices })
    };
    work(&open.connection, left.min(REQUEST_TIMEOUT)).await
}

impl Open {
    fn has_ended(&mut self) -> bool {
        use tokio::sync::broadcast::error::TryRecvError::{Closed, Lagged};
        loop {
            match self.notices.try_recv() {
                Ok(Notice::Ended) | Err(Closed) => return true,
                Ok(_) | Err(Lagged(_)) => {}
                Err(_) => return false,
            }
        }
    }
}

fn no_runtime() -> Error {
    Error::new(ErrorKind::System, "no thread")
}

impl Drop for Blocking {
    fn drop(&mut self) {
        // A name that is being looked up would be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
