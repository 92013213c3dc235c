//! What the service manager (systemd) is told of this server.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::logging::LogOnce;
use cvdns_io::service_manager::ServiceManager;
use cvdns_net::OpenSocket;

/// The service manager, if one wants to know of this server. What cannot be told is logged once.
pub(super) struct Supervision {
    manager: ServiceManager,
    complaint: LogOnce,
    /// When the watchdog was told last that the server is alive.
    alive: Option<Instant>,
}

impl Supervision {
    pub(super) fn new(manager: ServiceManager) -> Self {
        Self { manager, complaint: LogOnce::default(), alive: None }
    }

    /// Has the manager keep these sockets for the next start.
    pub(super) fn store(&mut self, sockets: &[OpenSocket]) {
        let room = self.manager.store_size();
        if room == 0 {
            return;
        }
        if room < sockets.len() {
            warn!(
                "the service manager keeps {room} of {} sockets: raise `FileDescriptorStoreMax`, or datagrams \
                 that arrive during a restart are lost",
                sockets.len()
            );
        }
        for socket in sockets {
            let stored = self.manager.store(&socket.name(), socket.as_fd());
            self.note(stored);
        }
    }

    /// Has the manager forget sockets that are no longer served.
    pub(super) fn forget(&mut self, sockets: &[OpenSocket]) {
        for socket in sockets {
            let forgotten = self.manager.forget(&socket.name());
            self.note(forgotten);
        }
    }

    /// The server answers.
    pub(super) fn ready(&mut self, status: &str) {
        let told = self.manager.tell(&format!("READY=1\nSTATUS={status}"));
        self.note(told);
    }

    /// This process is the server now, in place of another one.
    pub(super) fn is_main(&mut self) {
        let told = self.manager.tell(&format!("MAINPID={}", std::process::id()));
        self.note(told);
    }

    /// A reload begins. It ends with [`Self::ready`].
    pub(super) fn reloading(&mut self) {
        let told = self.manager.tell_reloading();
        self.note(told);
    }

    /// The server stops.
    pub(super) fn stopping(&mut self) {
        let told = self.manager.tell("STOPPING=1\nSTATUS=answers what it has received");
        self.note(told);
    }

    /// Another process is the server now.
    pub(super) fn replaced(&mut self, process: u32) {
        let told = self.manager.tell(&format!("MAINPID={process}"));
        self.note(told);
    }

    /// Tells the watchdog that the server is alive, if it is time to. Returns when that is the next
    /// time: twice within the watchdog's time.
    pub(super) fn alive(&mut self) -> Option<Duration> {
        let half = self.manager.watchdog()? / 2;
        let since = self.alive.map(|alive| alive.elapsed());
        match since {
            Some(since) if since < half => Some(half.saturating_sub(since)),
            _ => {
                let told = self.manager.tell("WATCHDOG=1");
                self.note(told);
                self.alive = Some(Instant::now());
                Some(half)
            }
        }
    }

    fn note(&mut self, told: io::Result<()>) {
        match told {
            Ok(()) if self.complaint.clear() => info!("the service manager can be reached again"),
            Ok(()) => {}
            Err(error) => {
                let text = format!("the service manager (NOTIFY_SOCKET) cannot be told: {error}");
                if self.complaint.is_new(text.clone()) {
                    warn!("{text}");
                }
            }
        }
    }
}
