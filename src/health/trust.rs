//! Whose feeds are believed: those with a signature of the coordinator's minisign key.

use std::fmt;
use std::str::FromStr;

use minisign_verify::{Error, PublicKey, Signature};

use super::FeedError;

/// The coordinator's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(PublicKey);

/// What is appended to a feed's path or URL for that of its signature.
pub const SIGNATURE_EXTENSION: &str = ".minisig";

impl Key {
    /// Whether a feed, octet by octet, is signed with this key.
    ///
    /// # Errors
    /// When there is no signature, or it is not one of this key over these octets.
    pub fn verify(&self, octets: &[u8], signature: Option<&[u8]>) -> Result<(), FeedError> {
        let Some(signature) = signature else { return Err(FeedError::Unsigned) };
        let wrong = |what: &str| FeedError::WrongSignature(what.to_owned());
        let text = std::str::from_utf8(signature).map_err(|_| wrong("it is no text"))?;
        let signature = Signature::decode(text).map_err(|_| wrong("it is no minisign signature"))?;
        // The older form, which minisign makes with -l, signs the octets themselves and is no weaker.
        self.0.verify(octets, &signature, true).map_err(|error| match error {
            Error::UnexpectedKeyId => wrong("it is of another key than `public-key`"),
            _ => wrong("it is not of these octets"),
        })
    }
}

impl FromStr for Key {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        PublicKey::from_base64(text).map(Self).map_err(|_| NotAKey)
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

    #[test]
    fn only_these_octets_by_this_key_are_believed() {
        let key: Key = KEY.parse().unwrap();
        assert_eq!(key.verify(FEED, Some(SIGNATURE.as_bytes())), Ok(()));
        assert_eq!(key.verify(FEED, Some(LEGACY.as_bytes())), Ok(()));
        assert_eq!(key.verify(FEED, None), Err(FeedError::Unsigned));
        let says = |key: &Key, octets: &[u8], signature: &[u8]| {
            key.verify(octets, Some(signature)).unwrap_err().to_string()
        };
        assert!(says(&key, b"{\"format\":1}", SIGNATURE.as_bytes()).contains("not of these octets"));
        assert!(says(&OTHER.parse().unwrap(), FEED, SIGNATURE.as_bytes()).contains("another key"));
        assert!(says(&key, FEED, b"<html>").contains("no minisign signature"));
        assert!(says(&key, FEED, b"\xff").contains("no text"));
        assert_eq!("RWQ".parse::<Key>(), Err(NotAKey));
    }

    proptest! {
        #[test]
        fn a_changed_signature_is_never_believed(at in 0usize..400, octet in any::<u8>(), cut in 0usize..300) {
            let key: Key = KEY.parse().unwrap();
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
