//! Signs the feed in the format of minisign.

use std::io::Cursor;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use domain::utils::base64;
use minisign::{PublicKey, SecretKey, SecretKeyBox};

use cvdns_core::health::{Key, KeyId};
use cvdns_io::read_bytes;

/// The largest size of a key file in octets; it has two lines.
const MAX_KEY: u64 = 64 << 10;

/// Octets of a secret key, and of the checksum at its end (minisign's "Secret key format").
const SECRET_KEY: usize = 158;
const CHECKSUM: usize = 32;

/// A secret key.
pub struct Signer(SecretKey);

impl Signer {
    /// Reads a secret key file.
    ///
    /// # Errors
    /// When the file cannot be read, is no secret key, or has a password. The error names the file
    /// and says what to do.
    pub fn load(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = String::from_utf8(read_bytes(path, MAX_KEY)?)
            .map_err(|_| format!("{shown} is not text; expected a minisign secret key file"))?;
        if let Some(key) = without_checksum(&text) {
            return Ok(Self(key));
        }
        let key =
            SecretKeyBox::from_string(&text).and_then(SecretKeyBox::into_unencrypted_secret_key);
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

    /// Whether anyone but the owner may read or write the file.
    pub fn is_open(path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o077 != 0)
    }

    /// The public key that belongs to it; `None` if the file does not contain one.
    pub fn public_key(&self) -> Option<Key> {
        PublicKey::from_secret_key(&self.0).ok()?.to_base64().parse().ok()
    }

    /// The number of the key, for display.
    pub fn id(&self) -> String {
        KeyId::of(self.0.keynum()).map(|id| id.to_string()).unwrap_or_default()
    }

    /// The content of the signature file. `comment` is signed too.
    ///
    /// # Errors
    /// When the library fails to sign.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> Result<String, String> {
        let signed =
            minisign::sign(None, &self.0, bytes, Some(comment), Some("signature of the feed"));
        signed
            .map(minisign::SignatureBox::into_string)
            .map_err(|error| format!("cannot sign the feed: {error}"))
    }
}

/// The key of a file without a password whose checksum is all zeros. minisign up to 0.11 (Debian
/// 12) writes no checksum into such files and does not check it. A test signature shows whether the
/// key is intact.
fn without_checksum(text: &str) -> Option<SecretKey> {
    let octets: Vec<u8> = base64::decode(text.lines().nth(1)?.trim()).ok()?;
    let has_password = octets.get(2..4)? != [0, 0];
    let checksum = octets.get(SECRET_KEY - CHECKSUM..)?;
    if has_password || octets.len() != SECRET_KEY || checksum.iter().any(|octet| *octet != 0) {
        return None;
    }
    let key = SecretKey::from_bytes(&octets).ok()?;
    let public = PublicKey::from_secret_key(&key).ok()?;
    let signature = minisign::sign(None, &key, Cursor::new(b"test"), None, None).ok()?;
    let good = minisign::verify(&public, &signature, Cursor::new(b"test"), true, false, false);
    good.is_ok().then_some(key)
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

    /// A key as `minisign -G -W` of minisign 0.11 writes it: 32 zeros in place of the checksum.
    #[test]
    fn a_key_without_a_checksum_signs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let mut octets = pair.sk.to_bytes();
        octets[SECRET_KEY - CHECKSUM..].fill(0);
        let write = |octets: &[u8]| {
            let text = base64::encode_string(octets);
            std::fs::write(
                &path,
                format!("untrusted comment: minisign unencrypted secret key\n{text}\n"),
            )
            .unwrap();
        };
        write(&octets);
        let signer = Signer::load(&path).unwrap();
        assert_eq!(signer.public_key().unwrap().id().to_string(), signer.id());
        let signature =
            SignatureBox::from_string(&signer.sign(b"the feed", "serial:7").unwrap()).unwrap();
        let read = std::io::Cursor::new(b"the feed");
        verify(&pair.pk, &signature, read, true, false, false).unwrap();
        // Without a checksum, the test signature detects a changed key.
        octets[SECRET_KEY - CHECKSUM - 1] ^= 1;
        write(&octets);
        let error = Signer::load(&path).map(|_| ()).unwrap_err();
        assert!(error.contains("is no minisign secret key"), "{error}");
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
        for none in
            ["", "one line", "untrusted comment: a\n%%%\n", "untrusted comment: a\nUldRWQ==\n"]
        {
            assert!(says(none).contains("is no minisign secret key"), "{}", says(none));
        }
        assert!(
            Signer::load(&dir.path().join("none")).map(|_| ()).unwrap_err().contains("cannot read")
        );
    }
}
