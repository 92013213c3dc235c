//! Reads the certificate of encrypted transports, and its private key.
//!
//! `chain` reads the certificates and puts them in order, `private_key` the key, both from a
//! `pem_file`, and `validity` says what is wrong with a certificate at a moment.

mod chain;
mod pem_file;
mod private_key;
#[cfg(test)]
mod tests;
mod validity;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys};

use cvdns_core::config::{Config, Tls};
use cvdns_core::problem::Problems;
use cvdns_core::problem::table::Placed;
use cvdns_io::{FileVersion, beside};

use pem_file::PemFile;

pub use validity::Validity;

/// What encrypted transports need: where they listen, and with which certificate.
#[derive(Debug, Clone)]
pub struct LoadedTls {
    /// The certificate, followed by those that lead to its authority, with its private key. They
    /// belong together. Nothing of the key is shown by `Debug`.
    pub certified: Arc<CertifiedKey>,
    /// When the certificate expires, to the second.
    pub not_after: Timestamp,
    /// The period in which the certificate is valid.
    pub validity: Validity,
    /// Names that the certificate is for: its DNS names in their order, and the addresses of the
    /// lists below that it has.
    pub names: Vec<String>,
    /// Addresses of DNS over TLS, for TCP.
    pub dot: Vec<SocketAddr>,
    /// Addresses of DNS over QUIC, for UDP.
    pub doq: Vec<SocketAddr>,
    /// Addresses of DNS over HTTPS, for TCP.
    pub doh: Vec<SocketAddr>,
    /// Most connections at once over all encrypted transports.
    pub connections: usize,
    /// The files that certificate and key were read from.
    pub files: CertificateFiles,
    /// The versions of the files that were read.
    pub version: CertificateVersion,
}

/// The files of a certificate and its private key.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    certificate: PemFile,
    key: PemFile,
}

/// Tells versions of certificate and key apart: paths, and what was in their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateVersion([(PathBuf, Option<FileVersion>); 2]);

/// A certificate that was read, as [`LoadedTls`] has it.
struct Certificate {
    certified: CertifiedKey,
    validity: Validity,
    names: Vec<String>,
}

impl LoadedTls {
    /// Reads the files that a configuration names, as of a moment. All problems are noted. `None`
    /// without `[tls]`, and if there are errors.
    pub(crate) fn of(
        path: &Path,
        config: &Config,
        now: Timestamp,
        problems: &mut Problems,
    ) -> Option<Self> {
        let tls = config.tls.as_ref()?;
        let files = CertificateFiles::of(path, tls);
        let version = files.version();
        let addresses = [&tls.dot, &tls.doq, &tls.doh];
        let addresses = addresses.into_iter().flatten().copied();
        let Certificate { certified, validity, names } = files.read(addresses, now, problems)?;
        Some(Self {
            certified: Arc::new(certified),
            not_after: validity.not_after,
            validity,
            names,
            dot: tls.dot.clone(),
            doq: tls.doq.clone(),
            doh: tls.doh.clone(),
            connections: tls.connections,
            files,
            version,
        })
    }

    /// Reads the same files again, as of a moment. All problems are noted. `None` if there are
    /// errors.
    pub fn read_again(&self, now: Timestamp, problems: &mut Problems) -> Option<Self> {
        let version = self.files.version();
        let Certificate { certified, validity, names } =
            self.files.read(self.addresses(), now, problems)?;
        Some(Self {
            certified: Arc::new(certified),
            not_after: validity.not_after,
            validity,
            names,
            version,
            ..self.clone()
        })
    }

    /// The addresses of all transports, in the order of the lists.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        [&self.dot, &self.doq, &self.doh].into_iter().flatten().copied()
    }
}

impl CertificateFiles {
    fn of(path: &Path, tls: &Tls) -> Self {
        let file = |named: &Placed<String>| PemFile {
            path: beside(path, &named.value),
            location: named.location.clone(),
        };
        Self { certificate: file(&tls.certificate), key: file(&tls.key) }
    }

    /// The paths of certificate and key.
    pub fn paths(&self) -> [&Path; 2] {
        [&self.certificate.path, &self.key.path]
    }

    /// The versions that are there now.
    pub fn version(&self) -> CertificateVersion {
        CertificateVersion(self.paths().map(|path| (path.to_owned(), FileVersion::of(path))))
    }

    /// Reads both files. What is wrong with either is found in one go.
    fn read(
        &self,
        addresses: impl Iterator<Item = SocketAddr>,
        now: Timestamp,
        problems: &mut Problems,
    ) -> Option<Certificate> {
        let chain = chain::read(&self.certificate, problems);
        let key = private_key::read(&self.key, problems);
        let chain = match (chain, &key) {
            (Some(chain), Some(key)) => self.in_order(chain, &**key, problems)?,
            // The dates of the first are most likely those of the server's.
            (Some(chain), None) => chain,
            (None, _) => return None,
        };
        let leaf = chain.first()?;
        let validity = validity::of(leaf, &self.certificate.whole(), problems);
        if let Some((what, help)) = validity.and_then(|validity| validity.warning(now)) {
            problems.warning(self.certificate.whole(), what, help);
        }
        let names = chain::names(leaf, addresses);
        let certified = CertifiedKey::new(chain, key?);
        // Keys that do not say which public key is theirs cannot be compared.
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(_) => self.note_other_key(problems)?,
        }
        Some(Certificate { certified, validity: validity?, names })
    }

    /// The certificates in order, that of the key first. `None` if the key is that of no one.
    fn in_order(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: &dyn SigningKey,
        problems: &mut Problems,
    ) -> Option<Vec<CertificateDer<'static>>> {
        let Some(public) = key.public_key() else { return Some(chain) };
        let Some(number) = chain::position_of(&chain, &public) else {
            return self.note_other_key(problems);
        };
        Some(chain::in_order(chain, number, &self.certificate.whole(), problems))
    }

    /// Notes that certificate and key do not belong together.
    fn note_other_key<T>(&self, problems: &mut Problems) -> Option<T> {
        let what = format!(
            "the private key does not belong to the certificate in {}",
            self.certificate.path.display()
        );
        let help =
            "name the key that the certificate was requested with; both are replaced together";
        problems.error(self.key.whole(), what, help);
        None
    }
}
