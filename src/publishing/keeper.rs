//! Keeps what a monitor writes published: the feed while this host holds the lease, as several
//! coordinators may run and one of them publishes; and the report of a monitor among several.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use cvdns_nats::{Error, KeyName, Lease, Possession, Writer};
use jiff::Timestamp;
use tracing::{info, warn};

use super::{Judged, Outcome, TIMEOUT, put};
use crate::load::{NatsDocument, NatsPlace, explained, signature_path};
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
    /// How old a feed may be. Whoever has none that is younger leaves the lease to others: its
    /// coordinator has stopped.
    pub patience: Duration,
}

/// Publishes a file whenever it is another one.
pub struct Keeper {
    settings: KeeperSettings,
    /// Whoever holds it publishes; `None` if nobody else has this document.
    lease: Option<Lease>,
    writer: Option<Writer>,
    seen: Option<Seen>,
    /// Since when the file cannot be used.
    failing: Option<Instant>,
    /// Whether the lease was held last time; `None` before the first time.
    held: Option<bool>,
    complaint: LogOnce,
}

/// The file as it was read last.
struct Seen {
    versions: [Option<FileVersion>; 2],
    judged: Judged,
    /// Whether it was published, or refused for good.
    is_done: bool,
    /// Why it was refused last, so that it is said once.
    refused: Option<String>,
}

/// The pause between two looks at the file. A feed is to be everywhere within a second.
const PAUSE: Duration = Duration::from_millis(200);

/// The lease is renewed after so many looks: every 3 seconds, a fifth of its length. As often it is
/// looked whether the document is still published: others may spoil it, or the store may be lost.
const LOOKS: u32 = 15;

/// How long a file may be unusable before the lease is given back. Document and signature are two
/// files, which are replaced one after the other.
const TORN: Duration = Duration::from_secs(5);

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
        let (writer, seen, failing, held) = (None, None, None, None);
        Ok(Self { settings, lease, writer, seen, failing, held, complaint })
    }

    /// Publishes until something comes from `stop`, or nothing can come any more. The lease is
    /// given back then.
    pub fn run(mut self, stop: &Receiver<()>) {
        let mut looks = 0;
        loop {
            match self.step(looks == 0) {
                Ok(works) => {
                    if works && self.complaint.clear() {
                        info!("publishing in {} works again", self.settings.place);
                    }
                }
                Err(error) => {
                    self.writer = None;
                    if self.complaint.is_new(error.clone()) {
                        warn!("{error}; it is tried again");
                    }
                }
            }
            looks = (looks + 1) % LOOKS;
            match stop.recv_timeout(PAUSE) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => break,
            }
        }
        self.stand_back();
    }

    /// Looks at the file and publishes it if need be; if `is_due`, renews the lease and looks at
    /// what is published. Returns whether NATS has answered.
    fn step(&mut self, is_due: bool) -> Result<bool, String> {
        let is_other = match self.see() {
            Ok(is_other) => is_other,
            Err(error) => {
                let since = *self.failing.get_or_insert_with(Instant::now);
                if since.elapsed() < TORN {
                    return Ok(false);
                }
                self.stand_back();
                return Err(error);
            }
        };
        self.failing = None;
        if let Some(what) = self.age() {
            self.stand_back();
            return Err(what);
        }
        let renews = self.lease.is_some() && (is_due || is_other);
        if renews {
            self.renew()?;
        }
        let may = self.lease.as_ref().is_none_or(Lease::is_held);
        if !may || !is_due && self.seen.as_ref().is_none_or(|seen| seen.is_done) {
            return Ok(renews);
        }
        self.publish().map(|()| true)
    }

    /// Reads the file if it is another one. Returns whether it is.
    fn see(&mut self) -> Result<bool, String> {
        let KeeperSettings { document, keys, file: path, .. } = &self.settings;
        let versions = [FileVersion::of(path), FileVersion::of(&signature_path(path))];
        if self.seen.as_ref().is_some_and(|seen| seen.versions == versions) {
            return Ok(false);
        }
        let octets = read_bytes(path, document.limit() as u64)?;
        let signature = read_signature(&signature_path(path))?;
        let judged = Judged::new(document.clone(), octets, signature, keys)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        self.seen = Some(Seen { versions, judged, is_done: false, refused: None });
        Ok(true)
    }

    /// That the feed is too old, if it is.
    fn age(&self) -> Option<String> {
        let KeeperSettings { file, patience, .. } = &self.settings;
        let made = self.seen.as_ref()?.judged.made?;
        let is_old = made.checked_add(*patience).is_ok_and(|end| end < Timestamp::now());
        is_old.then(|| {
            format!(
                "the feed {} is of {made:.0}: its coordinator has stopped, so this host leaves it \
                 to others to publish",
                file.display()
            )
        })
    }

    /// Gives the lease back. It would end by itself.
    fn stand_back(&mut self) {
        if self.held.take() == Some(true)
            && let Some(lease) = &mut self.lease
        {
            let _ = lease.release();
        }
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
        self.held = Some(is_held);
        Ok(())
    }

    /// Publishes what was read, unless it is there already.
    fn publish(&mut self) -> Result<(), String> {
        let KeeperSettings { place, document, keys, .. } = &self.settings;
        let Some(seen) = &mut self.seen else { return Ok(()) };
        let cannot = |error: Error| format!("cannot publish in {place}: {}", explained(&error));
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => Writer::connect(&place.settings, TIMEOUT).map_err(cannot)?,
        };
        let outcome = put(&mut writer, &seen.judged, keys).map_err(cannot)?;
        self.writer = Some(writer);
        let (serial, name) = (seen.judged.serial, document.name());
        let refused = match outcome {
            Outcome::Published if seen.is_done && seen.refused.is_none() => {
                warn!(
                    serial,
                    "{name} {serial} is published in {place} again: it was gone, or replaced by \
                     what servers would not take"
                );
                None
            }
            Outcome::Published => {
                info!(serial, "{name} {serial} is published in {place}");
                None
            }
            Outcome::Same => None,
            Outcome::Refused(why) => {
                if seen.refused.as_ref() != Some(&why) {
                    warn!(serial, "{name} {serial} is not published in {place}: {why}");
                }
                Some(why)
            }
        };
        (seen.is_done, seen.refused) = (true, refused);
        Ok(())
    }

    fn cannot(&self, error: &Error) -> String {
        format!("cannot publish in {}: {}", self.settings.place, explained(error))
    }
}
