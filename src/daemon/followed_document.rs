//! A signed document that comes from elsewhere: which one is in force, and why no other one is.
//! Such documents are judged by the rules of feeds.

use std::collections::BTreeMap;
use std::fmt::Display;

use tracing::{info, warn};

use crate::load::{DocumentError, SignedOverrides};
use crate::logging::LogOnce;

/// A document with a serial, whose signature is good.
pub(super) trait SerialDocument {
    /// What such documents are called, and the verb behind that.
    const NAME: (&'static str, &'static str);

    /// Newer ones have higher ones.
    fn serial(&self) -> u64;

    /// What was signed.
    fn content(&self) -> &[u8];

    fn signature(&self) -> Option<&[u8]>;
}

/// The document in force, and what is wrong with the one at its source.
#[derive(Debug)]
pub(super) struct FollowedDocument<S, D> {
    in_force: Option<(S, D)>,
    /// Why the source's document is not in force.
    complaint: LogOnce,
    /// Whether `complaint` ends as soon as the source has its last document again: no other one
    /// could be judged meanwhile.
    is_unread: bool,
    /// Whether `complaint` is to be logged even if it is the same: everything was read again.
    is_unsaid: bool,
    /// How often no document could be taken over, by reason.
    refusals: BTreeMap<&'static str, u64>,
}

impl<S, D> Default for FollowedDocument<S, D> {
    fn default() -> Self {
        Self {
            in_force: None,
            complaint: LogOnce::default(),
            is_unread: false,
            is_unsaid: false,
            refusals: BTreeMap::new(),
        }
    }
}

impl<S: PartialEq + Display, D: SerialDocument> FollowedDocument<S, D> {
    /// The document in force, if it came from this source.
    pub(super) fn of(&self, source: &S) -> Option<&D> {
        self.in_force.as_ref().filter(|(of, _)| of == source).map(|(_, document)| document)
    }

    /// The document in force, whatever source it came from.
    pub(super) fn newest(&self) -> Option<&D> {
        self.in_force.as_ref().map(|(_, document)| document)
    }

    /// Why the source's document is not in force.
    pub(super) fn complaint(&self) -> Option<&str> {
        self.complaint.current().first().map(String::as_str)
    }

    /// How often no document could be taken over, by reason.
    pub(super) fn refusals(&self) -> &BTreeMap<&'static str, u64> {
        &self.refusals
    }

    /// Whether a document that passed all other checks is another one than that in force. The same
    /// one with another signature is, as the next start will ask for that of the key which is
    /// configured now.
    ///
    /// # Errors
    /// When it is older than that one, or has its serial and says something else.
    pub(super) fn is_news(&self, source: &S, offered: &D) -> Result<bool, DocumentError> {
        let Some(in_force) = self.of(source) else { return Ok(true) };
        let (serial, known) = (offered.serial(), in_force.serial());
        if serial < known {
            let what = format!("serial {serial} is lower than {known}, the one in force");
            return Err(DocumentError::new("serial-behind", what));
        }
        if serial == known && offered.content() != in_force.content() {
            let what = format!(
                "serial {serial} is in force with other content, which needs a higher serial"
            );
            return Err(DocumentError::new("serial-reused", what));
        }
        Ok(serial > known || offered.signature() != in_force.signature())
    }

    /// Notes that a document of this source is in force.
    pub(super) fn adopt(&mut self, source: S, document: D) {
        let is_first = self.of(&source).is_none();
        self.in_force = Some((source, document));
        self.end_complaint(if is_first { "" } else { " again" });
    }

    /// Notes that the source has the document in force.
    pub(super) fn accept(&mut self) {
        self.end_complaint(" again");
    }

    /// Logs that nothing is wrong any more. `again` is empty for the first document of a source.
    fn end_complaint(&mut self, again: &str) {
        self.is_unread = false;
        if self.complaint.clear() {
            let source = self.in_force.as_ref().map(|(source, _)| source.to_string());
            info!(source, "the {} can be used{again}", D::NAME.0);
        }
    }

    /// Notes that the source still has the document that was judged last.
    pub(super) fn is_same(&mut self) {
        if self.is_unread {
            self.accept();
        }
    }

    /// Notes, and logs once, why the source's document is not taken. `meanwhile` says what is in
    /// force.
    pub(super) fn refuse(&mut self, source: &S, error: &DocumentError, meanwhile: &str) {
        let DocumentError { reason, what, is_unread } = error;
        self.is_unread = *is_unread;
        *self.refusals.entry(reason).or_default() += 1;
        let is_unsaid = std::mem::take(&mut self.is_unsaid);
        let (name, are) = D::NAME;
        if self.complaint.is_new(what.clone()) || is_unsaid {
            warn!(
                source = %source,
                reason,
                error = what,
                "the {name} {source} {are} not taken: {what}; {meanwhile}"
            );
        }
    }

    /// What is wrong is logged once more: everything was read again.
    pub(super) fn say_again(&mut self) {
        self.is_unsaid = true;
    }

    /// Forgets what was wrong: another source is configured.
    pub(super) fn forget(&mut self) {
        self.complaint.clear();
    }
}

impl SerialDocument for SignedOverrides {
    const NAME: (&'static str, &'static str) = ("overrides", "are");

    fn serial(&self) -> u64 {
        self.serial
    }

    fn content(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn signature(&self) -> Option<&[u8]> {
        self.signature.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::FeedSource;

    fn document(serial: u64, host: &str) -> SignedOverrides {
        let text = format!(
            "serial = {serial}\n[[override]]\nhost = \"{host}\"\nstate = \"down\"\nreason = \"r\"\n"
        );
        SignedOverrides::judge("o", text.into_bytes(), None, None).unwrap()
    }

    #[test]
    fn an_older_document_is_refused_whatever_it_says() {
        let source = FeedSource::Url("https://example.org/o".to_owned());
        let other = FeedSource::Url("https://example.org/other".to_owned());
        let mut remote = FollowedDocument::default();
        assert!(remote.is_news(&source, &document(7, "a")).unwrap());
        remote.adopt(source.clone(), document(7, "a"));
        let judged = |serial, host| {
            remote.is_news(&source, &document(serial, host)).map_err(|error| error.reason)
        };
        assert_eq!(judged(7, "a"), Ok(false));
        assert_eq!(judged(8, "a"), Ok(true));
        assert_eq!(judged(6, "b"), Err("serial-behind"));
        assert_eq!(judged(7, "b"), Err("serial-reused"));
        // Each source counts by itself.
        assert!(remote.is_news(&other, &document(1, "b")).unwrap());
        assert!(remote.of(&other).is_none());
    }
}
