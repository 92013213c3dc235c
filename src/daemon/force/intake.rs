//! Takes feeds in: what was read or fetched is judged, and taken over, held back or refused.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{info, warn};

use super::Force;
use crate::daemon::fetching;
use crate::daemon::guard::{self, Held, Verdict};
use crate::daemon::kept::KeptFeed;
use crate::daemon::offer::{InForce, Offer, Refusal, Seen, Terms, versions};
use crate::load::Source;
use crate::load::remote::Fetched;
use cvdns_core::health::{Feed, HealthInputs};
use cvdns_core::release::DatedRelease;
use cvdns_core::snapshot::{Loss, Now, StaticData};

impl Force {
    /// Reads the files of the record and the overrides, and the feed's if it is another than was read last.
    pub(in crate::daemon) fn look(&mut self, now: Timestamp) {
        let version = self.feed_path().map(versions).unwrap_or_default();
        let is_new = version[0].is_none() || version != self.version;
        let offer = if is_new { self.read_feed(now) } else { None };
        self.take(offer, now);
    }

    /// Reads all files that are followed and takes over what is good and new.
    pub(in crate::daemon) fn read(&mut self, now: Timestamp) {
        let offer = self.read_feed(now);
        self.take(offer, now);
        self.keep_again();
    }

    /// Takes over what was fetched, if it is good and new. False: it could not be judged once and for all, and has to be
    /// fetched again though it stays the same.
    pub(in crate::daemon) fn fetched(
        &mut self,
        fetched: fetching::Brought,
        now: Timestamp,
    ) -> bool {
        let Some(source) = self.loaded.feed.clone() else { return true };
        let offer = match fetched {
            Ok(Fetched::NotModified) => Offer::Same,
            Ok(Fetched::New { octets, signature }) => {
                Offer::judge(Seen { source, octets, signature }, self.terms(now))
            }
            Err(error) => {
                let reason = error.reason();
                Offer::Unusable(Refusal { error: error.to_string(), reason, seen: None })
            }
        };
        // A feed and its signature are two documents: one may be of the next feed already.
        let judged = !matches!(&offer, Offer::Unusable(refusal)
            if refusal.seen.is_none() || refusal.reason == "signature");
        self.take(Some(offer), now);
        judged
    }

    /// Takes over the feed of this serial that is held back, as an operator says; why not, where it is not.
    pub(in crate::daemon) fn accept(&mut self, serial: u64, now: Timestamp) -> Result<(), String> {
        let Some(held) = self.held.take_if(|held| held.feed.serial == serial) else {
            return Err(match &self.held {
                Some(held) => {
                    format!("serial {serial} is not held back, but {} is", held.feed.serial)
                }
                None => "no feed is held back".to_owned(),
            });
        };
        info!("feed {serial} is accepted by an operator");
        self.adopt(*held.feed, held.document);
        self.take_over(now);
        self.keep_feed();
        self.log_feed();
        Ok(())
    }

    /// Goes on with the feed that was in force when the server last ran.
    pub(super) fn go_on(&mut self, last: KeptFeed, now: Timestamp) {
        let KeptFeed { feed, octets, signature } = last;
        let Some(source) = self.loaded.feed.clone() else { return };
        self.adopt(feed, Arc::new(Seen { source, octets, signature }));
        self.offering.read(&self.loaded.supply, now);
        self.take_over(now);
        info!(
            "going on with what was kept in {}",
            self.kept.directory().unwrap_or(Path::new("")).display()
        );
        self.log_feed();
    }

    /// Takes over what was offered and what else is new.
    pub(super) fn take(&mut self, offer: Option<Offer>, now: Timestamp) {
        let files = self.offering.read(&self.loaded.supply, now);
        let fleets = self.loaded.inputs.zones.iter().map(|zone| &*zone.fleet);
        let overrides = self.overriding.read(fleets, now);
        let static_data = self.static_data();
        let news = offer.is_some_and(|offer| self.settle(offer, &static_data, now));
        // What is held back changes no answer, but what is told of them.
        let held = self.held.as_ref().map(Held::told) != self.snapshots.load().meta.held;
        if news || files || overrides || held {
            self.take_over(now);
        }
        if news {
            self.keep_feed();
            self.log_feed();
        }
        self.show();
    }

    /// Publishes what was taken.
    pub(super) fn take_over(&mut self, now: Timestamp) {
        let static_data = self.fitting(self.static_data());
        self.publish(static_data, now);
    }

    /// Looks at the feed's file, if it has one.
    fn read_feed(&mut self, now: Timestamp) -> Option<Offer> {
        let path = self.feed_path()?;
        let version = versions(path);
        let offer = Offer::read(path, self.terms(now));
        self.version = version;
        Some(offer)
    }

    /// Where a reload brings no other feed, it is time to judge the one anew that is held back: `max-loss` may be another.
    pub(super) fn judged_again(
        &self,
        offer: Option<Offer>,
        source: Option<&Source>,
        terms: Terms<'_>,
    ) -> Option<Offer> {
        // By other keys only what is read again, signature and all, is judged.
        let held =
            self.held.as_ref().filter(|held| !terms.anew && source == Some(&held.document.source));
        match (offer, held) {
            (None | Some(Offer::Same), Some(held)) => {
                Some(Offer::judge((*held.document).clone(), Terms { seen: None, ..terms }))
            }
            (offer, _) => offer,
        }
    }

