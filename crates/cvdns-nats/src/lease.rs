//! A lease: of several programs that could publish, one does.

use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use cvdns_core::problem::excerpt;
use data_encoding::HEXLOWER;
use serde_json::Value;

use super::blocking::Blocking;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::exchange;
use super::names::{Bucket, KeyName};
use super::settings::Settings;
use super::stored::revision;

/// Most characters of a holder's name that are shown.
const MAX_SHOWN: usize = 100;

/// A lease on a name. It ends by itself when it is not renewed. It keeps several publishers from
/// publishing by turns; that no document is lost or goes back is ensured by [`super::Writer`].
#[derive(Debug)]
pub struct Lease {
    blocking: Blocking,
    bucket: Bucket,
    name: KeyName,
    /// The holder's name and a random number, by which it knows its own lease.
    text: String,
    /// How long the bucket keeps a lease; read from it when it is first needed.
    length: Option<Duration>,
    held: Option<Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    revision: u64,
    until: Instant,
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Possession {
    /// Whoever asked.
    Own,
    /// Another one.
    Other {
        /// Its name, as it gave it.
        holder: String,
    },
}

impl Lease {
    /// A lease on this name in the bucket's leases, not held yet. `holder` is what others are told.
    ///
    /// # Errors
    /// When the system gives no thread or no random number.
    pub fn new(
        settings: &Settings,
        name: KeyName,
        holder: &str,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|error| Error::new(ErrorKind::System, format!("no random number: {error}")))?;
        Ok(Self {
            blocking: Blocking::new(settings, timeout)?,
            bucket: settings.bucket.leases(),
            name,
            text: format!("{} {}", HEXLOWER.encode(&random), excerpt(holder, MAX_SHOWN)),
            length: None,
            held: None,
        })
    }

    /// Takes the lease if nobody else has it, or renews it. To be called several times within the
    /// time that it lasts.
    ///
    /// # Errors
    /// When NATS cannot be used. A lease that was held then ends at its time.
    pub fn acquire(&mut self) -> Result<Possession, Error> {
        let length = self.length()?;
        let (bucket, name, text) = (&self.bucket, &self.name, &self.text);
        let mut known = self.held.map(|held| held.revision);
        let mut asked = Instant::now();
        let taken = self.blocking.perform(async |connection, time| {
            asked = Instant::now();
            take(connection, bucket, name, text, known.take(), time).await
        });
        match taken? {
            Ok(revision) => {
                self.held = Some(Held { revision, until: asked + length / 5 * 4 });
                Ok(Possession::Own)
            }
            Err(holder) => {
                self.held = None;
                Ok(Possession::Other { holder })
            }
        }
    }

    /// Until when the lease is held, unless it is renewed: earlier than NATS lets it end, by a
    /// fifth, and by a clock that nobody can set.
    pub fn held_until(&self) -> Option<Instant> {
        self.held.map(|held| held.until)
    }

    /// Whether the lease is held at this moment.
    pub fn is_held(&self) -> bool {
        self.held_until().is_some_and(|until| Instant::now() < until)
    }

    /// Gives the lease back, so that another can take it at once.
    ///
    /// # Errors
    /// When NATS cannot be used. The lease then ends at its time; it is not held any more.
    pub fn release(&mut self) -> Result<(), Error> {
        let Some(held) = self.held.take() else { return Ok(()) };
        let subject = self.bucket.subject(&self.name);
        let released = self.blocking.perform(async |connection, time| {
            let mut headers = HeaderMap::new();
            headers.insert("KV-Operation", "DEL");
            exchange::put(connection, &subject, headers, Vec::new(), held.revision, time).await
        });
        match released {
            // It ended before, or this was the second attempt.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            released => released.map(|_| ()),
        }
    }

    fn length(&mut self) -> Result<Duration, Error> {
        if let Some(length) = self.length {
            return Ok(length);
        }
        let subject = format!("$JS.API.STREAM.INFO.{}", self.bucket.stream());
        let info = self.blocking.perform(async |connection, time| {
            exchange::ask(connection, &subject, &Value::Null, time).await
        })?;
        let nanoseconds = info.pointer("/config/max_age").and_then(Value::as_u64).unwrap_or(0);
        let length = Duration::from_nanos(nanoseconds);
        if length < Duration::from_secs(1) {
            let what = format!(
                "leases of the bucket {} would last for ever: its max_age is not set",
                self.bucket
            );
            return Err(Error::new(ErrorKind::Answer, what));
        }
        self.length = Some(length);
        Ok(length)
    }
}

/// The lease's revision, or who holds it.
async fn take(
    connection: &Connection,
    bucket: &Bucket,
    name: &KeyName,
    text: &str,
    known: Option<u64>,
    time: Duration,
) -> Result<Result<u64, String>, Error> {
    let subject = bucket.subject(name);
    let put = async |expected| {
        let payload = text.as_bytes().to_vec();
        exchange::put(connection, &subject, HeaderMap::new(), payload, expected, time).await
    };
    if let Some(known) = known {
        match put(known).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            renewed => return renewed.map(Ok),
        }
    }
    let expected = match exchange::get(connection, bucket, name, time).await? {
        None => 0,
        Some(message) => {
            let found = String::from_utf8_lossy(&message.payload);
            // What was released has no text.
            if !found.is_empty() && *found != *text {
                let holder = found.split_once(' ').map_or(&*found, |(_, holder)| holder);
                return Ok(Err(excerpt(holder, MAX_SHOWN)));
            }
            revision(&message).unwrap_or(0)
        }
    };
    match put(expected).await {
        Err(error) if error.kind() == ErrorKind::Conflict => {
            Ok(Err("another one, which took it at this moment".to_owned()))
        }
        taken => taken.map(Ok),
    }
}
