//! Signatures of feeds: a feed must be signed with one of the coordinator's minisign keys.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use minisign_verify::{Error, PublicKey, Signature};

use super::{FeedError, KeyId, NotAKey, SignatureFault};

/// The public keys of `public-key`, at least one. A feed is accepted if one of them verifies its
/// signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(Vec<Key>);

/// A minisign public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    key: PublicKey,
    id: KeyId,
}

/// Suffix of a signature's path or URL, appended to that of the feed.
pub const SIGNATURE_EXTENSION: &str = ".minisig";

/// The path of a feed's signature.
pub fn signature_path(feed: &Path) -> PathBuf {
    let mut path = feed.as_os_str().to_owned();
    path.push(SIGNATURE_EXTENSION);
    path.into()
}

impl Keys {
    /// The keys; `None` if there are none, because then no feed could be accepted.
    pub fn new(keys: Vec<Key>) -> Option<Self> {
        if keys.is_empty() { None } else { Some(Self(keys)) }
    }

    /// Returns the keys in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// Checks that the octets of a feed are signed with one of the keys.
    ///
    /// # Errors
    /// If there is no signature, or it is not a signature of these octets by one of these keys. The
    /// error names the keys.
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
        let mut names_accepted_key = false;
        for Key { key, .. } in &self.0 {
            // Legacy signatures (minisign -l) sign the octets instead of their hash, and are no
            // weaker.
            match key.verify(octets, &signature, true) {
                Ok(()) => return Ok(()),
                Err(Error::UnexpectedKeyId) => {}
                Err(_) => names_accepted_key = true,
            }
        }
        if names_accepted_key {
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
    /// The key ID.
    pub fn id(&self) -> KeyId {
        self.id
    }
}

/// Whether a text is HTML, which a web server sends in place of a missing file, or as a login page.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made by minisign 0.11, as are the signatures of `FEED` below.
    const KEY: &str = "RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5";
    const OTHER: &str = "RWTDT8Qikx5b9kYJmxwQLvjV49vyVTpbsflhZzXlG6IX+bxRN5g/Bzn4";
    const SIGNATURE: &str = "untrusted comment: signature\nRUSQJ3D0IPdz7B3SHobG6Gr3qszgo+81YvmYNITJVWnLOIsMQz+EzWdAFwu571ICbE1Bcz3evnx+1rJn6VPG5Fj0yjK3G8/M6Ak=\ntrusted comment: feed\nrQ4d4/ZZ06n0pOQwxV53OLsJJIXWac6VYhg3xcoONXbuahodvtp+/vvcPsIN2894rlQTqrVDHVZyLtU53MPyDQ==\n";
    const LEGACY: &str = "untrusted comment: signature\nRWSQJ3D0IPdz7AyjHXklaf2KwjDzNn+ssywmbFSu3pAaIlom5hq9+u9LJeoXrRYSeg+i14847GPbmdXvWQ5c10a9uBNb8eRyFAo=\ntrusted comment: feed\nR/8ao0tnc2zou6ovMiL688DQO9iTCwO2O/rrKtbZjrTpufE2SCeN3ywJNsRjzWhIoLMFaknSZX6KRTIgOJ5NAw==\n";
    const FEED: &[u8] = b"{\"format\":1}\n";

    fn keys(texts: &[&str]) -> Keys {
        Keys::new(texts.iter().map(|text| text.parse().unwrap()).collect()).unwrap()
    }

    #[test]
    fn only_signatures_of_these_octets_by_this_key_are_valid() {
        let (key, other) = (keys(&[KEY]), keys(&[OTHER]));
        assert_eq!(key.verify(FEED, Some(SIGNATURE.as_bytes())), Ok(()));
        assert_eq!(key.verify(FEED, Some(LEGACY.as_bytes())), Ok(()));
        assert_eq!(key.verify(FEED, None), Err(FeedError::Unsigned));
        let says = |keys: &Keys, octets: &[u8], signature: &[u8]| {
            keys.verify(octets, Some(signature)).unwrap_err().to_string()
        };
        assert!(
            says(&key, b"{\"format\":1}", SIGNATURE.as_bytes())
                .contains("does not match these octets")
        );
        let error = says(&other, FEED, SIGNATURE.as_bytes());
        let ids = [&key, &other].map(|keys| keys.iter().next().unwrap().id());
        let words = format!("a key other than `public-key`: with {}, expected {}", ids[0], ids[1]);
        assert!(error.ends_with(&words), "{error}");
        for (page, words) in [
            (&b"<html>404</html>"[..], "a web page"),
            (b"\n<!DOCTYPE html><html></html>", "a web page"),
            (b"<h\xc3\xa9", "not a minisign signature"),
            (b"signed, really", "not a minisign signature"),
            (b"", "not a minisign signature"),
            (b"\xff", "not text"),
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

    /// `minisign -G` writes the key ID into the comment of the public key.
    #[test]
    fn key_ids_are_those_of_minisign() {
        let key: Key = "RWQUJLJnzpXKv0odIkW4m8QVULCE8jngFbRH9UkKwSKXhqoLU4BZZN/o".parse().unwrap();
        assert_eq!(key.id().to_string(), "BFCA95CE67B22414");
    }

    proptest! {
        #[test]
        fn a_changed_signature_is_never_valid(at in 0usize..400, octet in any::<u8>(), cut in 0usize..300) {
            let key = keys(&[KEY]);
            let mut signature = SIGNATURE.as_bytes().to_vec();
            let at = at % signature.len();
            signature[at] = octet;
            signature.truncate(signature.len() - cut % signature.len());
            // The first line is an unsigned comment, and Base64 leaves bits of its last character
            // unused.
            let signed: Vec<&[u8]> = signature.split(|octet| *octet == b'\n').skip(1).collect();
            let original: Vec<&[u8]> = SIGNATURE.as_bytes().split(|octet| *octet == b'\n').skip(1).collect();
            let valid = key.verify(FEED, Some(&signature)).is_ok();
            prop_assert!(!valid || signed.iter().zip(&original).all(|(a, b)| a.trim_ascii() == b.trim_ascii()));
        }
    }
}
