//! The certificates of a file: the server's, and those that lead to its authority.

use std::net::SocketAddr;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer};
use webpki::EndEntityCert;

use super::pem_file::{PemFile, has_section};
use cvdns_core::problem::{Location, Problems};

/// What to do about certificates in another order (RFC 8446 section 4.4.2).
const ORDER_HELP: &str = "clients may not find the way to the authority: write the certificate of \
                          the server first, and after each that of its issuer";

/// Reads the certificates in their order, at least one.
pub(super) fn read(
    file: &PemFile,
    problems: &mut Problems,
) -> Option<Vec<CertificateDer<'static>>> {
    let help = "name the certificate of the server in `certificate` of [tls], readable by the \
                server's account (docs/encrypted.md)";
    let octets = file.octets(help, problems)?;
    let mut chain = Vec::new();
    for (number, found) in CertificateDer::pem_slice_iter(&octets).enumerate() {
        let read = found.map_err(|_| "it is not PEM to its end".to_owned());
        let read = read.and_then(|certificate: CertificateDer<'static>| {
            let parsed = EndEntityCert::try_from(&certificate).map(drop);
            parsed.map_err(|error| error.to_string()).map(|()| certificate)
        });
        match read {
            Ok(certificate) => chain.push(certificate),
            Err(error) => {
                let what =
                    format!("certificate {} in the file cannot be read: {error}", number + 1);
                let help = "copy the file once more, or have the certificate issued again";
                problems.error(file.whole(), what, help);
                return None;
            }
        }
    }
    if chain.is_empty() {
        note_none(file, &octets, problems);
        return None;
    }
    Some(chain)
}

/// Notes that a file has no certificate.
fn note_none(file: &PemFile, octets: &[u8], problems: &mut Problems) {
    let (what, help) = if has_section(octets, "") {
        (
            "there is no certificate in the file: no line is -----BEGIN CERTIFICATE-----",
            "name the file of the certificate in `certificate` of [tls], and that of its private \
             key in `key`",
        )
    } else {
        (
            "the file is not PEM: no line is -----BEGIN CERTIFICATE-----",
            "if it is DER, convert it: openssl x509 -inform DER -in FILE -out fullchain.pem",
        )
    };
    problems.error(file.whole(), what, help);
}

/// The place of the certificate with this public key.
pub(super) fn position_of(
    chain: &[CertificateDer<'_>],
    public: &SubjectPublicKeyInfoDer<'_>,
) -> Option<usize> {
    chain.iter().position(|certificate| {
        EndEntityCert::try_from(certificate)
            .is_ok_and(|parsed| parsed.subject_public_key_info() == *public)
    })
}

/// Puts the certificate at the place `leaf` first, and after each that of its issuer, as far as
/// there are such. Warns if they were in another order.
pub(super) fn in_order(
    mut chain: Vec<CertificateDer<'static>>,
    leaf: usize,
    file: &Location,
    problems: &mut Problems,
) -> Vec<CertificateDer<'static>> {
    let mut ordered = vec![chain.remove(leaf)];
    let mut without_issuer = None;
    while !chain.is_empty() {
        let next = ordered.last().and_then(|last| chain.iter().position(|of| issued(of, last)));
        if next != Some(0) {
            without_issuer.get_or_insert(ordered.len());
        }
        match next {
            Some(next) => ordered.push(chain.remove(next)),
            None => ordered.append(&mut chain),
        }
    }
    let what = match (leaf, without_issuer) {
        (0, None) => return ordered,
        (0, Some(number)) => {
            format!("certificate {number} in the file is not followed by that of its issuer")
        }
        (leaf, _) => {
            let number = leaf + 1;
            format!(
                "the certificate of the server is number {number} in the file, and belongs first"
            )
        }
    };
    problems.warning(file.clone(), what, ORDER_HELP);
    ordered
}

/// Whether a certificate is that of the issuer of another, by their names (RFC 5280 section 6.1.3).
fn issued(issuer: &CertificateDer<'_>, certificate: &CertificateDer<'_>) -> bool {
    let (issuer, of) = (EndEntityCert::try_from(issuer), EndEntityCert::try_from(certificate));
    matches!((issuer, of), (Ok(issuer), Ok(of)) if issuer.subject() == of.issuer())
}

/// The DNS names of a certificate in their order, and those of these addresses that it has.
pub(super) fn names(
    certificate: &CertificateDer<'_>,
    addresses: impl Iterator<Item = SocketAddr>,
) -> Vec<String> {
    let Ok(parsed) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    let mut names: Vec<String> = parsed.valid_dns_names().map(str::to_owned).collect();
    for address in addresses {
        let name = address.ip().to_string();
        let is_valid =
            parsed.verify_is_valid_for_subject_name(&ServerName::from(address.ip())).is_ok();
        if is_valid && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
