//! The versions of a zone: the newest one, and how it came of earlier ones.

use std::fmt;
use std::sync::Arc;

use cvdns_core::wire::name::Name;

use crate::records::RecordSet;
use crate::serial;
use crate::version::{Difference, Soa, Version};

/// The newest version of a zone and the differences that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    newest: Arc<Version>,
    /// The oldest first; each begins with the serial with which the one before ends.
    differences: Vec<Arc<Difference>>,
}

/// What a zone says now, of which the serial is still to be found.
#[derive(Debug, Clone)]
pub struct Content {
    /// The name of the zone.
    pub zone: Name,
    /// Its SOA record, with any serial.
    pub soa: Soa,
    /// All other records, but for the signatures of the SOA record.
    pub records: RecordSet,
    /// What signs the SOA record; `None` if the zone is transferred without signatures.
    pub soa_signer: Option<Arc<dyn SignsSoa>>,
    /// What the serials of its sources add up to ([`serial::sum`]).
    pub sum: u32,
    /// Whether a greater sum alone makes a new version, as where the master file is the only
    /// source: whoever raises its serial wants to see it.
    pub follows_sum: bool,
}

/// Signs the SOA record of a zone, whose serial is known last.
pub trait SignsSoa: fmt::Debug + Send + Sync {
    /// The signatures of this SOA record.
    fn signatures(&self, soa: &Soa) -> RecordSet;
}

impl History {
    /// The first version of a zone.
    pub fn new(content: &Content) -> Self {
        Self { newest: Arc::new(content.version(content.sum)), differences: Vec::new() }
    }

    /// A history that was kept. `None` if its parts do not follow one another.
    pub fn of_parts(newest: Version, differences: Vec<Difference>) -> Option<Self> {
        let mut next = None;
        for difference in &differences {
            if next.is_some_and(|next| next != difference.from.serial()) {
                return None;
            }
            next = Some(difference.to.serial());
        }
        if next.is_some_and(|next| next != newest.serial()) {
            return None;
        }
        let differences = differences.into_iter().map(Arc::new).collect();
        Some(Self { newest: Arc::new(newest), differences })
    }

    /// The newest version.
    pub fn newest(&self) -> &Arc<Version> {
        &self.newest
    }

    /// The differences, the oldest first.
    pub fn differences(&self) -> &[Arc<Difference>] {
        &self.differences
    }

    /// The differences that lead from this serial to the newest version; `None` if that is not
    /// known, or they are longer than the zone.
    pub fn since(&self, serial: u32) -> Option<&[Arc<Difference>]> {
        let is_from = |difference: &Arc<Difference>| difference.from.serial() == serial;
        let first = self.differences.iter().rposition(is_from)?;
        self.differences.get(first..)
    }

    /// The history with what the zone says now. `None` if that is nothing new. Differences that
    /// are together longer than the zone are dropped, the oldest first (RFC 1995 section 5).
    #[must_use]
    pub fn followed_by(&self, content: &Content) -> Option<Self> {
        let before = self.newest.serial();
        let is_raised = content.follows_sum && serial::is_greater(content.sum, before);
        if content.version(before) == *self.newest && !is_raised {
            return None;
        }
        let version = content.version(serial::next(content.sum, Some(before)));
        let mut differences = self.differences.clone();
        differences.push(Arc::new(self.newest.difference(&version)));
        let (mut octets, most) = (0usize, version.octets());
        let fits = |difference: &&Arc<Difference>| {
            octets = octets.saturating_add(difference.octets(&version.zone));
            octets <= most
        };
        let kept = differences.iter().rev().take_while(fits).count();
        let differences = differences.split_off(differences.len() - kept);
        Some(Self { newest: Arc::new(version), differences })
    }
}

impl Content {
    /// The zone with this serial.
    fn version(&self, serial: u32) -> Version {
        let soa = self.soa.with_serial(serial);
        let records = match &self.soa_signer {
            Some(signer) => self.records.with(&signer.signatures(&soa)),
            None => self.records.clone(),
        };
        Version { zone: self.zone.clone(), soa, records }
    }
}
