//! Whose feeds are believed: those with a signature of one of the coordinators' minisign keys.

use std::fmt;
use std::str::FromStr;

use domain::utils::base64;
use minisign_verify::{Error, PublicKey, Signature};

use super::FeedError;

/// The public keys of `public-key`; a feed is believed when one of them verifies it. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(Vec<Key>);

/// One public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    key: PublicKey,
    id: KeyId,
}

/// The number of a key pair, which stands in its public key and in its signatures. Anyone can write it: it tells which key was
/// meant, and proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyId(u64);

/// Why a signature is not good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureFault {
    /// Not UTF-8.
    NoText,
    /// HTML, as web servers send in place of a file that they do not have.
    WebPage,
    /// Something else that is no signature file of minisign.
    NoSignature,
    /// It is of a key that does not count.
    OtherKey {
        /// The key that it names.
        of: KeyId,
        /// Those that count.
        expected: Vec<KeyId>,
    },
    /// It names a key that counts, and does not verify.
    OtherOctets {
        /// The key that it names.
        of: KeyId,
    },
}

impl SignatureFault {
    /// What to do about it, as a sentence without a full stop.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoText | Self::WebPage | Self::NoSignature => {
                "put what `minisign -S` wrote beside the feed; fetch it by the URL to see what the server sends"
            }
            Self::OtherKey { .. } => {
                "write the coordinator's key as `public-key` in [feed] (the last line of its .pub file), or add it to a list; \
                 if the feed was signed by another key than the coordinator's, sign the feed with the coordinator's key"
            }
            Self::OtherOctets { .. } => {
                "sign the feed as it is now with `minisign -S`; what was copied has to be copied octet by octet, \
                 the signature first and then the feed"
            }
        }
    }
}

impl fmt::Display for SignatureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoText => f.write_str("it is no text, and so no minisign signature"),
            Self::WebPage => f.write_str("it is a web page, no minisign signature"),
            Self::NoSignature => f.write_str("it is no minisign signature"),
            Self::OtherKey { of, expected } => {
                let expected: Vec<String> = expected.iter().map(KeyId::to_string).collect();
                write!(
                    f,
                    "it is of another key than `public-key`: of {of}, expected {}",
                    expected.join(" or ")
                )
            }
            Self::OtherOctets { of } => {
                write!(
                    f,
                    "it names key {of} and is not of these octets: of another file, changed or forged"
                )
            }
        }
    }
}

/// What is appended to a feed's path or URL for that of its signature.
pub const SIGNATURE_EXTENSION: &str = ".minisig";

impl Keys {
    /// These keys; `None` when there are none, as then nothing could be believed.
    pub fn new(keys: Vec<Key>) -> Option<Self> {
        if keys.is_empty() { None } else { Some(Self(keys)) }
    }

    /// The keys in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// Whether a feed, octet by octet, is signed with one of the keys.
    ///
    /// # Errors
    /// When there is no signature, or it is not one of these keys over these octets; the error names the keys meant.
    pub fn verify(&self, octets: &[u8], signature: Option<&[u8]>) -> Result<(), FeedError> {
        let Some(signature) = signature else { return Err(FeedError::Unsigned) };
        let wrong = |fault| Err(FeedError::WrongSignature(fault));
        let text = match std::str::from_utf8(signature) {
            Ok(text) if is_web_page(text) => return wrong(SignatureFault::WebPage),
            Ok(text) => text,
            Err(_) => return wrong(SignatureFault::NoText),
        };
        let (Ok(signature), Ok(id)) = (Signature::decode(text), KeyId::of_signature(text)) else {
            return wrong(SignatureFault::NoSignature);
        };
        let mut of_this_key = false;
        for Key { key, .. } in &self.0 {
            // The older form, which minisign makes with -l, signs the octets themselves and is no weaker.
            match key.verify(octets, &signature, true) {
                Ok(()) => return Ok(()),
                Err(Error::UnexpectedKeyId) => {}
                Err(_) => of_this_key = true,
            }
        }
        if of_this_key {
            wrong(SignatureFault::OtherOctets { of: id })
        } else {
            wrong(SignatureFault::OtherKey {
                of: id,
                expected: self.0.iter().map(Key::id).collect(),
            })
        }
    }
}

impl Key {
    /// Its number.
    pub fn id(&self) -> KeyId {
        self.id
    }
}

impl KeyId {
    /// The number in a signature file.
    fn of_signature(text: &str) -> Result<Self, NotAKey> {
        text.lines().nth(1).ok_or(NotAKey).and_then(Self::in_base64)
    }

    /// The number in a public key or signature of minisign in Base64: it follows the two octets that
    /// name the algorithm.
    fn in_base64(text: &str) -> Result<Self, NotAKey> {
        let octets: Vec<u8> = base64::decode(text.trim_end()).map_err(|_| NotAKey)?;
        octets.get(2..10).ok_or(NotAKey).and_then(Self::of)
    }

    /// The number of these eight octets, the lowest first.
    ///
    /// # Errors
    /// When they are not eight.
    pub fn of(octets: &[u8]) -> Result<Self, NotAKey> {
        octets.try_into().map(|octets| Self(u64::from_le_bytes(octets))).map_err(|_| NotAKey)
    }
}

