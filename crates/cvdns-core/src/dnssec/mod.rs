//! DNSSEC (RFC 4033 to 4035), as far as it needs neither files nor cryptography: keys, what a
//! signature covers, when it is valid, and the records that deny names.

mod algorithm;
mod dnskey;
mod nsec;
mod order;
mod rrsig;
mod signing;
mod validity;

pub use algorithm::Algorithm;
pub use dnskey::{Dnskey, key_tag};
pub use nsec::nsec;
pub use order::OrderKey;
pub use rrsig::{Covered, head, signed_octets};
pub use signing::{ForeignSignature, PrivateKey, SIGNATURE, Signature, SigningKey, ZoneSigning};
pub use validity::{CLOCK_SKEW, Lifetime, Validity};
