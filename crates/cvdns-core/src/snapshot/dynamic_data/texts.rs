//! The TXT answers of a release, and whether they are too old.

use crate::release::{self, Announced};
use crate::snapshot::now::Now;
use crate::snapshot::static_data::StaticData;
use crate::snapshot::template::{Sections, Template, TemplateId, TemplateRecord, Templates};
use crate::wire::writer::Owner;
use crate::wire::{class, rtype};

/// A TXT answer.
#[derive(Debug, Clone, Copy)]
struct TextAnswer {
    template: TemplateId,
    /// Whether its stamp is too old.
    stale: bool,
}

/// The TXT answers of a snapshot, in the order of [`StaticData::texts`].
#[derive(Debug, Default)]
pub(super) struct Texts {
    answers: Vec<Option<TextAnswer>>,
    /// Whether the stamp of each text is too old, answered or not.
    stale: Vec<bool>,
    /// Whether texts that are too old are not answered (`on-stale`).
    expire: bool,
    templates: Templates,
}

impl Texts {
    /// Writes the TXT answers of what is announced.
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
            texts.answers.push(id.map(|template| TextAnswer { template, stale }));
        }
        texts.templates.shrink();
        texts
    }

    fn add(&mut self, string: &str, ttl: u32) -> Option<TemplateId> {
        let rdata = txt(string.as_bytes());
        let line = TemplateRecord {
            owner: Owner::Question,
            rtype: rtype::TXT,
            class: class::IN,
            ttl,
            rdata: &rdata,
        };
        self.templates.add(&[0], &Sections { answer: vec![line], ..Sections::default() })
    }

    /// The TXT answer of a text, and whether it is too old; `None` when it is not
    /// answered.
    #[inline]
    pub(super) fn get(&self, text: u32) -> Option<(Template<'_>, bool)> {
        let TextAnswer { template, stale } = (*self.answers.get(text as usize)?)?;
        Some((self.templates.get(template)?, stale))
    }

    /// Whether a text is too old.
    pub(super) fn stale(&self, text: u32) -> bool {
        self.stale.get(text as usize).copied().unwrap_or_default()
    }

    /// Whether a text is not answered because it is too old.
    pub(super) fn expired(&self, text: u32) -> bool {
        self.expire && self.stale(text)
    }

    /// Whether any text is not answered because it is too old.
    pub(super) fn has_expired(&self) -> bool {
        self.expire && self.stale.contains(&true)
    }
}

/// The TXT string of a database, or with `None` the version record of all databases.
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

/// RDATA of a TXT record with one string, which is cut off after 255 octets (RFC 1035
/// section 3.3.14).
pub fn txt(string: &[u8]) -> Vec<u8> {
    let length = string.len().min(255);
    let mut rdata = vec![length as u8];
    rdata.extend(string.iter().take(length));
    rdata
}
