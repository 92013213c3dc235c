//! Makes the buckets, or says what is wrong with those that are there.

use std::time::Duration;

use serde_json::{Value, json};

use super::blocking::Blocking;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::exchange;
use super::names::Bucket;
use super::settings::Settings;

/// What the buckets are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// On how many nodes each is: 1, 3 or 5.
    pub replicas: u8,
    /// How long a lease lasts that is not renewed.
    pub lease: Duration,
}

/// A bucket, and what was found or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketReport {
    /// Its name.
    pub bucket: Bucket,
    /// What it is.
    pub state: BucketState,
}

/// What a bucket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketState {
    /// It was made.
    Created,
    /// It was there, and is as it must be.
    Fits,
    /// It was there and is not as it must be: a sentence for each difference. It was left as it is.
    Differs(Vec<String>),
}

impl Default for Plan {
    /// On one node, with leases of 15 seconds.
    fn default() -> Self {
        Self { replicas: 1, lease: Duration::from_secs(15) }
    }
}

/// Makes the bucket of the documents and that of the leases, where they are not there.
///
/// # Errors
/// When NATS cannot be used, or does not make them.
pub fn set_up(
    settings: &Settings,
    plan: &Plan,
    timeout: Duration,
) -> Result<[BucketReport; 2], Error> {
    let mut blocking = Blocking::new(settings, timeout)?;
    blocking.connect(blocking.deadline())?;
    let bucket = &settings.bucket;
    let mut made = |bucket: &Bucket, wanted: Value| {
        let state = blocking
            .perform(async |connection, time| made(connection, bucket, &wanted, time).await)?;
        Ok(BucketReport { bucket: bucket.clone(), state })
    };
    Ok([
        made(bucket, documents(bucket, plan))?,
        made(&bucket.leases(), leases(&bucket.leases(), plan))?,
    ])
}

async fn made(
    connection: &Connection,
    bucket: &Bucket,
    wanted: &Value,
    time: Duration,
) -> Result<BucketState, Error> {
    let about = |what: &str| format!("$JS.API.STREAM.{what}.{}", bucket.stream());
    let in_bucket = |error: Error| error.while_doing(&format!("the bucket {bucket}"));
    match exchange::ask(connection, &about("INFO"), &Value::Null, time).await {
        Ok(info) => {
            let differences = differences(wanted, info.get("config").unwrap_or(&Value::Null));
            if differences.is_empty() {
                Ok(BucketState::Fits)
            } else {
                Ok(BucketState::Differs(differences))
            }
        }
        Err(error) if error.kind() == ErrorKind::NoBucket => {
            let created = exchange::ask(connection, &about("CREATE"), wanted, time).await;
            created.map(|_| BucketState::Created).map_err(in_bucket)
        }
        Err(error) => Err(in_bucket(error)),
    }
}

/// A bucket as NATS's own tools make it (ADR-8), whose messages are published again when they are
/// stored.
fn documents(bucket: &Bucket, plan: &Plan) -> Value {
    let mut config = stream(bucket, plan, Duration::from_secs(120));
    if let Some(config) = config.as_object_mut() {
        let republish =
            json!({ "src": format!("$KV.{bucket}.>"), "dest": format!("live.{bucket}.>") });
        config.insert("republish".to_owned(), republish);
        config.insert("max_age".to_owned(), 0.into());
    }
    config
}

/// A bucket whose values end by themselves.
fn leases(bucket: &Bucket, plan: &Plan) -> Value {
    let mut config = stream(bucket, plan, plan.lease);
    if let Some(config) = config.as_object_mut() {
        config.insert("max_age".to_owned(), nanoseconds(plan.lease));
    }
    config
}

fn stream(bucket: &Bucket, plan: &Plan, duplicates: Duration) -> Value {
    json!({
        "name": bucket.stream(),
        "subjects": [format!("$KV.{bucket}.>")],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_msgs_per_subject": 1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_msg_size": -1,
        "max_consumers": -1,
        "num_replicas": plan.replicas,
        "duplicate_window": nanoseconds(duplicates.min(Duration::from_secs(120))),
        "deny_delete": true,
        "deny_purge": false,
        "allow_rollup_hdrs": true,
        "allow_direct": true,
    })
}

fn nanoseconds(time: Duration) -> Value {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).into()
}

/// What of an existing stream keeps documents or leases from working. What else differs is the
/// administrator's choice.
fn differences(wanted: &Value, found: &Value) -> Vec<String> {
    const KEYS: [&str; 6] = [
        "subjects",
        "max_msgs_per_subject",
        "max_age",
        "allow_direct",
        "republish",
        "num_replicas",
    ];
    let of = |config: &Value, key: &str| match (key, config.get(key)) {
        ("republish", Some(value)) => json!({ "src": value.get("src"), "dest": value.get("dest") }),
        ("allow_direct", None) => Value::Bool(false),
        ("max_age", None) => 0.into(),
        (_, value) => value.cloned().unwrap_or(Value::Null),
    };
    let differs = |key: &&str| of(wanted, key) != of(found, key);
    let show = |key| format!("{key} is {}, not {}", of(found, key), of(wanted, key));
    KEYS.into_iter().filter(differs).map(show).collect()
}
