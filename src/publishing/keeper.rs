//! Keeps what a monitor writes published: the feed while this host holds the lease, as several
//! coordinators may run and one of them publishes; and the report of a monitor among several.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use cvdns_nats::{Error, KeyName, Lease, Possession, Writer};
use tracing::{info, warn};

use super::{Judged, Outcome, TIMEOUT, put};
use crate::load::{NatsDocument, NatsPlace, signature_path};
use crate::logging::LogOnce;
use cvdns_core::health::Keys;
use cvdns_io::{FileVersion, read_bytes, read_signature};

/// What a keeper does.
#[derive(Debug, Clone)]
pub struct KeeperSettings {
    /// Where documents are published.
    pub place: NatsPlace,
    /// What is published.
    pub document: NatsDocument,
    /// One of these keys must have signed it.
    pub keys: Keys,
    /// Its file.
    pub file: PathBuf,
}

/// Publishes a file whenever it is another one.
pub struct Keeper {
    settings: KeeperSettings,
    /// Whoever holds it publishes; `None` if nobody else has this document.
    lease: Option<Lease>,
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
    /// A keeper that holds no lease yet, and needs one for the feed. `holder` is what this host is
    /// called there.
    ///
    /// # Errors
    /// When the system gives no random number.
    pub fn new(settings: KeeperSettings, holder: &str) -> Result<Self, String> {
        let nats = &settings.place.settings;
        let lease = match &settings.document {
            NatsDocument::Feed => {
                let lease = Lease::new(nats, KeyName::constant("publisher"), holder, TIMEOUT);
                Some(lease.map_err(|error| error.to_string())?)
            }
            _ => None,
        };
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
        let _ = self.lease.map(|mut lease| lease.release());
    }

    /// Takes the lease, or renews it.
    fn renew(&mut self) -> Result<(), String> {
        let Some(lease) = &mut self.lease else { return Ok(()) };
        let possession = match lease.acquire() {
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
        let KeeperSettings { place, document, keys, file: path } = &self.settings;
        let versions = [FileVersion::of(path), FileVersion::of(&signature_path(path))];
        let may = self.lease.as_ref().is_none_or(Lease::is_held);
        if !may || self.done.as_ref() == Some(&versions) {
            return Ok(());
        }
        let octets = read_bytes(path, document.limit() as u64)?;
        let signature = read_signature(&signature_path(path))?;
        let judged = Judged::new(document.clone(), octets, signature, keys)?;
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                Writer::connect(&place.settings, TIMEOUT).map_err(|error| self.cannot(&error))?
            }
        };
        let outcome = put(&mut writer, &judged, keys).map_err(|error| self.cannot(&error))?;
        self.writer = Some(writer);
        let (serial, name, place) = (judged.serial, document.name(), &self.settings.place);
        match outcome {
            Outcome::Published => info!(serial, "{name} {serial} is published in {place}"),
            Outcome::Same => {}
            Outcome::Refused(why) => {
                warn!(serial, "{name} {serial} is not published in {place}: {why}");
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
                    info!("publishing in {} works again", self.settings.place);
                }
            }
        }
    }
}
