//! The certificate authorities that are trusted.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::tls::Certificate;

use cvdns_io::read_bytes;

/// Most octets of a file of certificates. Those of all public authorities have 220 KB.
const MAX_FILE: u64 = 16 << 20;

/// The authorities that may certify a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TrustedRoots {
    /// Those that the system trusts when a fetcher is made.
    #[default]
    System,
    /// Only these.
    Given(Vec<CertificateDer<'static>>),
}

impl TrustedRoots {
    /// Reads a file of certificates in PEM (RFC 7468 section 5).
    ///
    /// # Errors
    /// When the file cannot be read, has no certificate, or has one that is no authority's.
    pub(in crate::load) fn read(path: &Path) -> Result<Self, String> {
        let octets = read_bytes(path, MAX_FILE)?;
        let mut certificates = Vec::new();
        for (number, found) in CertificateDer::pem_slice_iter(&octets).enumerate() {
            let wrong = |error: String| {
                format!("certificate {} of {}: {error}", number + 1, path.display())
            };
            let certificate = found.map_err(|error| wrong(error.to_string()))?;
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|error| wrong(error.to_string()))?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(format!("{} has no certificate", path.display()));
        }
        Ok(Self::Given(certificates))
    }

    /// All certificates; of the system's, those that can be read.
    pub(super) fn certificates(&self) -> Result<Vec<Certificate<'static>>, String> {
        let own = |certificate: &CertificateDer<'_>| Certificate::from_der(certificate).to_owned();
        match self {
            Self::Given(certificates) => Ok(certificates.iter().map(own).collect()),
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                if found.certs.is_empty() {
                    let first = found.errors.first().map(ToString::to_string);
                    return Err(first.unwrap_or_else(|| "there are none".to_owned()));
                }
                Ok(found.certs.iter().map(own).collect())
            }
        }
    }
}
