//! Signs the feed in minisign's format.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use minisign::{SecretKey, SecretKeyBox};
use tracing::warn;

use crate::load::read_bytes;

/// Most octets of a key file: it has two lines.
const MAX_KEY: u64 = 64 << 10;

/// A key to sign with.
pub(super) struct Signer(SecretKey);

impl Signer {
    /// Reads a secret key file.
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let open = std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o077 != 0);
        if open {
            warn!("others than its owner can use the secret key {shown}: chmod 600 takes that from them");
        }
        let text = String::from_utf8(read_bytes(path, MAX_KEY)?)
            .map_err(|_| format!("{shown} is not text; expected a minisign secret key file"))?;
        let key = SecretKeyBox::from_string(&text).and_then(SecretKeyBox::into_unencrypted_secret_key);
        key.map(Self).map_err(|error| {
            if error.to_string().contains("encrypted") {
                format!(
                    "the secret key {shown} has a password, and nobody is there to type it: make one without by `minisign -G -W`"
                )
            } else {
                format!("{shown} is no minisign secret key ({error}): `minisign -G -W` makes one")
            }
        })
    }

    /// The signature file's content; `comment` is signed too.
    pub(super) fn sign(&self, bytes: &[u8], comment: &str) -> Result<String, String> {
        let signed = minisign::sign(None, &self.0, bytes, Some(comment), Some("signature of the feed"));
        signed
            .map(minisign::SignatureBox::into_string)
            .map_err(|error| format!("cannot sign the feed: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use minisign::{KeyPair, SignatureBox, verify};

    #[test]
    fn a_feed_is_signed_as_minisign_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        std::fs::write(&path, pair.sk.to_box(None).unwrap().into_string()).unwrap();
        let text = Signer::load(&path).unwrap().sign(b"the feed", "serial:7").unwrap();
        let signature = SignatureBox::from_string(&text).unwrap();
        assert_eq!(signature.trusted_comment().unwrap(), "serial:7");
        let good = |bytes: &[u8]| {
            verify(&pair.pk, &signature, std::io::Cursor::new(bytes), true, false, false).is_ok()
        };
        assert!(good(b"the feed") && !good(b"the feeds"));
    }

    #[test]
    fn keys_that_cannot_be_used_are_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let says = |content: &str| {
            std::fs::write(&path, content).unwrap();
            Signer::load(&path).map(|_| ()).unwrap_err()
        };
        let locked = KeyPair::generate_encrypted_keypair(Some("secret".to_owned())).unwrap();
        let locked = locked.sk.to_box(None).unwrap().into_string();
        assert!(says(&locked).contains("has a password"), "{}", says(&locked));
        for none in ["", "one line", "untrusted comment: a\n%%%\n", "untrusted comment: a\nUldRWQ==\n"] {
            assert!(says(none).contains("is no minisign secret key"), "{}", says(none));
        }
        assert!(Signer::load(&dir.path().join("none")).map(|_| ()).unwrap_err().contains("cannot read"));
    }
}