impl fmt::Display for KeyId {
    /// As `minisign` writes it into the comments of keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// What a web server sends instead of a signature that it does not have, or before it lets anyone through.
fn is_web_page(text: &str) -> bool {
    let start = text.trim_start().get(..5).unwrap_or_default();
    start.eq_ignore_ascii_case("<html") || start.eq_ignore_ascii_case("<!doc")
}

impl FromStr for Key {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let key = PublicKey::from_base64(text).map_err(|_| NotAKey)?;
        Ok(Self { key, id: KeyId::in_base64(text)? })
    }
}

/// A text is no public key of minisign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAKey;

impl fmt::Display for NotAKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no public key of minisign")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made by minisign 0.11, as is the signature of `feed` below.
    const KEY: &str = "RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5";
    const OTHER: &str = "RWTDT8Qikx5b9kYJmxwQLvjV49vyVTpbsflhZzXlG6IX+bxRN5g/Bzn4";
    const SIGNATURE: &str = "untrusted comment: signature\nRUSQJ3D0IPdz7B3SHobG6Gr3qszgo+81YvmYNITJVWnLOIsMQz+EzWdAFwu571ICbE1Bcz3evnx+1rJn6VPG5Fj0yjK3G8/M6Ak=\ntrusted comment: feed\nrQ4d4/ZZ06n0pOQwxV53OLsJJIXWac6VYhg3xcoONXbuahodvtp+/vvcPsIN2894rlQTqrVDHVZyLtU53MPyDQ==\n";
    const LEGACY: &str = "untrusted comment: signature\nRWSQJ3D0IPdz7AyjHXklaf2KwjDzNn+ssywmbFSu3pAaIlom5hq9+u9LJeoXrRYSeg+i14847GPbmdXvWQ5c10a9uBNb8eRyFAo=\ntrusted comment: feed\nR/8ao0tnc2zou6ovMiL688DQO9iTCwO2O/rrKtbZjrTpufE2SCeN3ywJNsRjzWhIoLMFaknSZX6KRTIgOJ5NAw==\n";
    const FEED: &[u8] = b"{\"format\":1}\n";

    fn keys(texts: &[&str]) -> Keys {
        Keys::new(texts.iter().map(|text| text.parse().unwrap()).collect()).unwrap()
    }

    #[test]
    fn only_these_octets_by_this_key_are_believed() {
        let (key, other) = (keys(&[KEY]), keys(&[OTHER]));
        assert_eq!(key.verify(FEED, Some(SIGNATURE.as_bytes())), Ok(()));
        assert_eq!(key.verify(FEED, Some(LEGACY.as_bytes())), Ok(()));
        assert_eq!(key.verify(FEED, None), Err(FeedError::Unsigned));
        let says = |keys: &Keys, octets: &[u8], signature: &[u8]| {
            keys.verify(octets, Some(signature)).unwrap_err().to_string()
        };
        assert!(
            says(&key, b"{\"format\":1}", SIGNATURE.as_bytes()).contains("not of these octets")
        );
        let error = says(&other, FEED, SIGNATURE.as_bytes());
        let ids = [&key, &other].map(|keys| keys.iter().next().unwrap().id());
        let words = format!("of another key than `public-key`: of {}, expected {}", ids[0], ids[1]);
        assert!(error.ends_with(&words), "{error}");
        for (page, words) in [
            (&b"<html>404</html>"[..], "a web page"),
            (b"\n<!DOCTYPE html><html></html>", "a web page"),
            (b"<h\xc3\xa9", "no minisign signature"),
            (b"signed, really", "no minisign signature"),
            (b"", "no minisign signature"),
            (b"\xff", "no text"),
        ] {
            assert!(says(&key, FEED, page).contains(words), "{page:?}");
        }
        for none in ["RWQ", "", "RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5 "] {
            assert_eq!(none.parse::<Key>(), Err(NotAKey), "{none:?}");
        }
    }

    #[test]
    fn one_of_several_keys_is_enough() {
        for order in [[KEY, OTHER], [OTHER, KEY]] {
            assert_eq!(keys(&order).verify(FEED, Some(SIGNATURE.as_bytes())), Ok(()));
            assert!(keys(&order).verify(b"{}", Some(SIGNATURE.as_bytes())).is_err());
        }
        assert_eq!(Keys::new(Vec::new()), None);
    }

    /// `minisign -G` writes the number into the comment of the public key.
    #[test]
    fn keys_are_numbered_as_minisign_does() {
        let key: Key = "RWQUJLJnzpXKv0odIkW4m8QVULCE8jngFbRH9UkKwSKXhqoLU4BZZN/o".parse().unwrap();
        assert_eq!(key.id().to_string(), "BFCA95CE67B22414");
    }

    proptest! {
        #[test]
        fn a_changed_signature_is_never_believed(at in 0usize..400, octet in any::<u8>(), cut in 0usize..300) {
            let key = keys(&[KEY]);
            let mut signature = SIGNATURE.as_bytes().to_vec();
            let at = at % signature.len();
            signature[at] = octet;
            signature.truncate(signature.len() - cut % signature.len());
            // The first line is a remark that nobody signs, and Base64 leaves bits of its last character unused.
            let signed: Vec<&[u8]> = signature.split(|octet| *octet == b'\n').skip(1).collect();
            let original: Vec<&[u8]> = SIGNATURE.as_bytes().split(|octet| *octet == b'\n').skip(1).collect();
            let believed = key.verify(FEED, Some(&signature)).is_ok();
            prop_assert!(!believed || signed.iter().zip(&original).all(|(a, b)| a.trim_ascii() == b.trim_ascii()));
        }
    }
}
