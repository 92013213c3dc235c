//! The TXT answers of a release, and when they are too old.

use jiff::Timestamp;

use super::Now;
use crate::release::{self, Announced};
use crate::snapshot::static_data::{StaticData, Text};
use crate::snapshot::template::{Line, Sections, Template, TemplateId, Templates};
use crate::wire::writer::Owner;
use crate::wire::{class, rtype};

/// A text that is answered.
#[derive(Debug, Clone, Copy)]
struct SourceState {
    template: TemplateId,
    /// It is too old to be trusted.
    stale: bool,
}

/// The texts of a frame at a moment.
#[derive(Debug, Default)]
pub(super) struct Texts {
    of: Vec<Option<SourceState>>,
    /// Which of them are too old to be trusted.
    stale: Vec<bool>,
    /// Whether such are not answered.
    expire: bool,
    templates: Templates,
}

impl Text {
    /// From when on it is too old to be trusted.
    fn expiry(&self, now: &Now<'_>) -> Option<Timestamp> {
        Some(release::expiry(now.fresh_until()?, self.ttl))
    }
}

impl StaticData {
    /// The next moment after now at which a text becomes too old.
    pub fn next_expiry(&self, now: &Now<'_>) -> Option<Timestamp> {
        let moments = self.texts.iter().filter_map(|text| text.expiry(now));
        moments.filter(|moment| *moment > now.time).min()
    }
}

impl Texts {
    /// Writes all that are announced.
    pub(super) fn new(
        static_data: &StaticData,
        now: &Now<'_>,
        announced: Option<&Announced>,
    ) -> Self {
        let mut texts = Self { expire: static_data.settings.expire, ..Self::default() };
        for text in &static_data.texts {
            let stale =
                announced.is_some() && text.expiry(now).is_some_and(|moment| now.time >= moment);
            texts.stale.push(stale);
            let announced = announced.filter(|_| !(stale && texts.expire));
            let string =
                announced.and_then(|announced| string(text.database.as_deref(), announced));
            let id = string.and_then(|string| texts.add(&string, text.ttl));
            texts.of.push(id.map(|template| SourceState { template, stale }));
        }
        texts.templates.shrink();
        texts
    }

    fn add(&mut self, string: &str, ttl: u32) -> Option<TemplateId> {
        let rdata = txt(string.as_bytes());
        let line = Line {
            owner: Owner::Question,
            rtype: rtype::TXT,
            class: class::IN,
            ttl,
            rdata: &rdata,
        };
        self.templates.add(&[0], &Sections { answer: vec![line], ..Sections::default() })
    }

    /// The text of this number, and whether it is too old to be trusted; none when there is no release to make it of.
    #[inline]
    pub(super) fn get(&self, text: u32) -> Option<(Template<'_>, bool)> {
        let SourceState { template, stale } = (*self.of.get(text as usize)?)?;
        Some((self.templates.get(template)?, stale))
    }

    /// Whether the text of this number is too old to be trusted.
    pub(super) fn stale(&self, text: u32) -> bool {
        self.stale.get(text as usize).copied().unwrap_or_default()
    }

    /// Whether it is not answered for that.
    pub(super) fn expired(&self, text: u32) -> bool {
        self.expire && self.stale(text)
    }

    /// Whether any text is.
    pub(super) fn has_expired(&self) -> bool {
        self.expire && self.stale.contains(&true)
    }
}

/// The TXT string of a database, or of all.
fn string(database: Option<&str>, announced: &Announced) -> Option<String> {
    let Announced { release, stamp, .. } = announced;
    match database {
        None => Some(release.record(*stamp)),
        Some(name) => {
            let (_, version) = release.databases().find(|(other, _)| *other == name)?;
            Some(release::database_record(version, *stamp))
        }
    }
}

/// RDATA of a TXT record with one string of at most 255 octets (RFC 1035 section 3.3.14).
pub fn txt(string: &[u8]) -> Vec<u8> {
    let length = string.len().min(255);
    let mut rdata = vec![length as u8];
    rdata.extend(string.iter().take(length));
    rdata
}
