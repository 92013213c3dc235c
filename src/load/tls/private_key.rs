//! The private key of a certificate.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::sign::SigningKey;

use super::pem_file::{PemFile, has_section};
use cvdns_core::problem::Problems;

/// Kinds of keys that the provider has, and what is no key for it.
const KINDS: &str = "make an ECDSA key (P-256 or P-384), an Ed25519 key or an RSA key of 2048 to \
                     4096 bits, and have the certificate issued for it";

/// Reads the first private key of a file: PKCS #8, SEC 1 or PKCS #1. Messages say nothing of what
/// is in it.
pub(super) fn read(file: &PemFile, problems: &mut Problems) -> Option<Arc<dyn SigningKey>> {
    let help = "name the private key of the certificate in `key` of [tls], readable by the \
                server's account alone (docs/encrypted.md)";
    let octets = file.octets(help, problems)?;
    let found = PrivateKeyDer::from_pem_slice(&octets);
    let Ok(key) = found else {
        note_none(file, &octets, found.err().as_ref(), problems);
        return None;
    };
    warn_of_mode(file, problems);
    let key = ring::sign::any_supported_type(&key).ok();
    if key.is_none() {
        let what = "the private key is of no supported kind, or is damaged";
        problems.error(file.whole(), what, KINDS);
    }
    key
}

/// Notes that a file has no private key that can be read.
fn note_none(file: &PemFile, octets: &[u8], error: Option<&Error>, problems: &mut Problems) {
    let (what, help) = if is_encrypted(octets) {
        (
            "the private key has a password, and nobody is there to enter it",
            "take it off: openssl pkey -in FILE -out NEW, which only the server's account may read",
        )
    } else if !has_section(octets, "") {
        (
            "the file is not PEM: no line is -----BEGIN PRIVATE KEY-----",
            "if it is DER, convert it: openssl pkey -inform DER -in FILE -out key.pem",
        )
    } else if matches!(error, Some(Error::NoItemsFound)) {
        (
            "there is no private key in the file: no line is -----BEGIN PRIVATE KEY-----",
            "name the file of the private key in `key` of [tls], and that of the certificate in \
             `certificate`",
        )
    } else {
        ("the private key is damaged: it is not PEM to its end", "copy the file once more")
    };
    problems.error(file.whole(), what, help);
}

/// Whether the key has a password: RFC 7468 section 11, and the older form of RFC 1421 section
/// 4.6.1.1.
fn is_encrypted(octets: &[u8]) -> bool {
    const OLDER: &[u8] = b"Proc-Type: 4,ENCRYPTED";
    has_section(octets, "ENCRYPTED PRIVATE KEY")
        || octets.windows(OLDER.len()).any(|part| part == OLDER)
}

fn warn_of_mode(file: &PemFile, problems: &mut Problems) {
    if std::fs::metadata(&file.path).is_ok_and(|metadata| metadata.mode() & 0o007 != 0) {
        let what =
            "every account of this machine can read or change the private key of the certificate";
        let help = "whoever has it can pass for this server: chmod o= the file";
        problems.warning(file.whole(), what, help);
    }
}
