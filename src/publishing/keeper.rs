//! Keeps the feed that a coordinator writes published, while this host holds the lease: several
//! coordinators may run, and one of them publishes.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use cvdns_nats::{Error, KeyName, Lease, Possession, Writer};
use tracing::{info, warn};

use super::{Judged, Outcome, TIMEOUT, put};
use crate::load::{NatsDocument, NatsPlace, signature_path};
use crate::logging::LogOnce;
use cvdns_core::health::Keys;
use cvdns_io::{FileVersion, read_feed, read_signature};

/// What a keeper does.
#[derive(Debug, Clone)]
pub struct KeeperSettings {
    /// Where documents are published.
    pub place: NatsPlace,
    /// One of these keys must have signed the feed.
    pub keys: Keys,
    /// The feed's file.
    pub feed: PathBuf,
    /// What this host is called in the lease.
    pub holder: String,
}

/// Publishes the feed of a file whenever it is another one, while it holds the lease.
pub struct Keeper {
    settings: KeeperSettings,
    lease: Lease,
    writer: Option<Writer>,
    /// The versions of the file and its signature that were published, or refused for good.
    done: Option<[Option<FileVersion>; 2]>,
    /// Whether the lease was held last time; `None` before the first time.
    held: Option<bool>,
    complaint: LogOnce,
}

/// The pause between two looks at the file. A feed is to be everywhere within a second.
const PAUSE: Duration = Duration::from_millis(200);

/// The lease is renewed after so many looks: every 3 seconds, a fifth of its length.
const LOOKS: u32 = 15;

impl Keeper {
    /// A keeper that holds no lease yet.
    ///
    /// # Errors
    /// When the system gives no random number.
    pub fn new(settings: KeeperSettings) -> Result<Self, String> {
        let nats = &settings.place.settings;
        let lease = Lease::new(nats, KeyName::constant("publisher"), &settings.holder, TIMEOUT)
            .map_err(|error| error.to_string())?;
        let complaint = LogOnce::default();
        Ok(Self { settings, lease, writer: None, done: None, held: None, complaint })
    }

    /// Publishes until something comes from `stop`, or nothing can come any more. The lease is
    /// given back then.
    pub fn run(mut self, stop: &Receiver<()>) {
        let mut looks = 0;
        loop {
            let step = if looks % LOOKS == 0 { self.renew() } else { Ok(()) };
            match step.and_then(|()| self.look()) {
                Ok(()) => self.complain(None),
                Err(error) => {
                    self.writer = None;
                    self.complain(Some(error));
                }
            }
            looks = (looks + 1) % LOOKS;
            match stop.recv_timeout(PAUSE) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => break,
            }
        }
        // It would end by itself.
        let _ = self.lease.release();
    }

    /// Takes the lease, or renews it.
    fn renew(&mut self) -> Result<(), String> {
        let possession = match self.lease.acquire() {
            Ok(possession) => possession,
            Err(error) => {
                // The store may be another one when it is back.
                self.held = None;
                return Err(self.cannot(&error));
            }
        };
        let is_held = possession == Possession::Own;
        if self.held != Some(is_held) {
            let place = &self.settings.place;
            match possession {
                Possession::Own => info!("publishes feeds in {place} from now on"),
                Possession::Other { holder } => {
                    info!(holder, "{holder} publishes feeds in {place}: this host stands by");
                }
            }
        }
        if is_held && self.held != Some(true) {
            // Another one may have published meanwhile.
            self.done = None;
        }
        self.held = Some(is_held);
        Ok(())
    }

    /// Publishes the feed, if it is another one and the lease is held.
    fn look(&mut self) -> Result<(), String> {
        let path = &self.settings.feed;
        let versions = [FileVersion::of(path), FileVersion::of(&signature_path(path))];
        if !self.lease.is_held() || self.done.as_ref() == Some(&versions) {
            return Ok(());
        }
        let octets = read_feed(path)?;
        let signature = read_signature(&signature_path(path))?;
        let judged = Judged::new(NatsDocument::Feed, octets, signature, &self.settings.keys)?;
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => Writer::connect(&self.settings.place.settings, TIMEOUT)
                .map_err(|error| self.cannot(&error))?,
        };
        let outcome =
            put(&mut writer, &judged, &self.settings.keys).map_err(|error| self.cannot(&error))?;
        self.writer = Some(writer);
        let (serial, place) = (judged.serial, &self.settings.place);
        match outcome {
            Outcome::Published => info!(feed = serial, "feed {serial} is published in {place}"),
            Outcome::Same => {}
            Outcome::Refused(why) => {
                warn!(feed = serial, "feed {serial} is not published in {place}: {why}");
            }
        }
        self.done = Some(versions);
        Ok(())
    }

    fn cannot(&self, error: &Error) -> String {
        format!("cannot publish in {}: {error}", self.settings.place)
    }

    /// Logs what is wrong once, and that it no longer is.
    fn complain(&mut self, what: Option<String>) {
        match what {
            Some(what) => {
                if self.complaint.is_new(what.clone()) {
                    warn!("{what}; it is tried again");
                }
            }
            None => {
                if self.complaint.clear() {
                    info!("feeds can be published in {} again", self.settings.place);
                }
            }
        }
    }
}
