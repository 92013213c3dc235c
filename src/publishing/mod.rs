//! Publishes documents through NATS: only what is signed, and only what is newer than what is
//! there.

mod keeper;
mod newer;

use std::time::Duration;

use cvdns_nats::{Document, Published, Writer};

pub use keeper::{Keeper, KeeperSettings};
pub use newer::Judged;

use crate::load::{NatsDocument, NatsPlace, explained};
use cvdns_core::health::Keys;

/// The longest wait for NATS, by commands and for each attempt of a keeper.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What became of a document that was to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is published.
    Published,
    /// It was published already.
    Same,
    /// Another one is there, which is at least as new, for this reason.
    Refused(String),
}

/// Publishes a document once.
///
/// # Errors
/// When it is none that servers would take, or NATS cannot be used.
pub fn publish(
    place: &NatsPlace,
    keys: &Keys,
    kind: NatsDocument,
    octets: Vec<u8>,
    signature: Option<Vec<u8>>,
) -> Result<Outcome, String> {
    let judged = Judged::new(kind, octets, signature, keys)?;
    let cannot = |error| format!("cannot publish in {place}: {}", explained(&error));
    let mut writer = Writer::connect(&place.settings, TIMEOUT).map_err(cannot)?;
    put(&mut writer, &judged, keys).map_err(cannot)
}

/// Publishes a document by a connection that there is.
fn put(writer: &mut Writer, judged: &Judged, keys: &Keys) -> Result<Outcome, cvdns_nats::Error> {
    let document = Document { octets: judged.octets.clone(), signature: judged.signature.clone() };
    let published = writer.put(&judged.key, &document, |last| judged.compare(last, keys))?;
    Ok(match published {
        Published::Published { .. } => Outcome::Published,
        Published::Same => Outcome::Same,
        Published::Refused { why } => Outcome::Refused(why),
    })
}