    pub(super) fn terms(&self, now: Timestamp) -> Terms<'_> {
        let (seen, in_force) = (self.seen.as_deref(), self.feed.as_ref());
        let key = self.loaded.config.feed.public_key.as_ref();
        Terms { seen, in_force, key, anew: self.is_rekeyed(), now }
    }

    /// Whether other keys count than those by which the feed was judged last.
    fn is_rekeyed(&self) -> bool {
        self.judged_by != self.loaded.config.feed.public_key
    }

    /// Remembers what a look brought; true when it is a feed to publish over this frame.
    pub(super) fn settle(
        &mut self,
        offer: Offer,
        static_data: &StaticData,
        now: Timestamp,
    ) -> bool {
        let was_rekeyed = self.is_rekeyed();
        let is_judged = match &offer {
            Offer::Same => false,
            Offer::Unusable(refusal) => refusal.seen.is_some(),
            Offer::Known(_) | Offer::News(..) => true,
        };
        if was_rekeyed && is_judged {
            self.judged_by = self.loaded.config.feed.public_key.clone();
        }
        match offer {
            Offer::Same => {
                if self.unreadable {
                    (self.complaint, self.unreadable) = (None, false);
                }
                false
            }
            Offer::Known(seen) => {
                self.reverified(&seen);
                (self.seen, self.complaint) = (Some(seen), None);
                false
            }
            Offer::News(feed, seen) => {
                if !self.admits(&feed, &seen, static_data, now) {
                    return false;
                }
                self.adopt(*feed, seen);
                true
            }
            Offer::Unusable(Refusal { error, reason, seen }) => {
                self.complain(&error);
                self.count_refusal(reason);
                self.unreadable = seen.is_none();
                self.seen = seen.or(self.seen.take());
                false
            }
        }
    }

    /// Where the feed in force was verified by other keys than those of `public-key`, these have verified what was seen now: it is
    /// kept with this signature, which the next start asks for. Where it was verified by the same, nobody looked at this signature.
    fn reverified(&mut self, seen: &Arc<Seen>) {
        let keys = &self.loaded.config.feed.public_key;
        let Some(in_force) = self.feed.as_mut().filter(|in_force| in_force.keys != *keys) else {
            return;
        };
        if in_force.document.source == seen.source && in_force.document.octets == seen.octets {
            (in_force.document, in_force.keys) = (seen.clone(), keys.clone());
            self.keep_feed();
        }
    }

    fn adopt(&mut self, feed: Feed, document: Arc<Seen>) {
        let keys = self.loaded.config.feed.public_key.clone();
        self.feed = Some(InForce { feed, document: document.clone(), keys });
        (self.seen, self.complaint, self.held) = (Some(document), None, None);
        self.kept.forget_early();
    }

    /// Whether a feed may be taken over, or is held back as it takes away too much.
    fn admits(
        &mut self,
        feed: &Feed,
        document: &Arc<Seen>,
        static_data: &StaticData,
        now: Timestamp,
    ) -> bool {
        let config = &self.loaded.config.feed;
        let before = self.moment(now);
        let release = self.offering.of(feed);
        let release = release.as_ref().map(DatedRelease::of);
        let inputs = HealthInputs { feed: Some(feed), ..before.inputs };
        let after = Now { inputs, release, ..before };
        let announced = self.snapshots.load();
        let announced = announced.dynamic_data.remembered();
        let loss = before
            .inputs
            .feed
            .and_then(|_| Loss::between(static_data, announced, &before, &after, config.max_loss));
        let verdict = guard::judge(
            loss.as_ref(),
            feed.serial,
            self.held.as_ref(),
            config.max_loss,
            config.interval,
            now,
        );
        let (Some(loss), Verdict::Hold(since)) = (loss, &verdict) else {
            match (verdict, &self.held) {
                (Verdict::Confirmed, _) => {
                    warn!("feed {} says what was held back: it is taken", feed.serial);
                }
                (_, Some(held)) => {
                    let serial = held.feed.serial;
                    let why = if serial == feed.serial {
                        "it may take away so much"
                    } else {
                        "a newer one is taken"
                    };
                    info!("feed {serial} is no longer held back: {why}");
                }
                _ => {}
            }
            return true;
        };
        let in_force = before.inputs.feed.map_or(0, |feed| feed.serial);
        warn!(
            "feed {} is held back: it takes away {loss} (`max-loss`); feed {in_force} goes on until a \
             newer one says the same, or `cvdns feed accept`",
            feed.serial
        );
        let held =
            Held { feed: Box::new(feed.clone()), document: document.clone(), loss, since: *since };
        (self.seen, self.held) = (Some(document.clone()), Some(held));
        self.count_refusal("held");
        false
    }

    fn count_refusal(&mut self, reason: &'static str) {
        *self.refusals.entry(reason).or_default() += 1;
        self.show();
    }

    /// Keeps the feed in force for the next start.
    pub(super) fn keep_feed(&mut self) {
        if let Some(InForce { document, .. }) = &self.feed {
            let Seen { source, octets, signature } = &**document;
            self.kept.keep_feed(&source.to_string(), octets, signature.as_deref());
        }
    }

    /// Keeps again what somebody removed while the server runs.
    fn keep_again(&mut self) {
        if self.kept.lacks_feed() {
            self.keep_feed();
        }
        self.kept.keep_announced(self.snapshots.load().dynamic_data.announced());
    }

    /// Says once what keeps the feed from being taken, and again when it is something else.
    fn complain(&mut self, error: &str) {
        let Some(wanted) = &self.loaded.feed else { return };
        if self.complaint.as_deref() != Some(error) {
            let in_force = match &self.feed {
                Some(InForce { feed, document, .. }) if document.source == *wanted => {
                    format!("feed {} goes on", feed.serial)
                }
                Some(InForce { feed, document, .. }) => {
                    format!("feed {} of {} goes on", feed.serial, document.source)
                }
                None => "all mirrors count as up".to_owned(),
            };
            warn!("the feed {wanted} is not taken: {error}; {in_force}");
            self.complaint = Some(error.to_owned());
        }
    }
}
