//! Whether a document is newer than the one that is published.

use cvdns_nats::{Key, Last, Verdict};
use jiff::Timestamp;

use crate::load::{NatsDocument, SignedBundle, SignedOverrides};
use cvdns_core::health::{Feed, Keys};
use cvdns_core::report::Report;

/// A document that servers would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What it is.
    pub kind: NatsDocument,
    /// Where it goes.
    pub(super) key: Key,
    /// Its serial.
    pub serial: u64,
    /// When it was made; `None` if it does not say.
    pub(super) made: Option<Timestamp>,
    /// Its octets.
    pub octets: Vec<u8>,
    /// Its signature.
    pub signature: Option<Vec<u8>>,
}

impl Judged {
    /// Checks signature and content.
    ///
    /// # Errors
    /// When servers would refuse the document, in words for people.
    pub fn new(
        kind: NatsDocument,
        octets: Vec<u8>,
        signature: Option<Vec<u8>>,
        keys: &Keys,
    ) -> Result<Self, String> {
        let name = kind.name();
        keys.verify(&octets, signature.as_deref())
            .map_err(|error| format!("the {name} would be refused: {error}"))?;
        let (serial, made) = serial(&kind, &octets)
            .map_err(|error| format!("the {name} would be refused: {error}"))?;
        let key = kind.key()?;
        Ok(Self { kind, key, serial, made, octets, signature })
    }

    /// Compares it with the last one that was published. What no server would take is no reason
    /// not to publish.
    pub(super) fn compare(&self, last: Last<'_>, keys: &Keys) -> Verdict {
        let Last::Document(last) = last else { return Verdict::Newer };
        if last.octets == self.octets && last.signature == self.signature {
            return Verdict::Same;
        }
        let (name, serial) = (self.kind.name(), self.serial);
        let known = keys
            .verify(&last.octets, last.signature.as_deref())
            .map_err(|error| error.to_string())
            .and_then(|()| self::serial(&self.kind, &last.octets));
        match known {
            Err(_) => Verdict::Newer,
            Ok((known, _)) if serial > known => Verdict::Newer,
            Ok((known, _)) if serial == known && last.octets == self.octets => {
                // Another signature of the same document, as after a change of keys.
                Verdict::Newer
            }
            Ok((known, _)) if serial == known => Verdict::Refuse(format!(
                "{name} {known} is published with other content: another document needs a higher \
                 serial"
            )),
            Ok((known, _)) => Verdict::Refuse(format!(
                "{name} {known} is published, which is newer than {serial}"
            )),
        }
    }
}

/// The serial of a document, and when it was made if it says so.
fn serial(kind: &NatsDocument, octets: &[u8]) -> Result<(u64, Option<Timestamp>), String> {
    match kind {
        NatsDocument::Feed => Feed::parse(octets)
            .map(|feed| (feed.serial, Some(feed.generated)))
            .map_err(|error| error.to_string()),
        // The signature was verified before.
        NatsDocument::Overrides => SignedOverrides::judge("overrides", octets.to_vec(), None, None)
            .map(|overrides| (overrides.serial, None))
            .map_err(|error| error.what),
        NatsDocument::Report(_) => Report::parse(octets)
            .map(|report| (report.serial, None))
            .map_err(|error| error.to_string()),
        NatsDocument::Bundle(name) => {
            let bundle = SignedBundle::judge(name, octets.to_vec(), None, None, Timestamp::now());
            bundle
                .map(|signed| (signed.bundle.serial, Some(signed.bundle.generated)))
                .map_err(|error| error.what)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_nats::{Document, Refusal};
    use minisign::KeyPair;

    struct Coordinator(KeyPair);

    impl Coordinator {
        fn new() -> Self {
            Self(KeyPair::generate_unencrypted_keypair().unwrap())
        }

        fn keys(&self) -> Keys {
            Keys::new(vec![self.0.pk.to_base64().parse().unwrap()]).unwrap()
        }

        fn document(&self, text: &str) -> Document {
            let signature = minisign::sign(None, &self.0.sk, text.as_bytes(), None, None).unwrap();
            Document {
                octets: text.as_bytes().to_vec(),
                signature: Some(signature.into_string().into_bytes()),
            }
        }

        fn feed(&self, serial: u64, second: u8) -> Document {
            let generated = format!("2026-11-22T17:00:{second:02}Z");
            self.document(&format!(
                "{{\"format\":1,\"serial\":{serial},\"generated\":\"{generated}\"}}"
            ))
        }
    }

    #[test]
    fn only_what_is_newer_is_published() {
        let (ours, other) = (Coordinator::new(), Coordinator::new());
        let judged = |document: Document| {
            let Document { octets, signature } = document;
            Judged::new(NatsDocument::Feed, octets, signature, &ours.keys())
        };
        let feed = judged(ours.feed(7, 0)).unwrap();
        let against = |last: &Document| feed.compare(Last::Document(last), &ours.keys());
        assert_eq!(feed.compare(Last::Absent, &ours.keys()), Verdict::Newer);
        assert_eq!(feed.compare(Last::Refused(Refusal::CutOff), &ours.keys()), Verdict::Newer);
        assert_eq!(against(&ours.feed(6, 0)), Verdict::Newer);
        assert!(
            matches!(against(&ours.feed(8, 0)), Verdict::Refuse(why) if why.contains("feed 8"))
        );
        assert!(matches!(against(&ours.feed(7, 1)), Verdict::Refuse(why) if why.contains("other")));
        let own = Document { octets: feed.octets.clone(), signature: feed.signature.clone() };
        assert_eq!(against(&own), Verdict::Same);
        // What somebody else has put there is no reason to stand back.
        assert_eq!(against(&other.feed(9, 0)), Verdict::Newer);
        assert_eq!(against(&ours.document("{")), Verdict::Newer);
        assert!(judged(other.feed(9, 0)).unwrap_err().contains("would be refused"));
        assert!(judged(Document { octets: b"{}".to_vec(), signature: None }).is_err());
        assert!(judged(ours.document("{}")).unwrap_err().contains("would be refused"));
    }

    #[test]
    fn overrides_have_serials_too() {
        let ours = Coordinator::new();
        let Document { octets, signature } = ours.document("serial = 3\n");
        let judged = Judged::new(NatsDocument::Overrides, octets, signature, &ours.keys()).unwrap();
        assert_eq!(judged.serial, 3);
        let last = ours.document("serial = 4\n");
        let verdict = judged.compare(Last::Document(&last), &ours.keys());
        assert!(matches!(verdict, Verdict::Refuse(why) if why.contains("overrides 4")));
        let Document { octets, signature } = ours.document("# none\n");
        assert!(Judged::new(NatsDocument::Overrides, octets, signature, &ours.keys()).is_err());
    }
}
