//! Answers NOTIFY for zones that are transferred (RFC 1996).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::ArcSwapOption;
use tracing::debug;

use super::connection::unix_time;
use super::schedule::Schedule;
use super::threads::Secondary;
use crate::admin::NotifyCounts;
use crate::load::Loaded;
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rcode;
use cvdns_transfer::Keyring;
use cvdns_transfer::incoming::notify::{self, Notify};
use cvdns_transfer::tsig::{Received, receive};

/// Answers NOTIFY for zones that are transferred, and has them checked soon. All threads share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct NotifyListener {
    zones: Arc<ArcSwapOption<NotifiedZones>>,
    counts: Arc<NotifyCounts>,
}

/// The answer to a NOTIFY request.
#[derive(Debug)]
pub(crate) struct NotifyAnswer {
    /// The message.
    pub octets: Vec<u8>,
    /// Its RCODE.
    pub rcode: u16,
}

/// The zones for which NOTIFY is accepted.
#[derive(Debug)]
struct NotifiedZones {
    zones: HashMap<Name, Sender>,
    keys: Arc<Keyring>,
    schedule: Arc<Schedule>,
}

/// Who may send NOTIFY for a zone.
#[derive(Debug)]
struct Sender {
    /// The zone's number in the schedule.
    number: usize,
    addresses: Vec<IpAddr>,
    /// The key that must sign; `None` if no signature is asked for.
    key: Option<Name>,
}

impl NotifyListener {
    /// Accepts NOTIFY for the zones that are followed from now on.
    pub(crate) fn follow(&self, loaded: &Loaded, secondary: Option<&Secondary>) {
        let zones = secondary.map(|secondary| {
            // The zones have the same numbers in the schedule.
            let zones = loaded.transferred.iter().enumerate().map(|(number, zone)| {
                let addresses = zone.primaries.iter().map(SocketAddr::ip).collect();
                let key = zone.key.as_ref().map(|key| key.value.clone());
                (zone.origin.clone(), Sender { number, addresses, key })
            });
            let (keys, schedule) = (loaded.transfer_keys.clone(), secondary.schedule().clone());
            Arc::new(NotifiedZones { zones: zones.collect(), keys, schedule })
        });
        self.zones.store(zones);
    }

    /// How many requests came.
    pub(crate) fn counts(&self) -> &Arc<NotifyCounts> {
        &self.counts
    }

    /// The answer to a NOTIFY request. Returns `None` if it gets none.
    pub(crate) fn answer(&self, request: &[u8], client: IpAddr) -> Option<NotifyAnswer> {
        let zones = self.zones.load();
        let zones = zones.as_ref()?;
        let now = unix_time();
        let mut message = request.to_vec();
        let signer = match receive(&zones.keys, &mut message, now) {
            Received::Unsigned => None,
            Received::Signed(signer) => Some(signer),
            Received::Refused(refusal) => {
                self.counts.refused.fetch_add(1, Relaxed);
                let error = refusal.error;
                debug!("NOTIFY from {client} is refused: its signature is not right ({error})");
                return refusal.answer(request, notify::UDP_SIZE).map(NotifyAnswer::of);
            }
        };
        let key = signer.as_ref().map(|signer| signer.key().name());
        let judged = Notify::read(&message).and_then(|notify| {
            let number = zones.judge(&notify.zone, client, key).map_err(Some)?;
            Ok((number, notify.zone))
        });
        let rcode = match judged {
            Ok((number, zone)) => {
                self.counts.accepted.fetch_add(1, Relaxed);
                debug!(zone = %zone, "NOTIFY for {zone} from {client}: it is checked soon");
                zones.schedule.hasten(number);
                rcode::NOERROR
            }
            Err(rcode) => {
                self.counts.refused.fetch_add(1, Relaxed);
                debug!("NOTIFY from {client} is refused");
                rcode?
            }
        };
        let mut answer = notify::answer(&message, rcode)?;
        if let Some(mut signer) = signer {
            signer.sign(&mut answer, now)?;
        }
        Some(NotifyAnswer::of(answer))
    }
}

impl NotifyAnswer {
    fn of(octets: Vec<u8>) -> Self {
        let rcode = octets.get(3).map_or(0, |octet| u16::from(octet & 0x0f));
        Self { octets, rcode }
    }
}

impl NotifiedZones {
    /// The number of a zone in the schedule if a request for it is accepted, or else the RCODE:
    /// NOTAUTH for a zone that is not transferred, and REFUSED for a sender who is no primary of
    /// it, as BIND and Knot do.
    fn judge(&self, zone: &Name, client: IpAddr, key: Option<&Name>) -> Result<usize, u16> {
        let sender = self.zones.get(zone).ok_or(rcode::NOTAUTH)?;
        let client = client.to_canonical();
        let is_primary = sender.addresses.iter().any(|address| address.to_canonical() == client);
        let is_signed = sender.key.as_ref().is_none_or(|wanted| key == Some(wanted));
        if is_primary && is_signed { Ok(sender.number) } else { Err(rcode::REFUSED) }
    }
}
