//! Answers whatever is signed or asks for a transfer.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Notify;

use cvdns_core::answer::TransferRefusal;
use cvdns_core::snapshot::extended_error::ExtendedError;
use cvdns_core::wire::rcode;
use cvdns_net::MessageStream;
use cvdns_transfer::outgoing::{Form, Outgoing};
use cvdns_transfer::request::{Kind, Request};
use cvdns_transfer::tsig::{Received, Signer, TsigError, receive};

use super::decision::{
    Carrier, Decision, NOT_ALLOWED, asks_for_transfer, decide, qtype, question_name,
};
use super::notified::NotifyState;
use super::progress::{Progress, Taken};
use super::refusals::{RefusalReason, Refusals};
use super::secondary::SecondaryId;
use super::served::{Served, ServedZone};
use super::slots::Slots;
use super::stream::TransferStream;
use super::tally::TransferTally;

/// What all threads that answer share of keys and transfers.
#[derive(Debug, Default)]
pub struct TransferDesk {
    served: ArcSwap<Served>,
    slots: Slots,
    refusals: Refusals,
    progress: Arc<Progress>,
    tally: Arc<TransferTally>,
    notified: NotifyState,
    /// Told whenever something else may be announced.
    changed: Notify,
}

/// How a message is answered.
pub enum Reply {
    /// By what the query is answered without its signature. If that is a request for a transfer,
    /// by this refusal.
    Plain(Unsigned, TransferRefusal),
    /// By this message; type and RCODE are for counters.
    Message {
        /// The octets.
        octets: Vec<u8>,
        /// The type in the question.
        qtype: u16,
        /// The RCODE.
        rcode: u16,
    },
    /// By several messages over a connection.
    Messages {
        /// The messages.
        stream: Box<dyn MessageStream>,
        /// The type in the question.
        qtype: u16,
    },
}

/// A query without its signature.
pub struct Unsigned {
    /// The octets.
    pub message: Vec<u8>,
    /// Signs the answer; `None` if the query was not signed.
    pub signer: Option<Signer>,
}

/// Text where all slots are taken.
const BUSY: ExtendedError<'static> =
    ExtendedError(b"\0\0too many transfers are under way: ask again later");

impl TransferDesk {
    /// Puts zones and keys in force.
    pub(super) fn serve(&self, served: Served) {
        self.progress.compare(&served);
        self.served.store(Arc::new(served));
    }

    /// Wakes who waits for [`Self::changed`].
    pub(super) fn announce(&self) {
        self.changed.notify_one();
    }

    /// What is in force.
    pub fn served(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// What secondaries have.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// What came of notifications.
    pub fn notified(&self) -> &NotifyState {
        &self.notified
    }

    /// Waits for [`Self::announce`].
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What was sent.
    pub fn tally(&self) -> &TransferTally {
        &self.tally
    }

    /// How many requests were refused for each reason of [`RefusalReason::LABELS`].
    pub fn refusals(&self) -> [u64; RefusalReason::LABELS.len()] {
        self.refusals.counts()
    }

    /// How many transfers are under way.
    pub fn under_way(&self) -> usize {
        self.slots.taken()
    }

    /// How a message is answered that is signed or asks for a transfer. `None`: not at all.
    pub fn answer(
        &self,
        message: &[u8],
        client: SocketAddr,
        carrier: Carrier,
        now: Timestamp,
    ) -> Option<Reply> {
        let served = self.served.load();
        let mut unsigned = message.to_vec();
        let refuse = |reason| {
            let zone = question_name(message).filter(|_| asks_for_transfer(message));
            self.refusals.note(client.ip(), zone.as_ref(), reason);
            let unsigned = Unsigned { message: message.to_vec(), signer: None };
            Reply::Plain(unsigned, NOT_ALLOWED)
        };
        match receive(&served.keys, &mut unsigned, seconds(now)) {
            Received::Unsigned => Some(refuse(RefusalReason::Stranger)),
            Received::Refused(refusal) => {
                let error = refusal.error;
                let reply = refuse(RefusalReason::Signature(error));
                if error == TsigError::BadKey {
                    // Answered like everything else, with the cookie of the query.
                    return Some(reply);
                }
                let octets = refusal.answer(message, served.udp_size)?;
                Some(Reply::Message { octets, qtype: qtype(message), rcode: error.rcode() })
            }
            Received::Signed(signer) => {
                let asker = (client.ip(), signer.key().name());
                match decide(&served, &unsigned, asker, carrier) {
                    Decision::Ordinary => {
                        Some(Reply::Plain(Unsigned::of(unsigned, signer), NOT_ALLOWED))
                    }
                    Decision::Refuse { zone, reason, refusal } => {
                        self.refusals.note(client.ip(), zone.as_ref(), reason);
                        Some(Reply::Plain(Unsigned::of(unsigned, signer), refusal))
                    }
                    Decision::Transfer { zone, request, form, secondary } => {
                        let asked = Asked { zone, request, form, secondary, signer };
                        self.transfer(asked, client, (unsigned, served.udp_size), now)
                    }
                }
            }
        }
    }

    /// Answers by the SOA record, or begins a transfer.
    fn transfer(
        &self,
        asked: Asked,
        client: SocketAddr,
        (message, udp_size): (Vec<u8>, u16),
        now: Timestamp,
    ) -> Option<Reply> {
        let Asked { zone, request, form, secondary, signer } = asked;
        if let Kind::Ixfr(serial) = request.kind {
            self.progress.note(secondary.clone(), &request.zone, Taken { serial, at: now });
        }
        if form == Form::SoaAlone {
            let is_transfer = request.kind != Kind::Axfr;
            let mut outgoing = Outgoing::new(&zone.history, request, form, Some(signer), udp_size);
            let octets = outgoing.next_message(seconds(now))?.ok()?;
            if is_transfer {
                self.tally.add(form, octets.len() as u64);
            }
            return Some(Reply::Message { octets, qtype: qtype(&message), rcode: rcode::NOERROR });
        }
        let Some(slot) = self.slots.take(client.ip()) else {
            self.refusals.note(client.ip(), Some(&request.zone), RefusalReason::Busy);
            // Secondaries ask again after SERVFAIL: BIND at once another primary, then as the
            // zone's RETRY says. REFUSED would look like a mistake of the configuration.
            let refusal = TransferRefusal { rcode: rcode::SERVFAIL, ede: Some(BUSY) };
            return Some(Reply::Plain(Unsigned::of(message, signer), refusal));
        };
        let outgoing = Outgoing::new(&zone.history, request, form, Some(signer), udp_size);
        let (progress, tally) = (self.progress.clone(), self.tally.clone());
        let stream =
            TransferStream { outgoing, secondary, progress, tally, _slot: slot, octets: 0 };
        Some(Reply::Messages { stream: Box::new(stream), qtype: qtype(&message) })
    }
}

/// A request that is granted.
struct Asked {
    zone: ServedZone,
    request: Request,
    form: Form,
    secondary: SecondaryId,
    signer: Signer,
}

impl Unsigned {
    fn of(message: Vec<u8>, signer: Signer) -> Self {
        Self { message, signer: Some(signer) }
    }
}

/// A time as signatures have it.
pub(super) fn seconds(time: Timestamp) -> u64 {
    time.as_second().cast_unsigned()
}
