//! Overrides that come from a web server or through NATS, signed as feeds are.

use super::MAX_OVERRIDES;
use super::document_error::DocumentError;
use super::nats_document::NatsDocument;
use super::remote::{Fetched, Fetcher, TrustedRoots};
use super::source::{COMMAND_TIMEOUTS, FeedSource};
use cvdns_core::health::{Keys, Overrides, signature_path};
use cvdns_core::problem::{Problem, Problems, Severity};
use cvdns_io::{read_bytes, read_signature};

/// A document of overrides that passed all checks by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOverrides {
    /// The serial, by which newer documents are told from older ones.
    pub serial: u64,
    /// What the document says.
    pub overrides: Overrides,
    /// The document's text, as it was signed.
    pub text: String,
    /// Its signature; `None` if none is asked for.
    pub signature: Option<Vec<u8>>,
}

impl SignedOverrides {
    /// Checks the octets that came from `source`: the signature, if `keys` are asked for, and what
    /// they say.
    ///
    /// # Errors
    /// When they are not signed by one of the keys, are no overrides, or have no serial.
    pub fn judge(
        source: &str,
        octets: Vec<u8>,
        signature: Option<Vec<u8>>,
        keys: Option<&Keys>,
    ) -> Result<Self, DocumentError> {
        if let Some(keys) = keys {
            keys.verify(&octets, signature.as_deref())
                .map_err(|error| DocumentError::new(error.reason(), error.to_string()))?;
        }
        let text = String::from_utf8(octets)
            .map_err(|_| DocumentError::new("syntax", "they are not UTF-8 text"))?;
        let mut problems = Problems::default();
        let overrides = Overrides::parse(source, &text, &mut problems);
        let mut errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
        if let Some(error) = errors.next().map(Problem::to_string) {
            return Err(DocumentError::new("syntax", error));
        }
        let serial = overrides.serial().ok_or_else(|| {
            let what = "they have no serial, without which anybody could bring back older ones: \
                        write `serial = 1` at the top, and a higher one with each change";
            DocumentError::new("no-serial", what)
        })?;
        let signature = keys.and(signature);
        Ok(Self { serial, overrides, text, signature })
    }

    /// That there are none, which nobody has signed.
    fn none() -> Self {
        let overrides = Overrides::default();
        Self { serial: 0, overrides, text: String::new(), signature: None }
    }

    /// Gets and checks those of this source once, for commands, which somebody waits for.
    ///
    /// # Errors
    /// When they cannot be had or taken over.
    pub fn fetch(
        source: &FeedSource,
        roots: &TrustedRoots,
        keys: Option<&Keys>,
    ) -> Result<Self, DocumentError> {
        let unread = |what| DocumentError { reason: "unreadable", what, is_unread: true };
        let (octets, signature) = match source {
            FeedSource::File(path) => (
                read_bytes(path, MAX_OVERRIDES as u64).map_err(unread)?,
                read_signature(&signature_path(path)).map_err(unread)?,
            ),
            FeedSource::Nats(place) => {
                match place.read(&NatsDocument::Overrides).map_err(unread)? {
                    Some(document) => document,
                    // There need not be any.
                    None => return Ok(Self::none()),
                }
            }
            FeedSource::Url(url) => {
                let fetcher = Fetcher::new(url, roots, keys.is_some(), COMMAND_TIMEOUTS);
                match fetcher.limited(MAX_OVERRIDES).fetch()? {
                    Fetched::New { octets, signature } => (octets, signature),
                    Fetched::NotModified => {
                        let what = "the server answered 304 unasked";
                        return Err(DocumentError::new("protocol", what));
                    }
                }
            }
        };
        Self::judge(&source.to_string(), octets, signature, keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_without_serial_and_what_is_none_is_refused() {
        let judged = |text: &[u8]| {
            SignedOverrides::judge("o", text.to_vec(), None, None).map_err(|error| error.reason)
        };
        assert_eq!(judged(b"serial = 7\n").unwrap().serial, 7);
        assert_eq!(judged(b"").unwrap_err(), "no-serial");
        assert_eq!(judged(b"serial = 7\nx = 1\n").unwrap_err(), "syntax");
        assert_eq!(judged(b"serial = 7 # \xff\n").unwrap_err(), "syntax");
        let key = "RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5".parse().unwrap();
        let keys = Keys::new(vec![key]).unwrap();
        let unsigned = SignedOverrides::judge("o", b"serial = 7\n".to_vec(), None, Some(&keys));
        let error = unsigned.unwrap_err();
        assert!(error.reason == "unsigned" && !error.is_final() && !error.is_unread);
    }
}
