//! DNSSEC (RFC 4033 to 4035), as far as it needs neither files nor cryptography: keys, what a
//! signature covers, when it is valid, and the chain of names that denies the others.

mod algorithm;
mod dnskey;
mod signing;

pub use algorithm::Algorithm;
pub use dnskey::Dnskey;
pub use signing::{ForeignSignature, PrivateKey, SIGNATURE, Signature, SigningKey, ZoneSigning};
