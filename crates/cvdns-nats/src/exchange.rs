//! Requests to JetStream over a connection, and their answers.

use std::time::Duration;

use async_nats::{HeaderMap, HeaderValue, Message};
use cvdns_core::problem::excerpt;
use serde::Deserialize;
use serde_json::Value;

use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::names::{Bucket, KeyName};

/// The revision that the last message under its subject must have (NATS ADR-8); 0 for none.
const EXPECTED_REVISION: &str = "Nats-Expected-Last-Subject-Sequence";
/// A revision that no message has. NATS refuses a message that expects it, and stores nothing.
const NO_REVISION: u64 = 1 << 62;
/// What JetStream says of a message that expects another revision, before the one that there is
/// (nats-server, `server/errors.json`, 10071).
const WRONG_REVISION: (u64, &str) = (10_071, "wrong last sequence: ");
/// Most characters of a description.
const MAX_SAID: usize = 200;

/// What every answer of JetStream may have (NATS ADR-1).
#[derive(Debug, Deserialize)]
struct ApiError {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

/// The last message under a key, or `None`.
pub(crate) async fn get(
    connection: &Connection,
    bucket: &Bucket,
    key: &KeyName,
    time: Duration,
) -> Result<Option<Message>, Error> {
    let subject = bucket.direct_get(key);
    let message = connection.request(&subject, HeaderMap::new(), Vec::new(), time).await?;
    match message.status.map(|status| status.as_u16()) {
        None => Ok(Some(message)),
        Some(404) => Ok(None),
        Some(status) => {
            let what = excerpt(message.description.as_deref().unwrap_or_default(), MAX_SAID);
            Err(Error::new(ErrorKind::Answer, format!("the answer is {status} {what}")))
        }
    }
}

/// Publishes a message under a key if the last one there has this revision, and returns its own.
pub(crate) async fn put(
    connection: &Connection,
    subject: &str,
    mut headers: HeaderMap,
    payload: Vec<u8>,
    expected: u64,
    time: Duration,
) -> Result<u64, Error> {
    headers.insert(EXPECTED_REVISION, HeaderValue::from(expected));
    let message = connection.request(subject, headers, payload, time).await?;
    let answer = json(&message.payload)?;
    answer.get("seq").and_then(Value::as_u64).ok_or_else(|| unexpected(&message.payload))
}

/// The revision of the last message under a key, for whoever may publish there: that message itself
/// does not come over the connection.
pub(crate) async fn last_revision(
    connection: &Connection,
    subject: &str,
    time: Duration,
) -> Result<u64, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(EXPECTED_REVISION, HeaderValue::from(NO_REVISION));
    let message = connection.request(subject, headers, Vec::new(), time).await?;
    let answer: Value =
        serde_json::from_slice(&message.payload).map_err(|_| unexpected(&message.payload))?;
    let error = answer.get("error").and_then(|error| ApiError::deserialize(error).ok());
    let error = error.ok_or_else(|| unexpected(&message.payload))?;
    let (code, words) = WRONG_REVISION;
    let said = error.description.strip_prefix(words).filter(|_| error.err_code == code);
    said.and_then(|number| number.parse().ok()).ok_or_else(|| api_error(&error))
}

/// Asks the API of JetStream for something.
pub(crate) async fn ask(
    connection: &Connection,
    subject: &str,
    question: &Value,
    time: Duration,
) -> Result<Value, Error> {
    let payload = if question.is_null() { Vec::new() } else { question.to_string().into_bytes() };
    let answer = connection.request(subject, HeaderMap::new(), payload, time).await;
    let message = answer.map_err(|error| match error.kind() {
        ErrorKind::NoBucket => Error::new(
            ErrorKind::NoJetStream,
            "nobody answers: JetStream is not enabled, or has no leader",
        ),
        _ => error,
    })?;
    json(&message.payload)
}

/// An answer that is no error.
fn json(payload: &[u8]) -> Result<Value, Error> {
    let answer: Value = serde_json::from_slice(payload).map_err(|_| unexpected(payload))?;
    match answer.get("error") {
        None | Some(Value::Null) => Ok(answer),
        Some(error) => match ApiError::deserialize(error) {
            Ok(error) => Err(api_error(&error)),
            Err(_) => Err(unexpected(payload)),
        },
    }
}

/// The numbers are those of nats-server (`server/errors.json`).
fn api_error(error: &ApiError) -> Error {
    let kind = match error.err_code {
        // Of a stream, and of a stream of which several messages are expected.
        10_071 | 10_164 => ErrorKind::Conflict,
        10_059 => ErrorKind::NoBucket,
        // Not enabled, not for the account, no quorum, not available, system temporarily down.
        10_076 | 10_039 | 10_009 | 10_008 | 10_005 => ErrorKind::NoJetStream,
        10_054 => ErrorKind::TooLarge,
        _ => ErrorKind::Answer,
    };
    Error::new(kind, format!("JetStream refuses it: {}", excerpt(&error.description, MAX_SAID)))
}

fn unexpected(payload: &[u8]) -> Error {
    let shown = excerpt(&String::from_utf8_lossy(payload.get(..500).unwrap_or(payload)), MAX_SAID);
    Error::new(ErrorKind::Answer, format!("JetStream's answer is none that is known: {shown:?}"))
}
