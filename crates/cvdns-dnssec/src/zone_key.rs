//! A key of a zone.

use std::sync::Arc;

use cvdns_core::dnssec::{Algorithm, Dnskey};
use cvdns_core::problem::{Location, Problems};

use crate::key_pair::{KeyPair, PairError};
use crate::private_file::PrivateKeyFile;
use crate::public_file::{PublicKeyFile, algorithm_text};
use crate::source::KeyText;
use crate::timing::KeyTiming;

/// Zone Key flag (RFC 4034 section 2.1.1).
const ZONE_KEY: u16 = 0x0100;

/// The only protocol (RFC 4034 section 2.1.2).
const PROTOCOL: u8 = 3;

/// A key of a zone, made of its files.
#[derive(Debug, Clone)]
pub struct ZoneKey {
    /// The public key.
    pub dnskey: Dnskey,
    /// TTL in seconds that its file gives the DNSKEY record.
    pub ttl: Option<u32>,
    /// The private key; `None` if it is not here.
    pub private: Option<Arc<KeyPair>>,
    /// When it is published and signs.
    pub timing: KeyTiming,
    /// The record in the file of the public key.
    pub location: Location,
}

impl ZoneKey {
    /// Makes a key of what the file of its public key says and, if it is there, of the file of its
    /// private key. Reports why not.
    pub fn new(
        public: &PublicKeyFile,
        private: Option<KeyText<'_>>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let dnskey = dnskey(public, problems)?;
        let mut key = Self {
            dnskey,
            ttl: public.ttl,
            private: None,
            timing: public.timing,
            location: public.location.clone(),
        };
        if let Some(source) = private {
            key.add_private(source, problems)?;
        }
        Some(key)
    }

    /// Adds the private key. Its file, as in BIND, says when the key is published and signs.
    fn add_private(&mut self, source: KeyText<'_>, problems: &mut Problems) -> Option<()> {
        let file = PrivateKeyFile::parse(source, problems)?;
        let whole = Location::file(source.file);
        let mut wrong = |what: String| {
            let help = "both files of a key are made together: bring back the right one, or make \
                        a new key by `cvdns keys generate`";
            problems.error(whole.clone(), what, help);
        };
        let algorithm = self.dnskey.algorithm;
        if file.algorithm != algorithm.number() {
            let found = algorithm_text(file.algorithm);
            let expected = algorithm_text(algorithm.number());
            wrong(format!("the private key is one of {found}, and the public key of {expected}"));
            return None;
        }
        let Some(secret) = file.secret else {
            wrong("the file has no `PrivateKey`".to_owned());
            return None;
        };
        match KeyPair::new(&self.dnskey, &secret) {
            Ok(pair) => self.private = Some(Arc::new(pair)),
            Err(error @ PairError::NoRandomNumbers) => {
                problems.error(whole, error.to_string(), "nothing can be signed without them");
                return None;
            }
            Err(error) => {
                wrong(format!("{error}, key {}", self.dnskey.tag()));
                return None;
            }
        }
        self.timing = file.timing;
        Some(())
    }
}

/// The public key, if zones are signed by such keys here.
fn dnskey(public: &PublicKeyFile, problems: &mut Problems) -> Option<Dnskey> {
    let location = public.location.clone();
    let supported =
        Algorithm::ALL.map(|algorithm| algorithm_text(algorithm.number())).join(" and ");
    let Some(algorithm) = Algorithm::of_number(public.algorithm) else {
        let what = format!("zones are not signed with {} here", algorithm_text(public.algorithm));
        let help = format!(
            "{supported} are supported: make a key of one of them by `cvdns keys generate`, and \
             roll over to it (docs/dnssec.md)"
        );
        problems.error(location, what, help);
        return None;
    };
    let what = if public.protocol != PROTOCOL {
        format!(
            "the protocol of the key is {}, and must be 3 (RFC 4034 section 2.1.2)",
            public.protocol
        )
    } else if public.flags & ZONE_KEY == 0 {
        format!("the flags {} are not those of a key of a zone, 256 or 257", public.flags)
    } else if public.public_key.len() != algorithm.public_key_length() {
        format!(
            "the key has {} octets; keys of {algorithm} have {}",
            public.public_key.len(),
            algorithm.public_key_length()
        )
    } else {
        let (flags, public_key) = (public.flags, public.public_key.clone());
        return Some(Dnskey { flags, algorithm, public_key });
    };
    problems.error(location, what, "make the key by dnssec-keygen or `cvdns keys generate`");
    None
}
