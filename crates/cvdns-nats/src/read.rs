//! Getting a document once.

use std::thread;
use std::time::Duration;

use super::blocking::Blocking;
use super::document::Document;
use super::error::{Error, ErrorKind};
use super::exchange;
use super::names::Key;
use super::settings::Settings;
use super::stored::{Content, Stored};

/// The newest document under a key, or `None` if there is none. Waits for at most `timeout`, and
/// not for servers that all refuse the connection. The caller may be part of an asynchronous
/// runtime, which could not wait for another one: a thread of its own does that.
///
/// # Errors
/// When NATS cannot be used, or what it has is no document.
pub fn read(settings: &Settings, key: &Key, timeout: Duration) -> Result<Option<Document>, Error> {
    let read = || read_here(settings, key, timeout);
    let failed = |what| Error::new(ErrorKind::System, what);
    thread::scope(|scope| {
        let reading = thread::Builder::new().name("cvdns-nats".to_owned());
        let reading = reading.spawn_scoped(scope, read);
        let reading = reading.map_err(|error| failed(format!("no thread: {error}")))?;
        let panicked = |_| failed("the attempt ended by a panic: a defect".to_owned());
        reading.join().map_err(panicked)?
    })
}

fn read_here(settings: &Settings, key: &Key, timeout: Duration) -> Result<Option<Document>, Error> {
    let mut blocking = Blocking::new(settings, timeout)?;
    let deadline = blocking.deadline();
    blocking.connect(deadline)?;
    let message = blocking.perform_until(deadline, async |connection, time| {
        exchange::get(connection, &settings.bucket, &key.name, time).await
    })?;
    match message.map(|message| Stored::read(&message, key.limit).content) {
        None | Some(Content::Deleted) => Ok(None),
        Some(Content::Document(Ok(document))) => Ok(Some(document)),
        Some(Content::Document(Err(refusal))) => {
            Err(Error::new(ErrorKind::Answer, refusal.to_string()))
        }
    }
}
