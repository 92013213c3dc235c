//! New keys, and the files in which they are kept.

use std::fmt::Write as _;

use cvdns_core::dnssec::{Algorithm, Dnskey};
use cvdns_core::wire::name::Name;
use domain::utils::base64;
use jiff::Timestamp;

use crate::file_name::KeyFileName;
use crate::key_pair::{KeyPair, PairError};
use crate::timing::{self, KeyTiming};

/// A key that was just made, as the texts of its files.
pub struct NewKey {
    /// The public key.
    pub dnskey: Dnskey,
    /// What the files are called, without their extensions.
    pub name: KeyFileName,
    /// The text of the file of the public key.
    pub public_text: String,
    /// The text of the file of the private key.
    pub private_text: String,
}

impl NewKey {
    /// Makes a key of a zone that has these moments. `flags` are those of the DNSKEY record.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate(
        zone: &Name,
        algorithm: Algorithm,
        flags: u16,
        timing: &KeyTiming,
    ) -> Result<Self, PairError> {
        let (pair, secret) = KeyPair::generate(algorithm, flags)?;
        let dnskey = pair.dnskey().clone();
        let name =
            KeyFileName { zone: zone.clone(), algorithm: algorithm.number(), tag: dnskey.tag() };
        let public_text = public_text(zone, &dnskey, timing);
        let private_text = private_text(algorithm, &secret, timing);
        Ok(Self { dnskey, name, public_text, private_text })
    }
}

/// The file of the public key, as `dnssec-keygen` of BIND writes it.
fn public_text(zone: &Name, key: &Dnskey, timing: &KeyTiming) -> String {
    let zone = absolute(zone);
    let kind = if key.is_key_signing() { "key-signing" } else { "zone-signing" };
    let mut out = format!("; This is a {kind} key, keyid {}, for {zone}\n", key.tag());
    for (name, moment) in timing.named() {
        let Some(moment) = moment else { continue };
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "; {name}: {} ({})",
            timing::text(moment),
            moment.strftime("%a %b %e %H:%M:%S %Y")
        );
    }
    let data = base64::encode_string(&key.public_key);
    let _ = writeln!(out, "{zone} IN DNSKEY {} 3 {} {data}", key.flags, key.algorithm.number());
    out
}

/// The file of the private key, as `dnssec-keygen` of BIND writes it.
fn private_text(algorithm: Algorithm, secret: &[u8], timing: &KeyTiming) -> String {
    let mut out = format!(
        "Private-key-format: v1.3\nAlgorithm: {} ({algorithm})\nPrivateKey: {}\n",
        algorithm.number(),
        base64::encode_string(secret)
    );
    let moments: Vec<(&str, Timestamp)> =
        timing.named().into_iter().filter_map(|(name, moment)| Some((name, moment?))).collect();
    for (name, moment) in moments {
        let _ = writeln!(out, "{name}: {}", timing::text(moment));
    }
    out
}

/// The zone's name with its final dot.
fn absolute(zone: &Name) -> String {
    if zone.wire().len() == 1 { ".".to_owned() } else { format!("{zone}.") }
}
