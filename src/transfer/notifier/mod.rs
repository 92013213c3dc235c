//! Tells secondaries of changes (NOTIFY, RFC 1996), on a thread of its own.

mod conversation;
mod schedule;
mod source;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tracing::warn;

use super::desk::TransferDesk;
use super::notified::NotifyOutcome;
use super::secondary::SecondaryServer;
use conversation::converse;
use cvdns_io::essential;
use schedule::Schedule;

/// Tells secondaries of changes. It has a thread as long as any secondary can be told.
#[derive(Debug, Default)]
pub struct Notifier {
    /// The addresses from which notifications are sent; `None` while none are.
    listen: Option<Vec<SocketAddr>>,
    thread: Option<NotifierThread>,
}

/// A thread that tells secondaries of changes until this is dropped.
#[derive(Debug)]
struct NotifierThread {
    /// Dropped with this, which ends the thread.
    _alive: mpsc::Sender<()>,
}

impl Notifier {
    /// Notifies the secondaries of this desk from now on, from these addresses.
    pub fn begin(&mut self, desk: &Arc<TransferDesk>, listen: Vec<SocketAddr>) {
        self.listen = Some(listen);
        self.announce(desk);
    }

    /// Has secondaries notified of what is served. Call this once the SOA records are answered that
    /// say so: a secondary that is notified asks for them at once.
    pub fn announce(&mut self, desk: &Arc<TransferDesk>) {
        let Some(listen) = &self.listen else { return };
        if !desk.served().secondaries.iter().any(SecondaryServer::is_notified) {
            self.thread = None;
            return;
        }
        if self.thread.is_none() {
            match NotifierThread::start(desk.clone(), listen.clone()) {
                Ok(thread) => self.thread = Some(thread),
                Err(error) => warn!(
                    "no thread to notify secondaries: {error}; they look by themselves as REFRESH \
                     of each zone says, and it is tried again with the next change"
                ),
            }
        }
        desk.announce();
    }

    /// Notifies nobody any more.
    pub fn end(&mut self) {
        *self = Self::default();
    }
}

impl NotifierThread {
    /// Starts the thread. Notifications are sent from these addresses.
    ///
    /// # Errors
    /// When the system gives no thread.
    fn start(desk: Arc<TransferDesk>, listen: Vec<SocketAddr>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (alive, ended) = mpsc::channel(1);
        let run = Run { desk, listen };
        essential::spawn("cvdns-notify", move || runtime.block_on(run.until(ended)))?;
        Ok(Self { _alive: alive })
    }
}

struct Run {
    desk: Arc<TransferDesk>,
    listen: Vec<SocketAddr>,
}

impl Run {
    async fn until(self, mut ended: mpsc::Receiver<()>) {
        let (sender, mut outcomes) = mpsc::unbounded_channel::<NotifyOutcome>();
        let mut schedule = Schedule::default();
        loop {
            let now = Instant::now();
            schedule.update(&self.desk.served(), self.desk.progress(), now);
            for due in schedule.take_due(now) {
                let (listen, sender) = (self.listen.clone(), sender.clone());
                tokio::spawn(async move {
                    // The receiver lives as long as this thread.
                    let _ = sender.send(converse(due, &listen).await);
                });
            }
            let wake = schedule.next().map(tokio::time::Instant::from_std);
            tokio::select! {
                // The sender is dropped with the server.
                _ = ended.recv() => return,
                () = self.desk.changed() => {}
                () = self.desk.progress().changed() => {}
                Some(outcome) = outcomes.recv() => {
                    let now = Instant::now();
                    schedule.conclude(&outcome, now);
                    self.desk.notified().note(outcome);
                }
                () = async {
                    match wake {
                        Some(wake) => sleep_until(wake).await,
                        None => std::future::pending().await,
                    }
                } => {}
            }
        }
    }
}
