//! Keys of DNSSEC as octets and values.
//!
//! The crate opens no files and no sockets and reads no clock: moments are arguments. Private keys
//! are never shown, neither by `Debug` nor in messages.
//!
//! In the order of reading:
//!
//! - [`KeyPair`] signs, [`verify()`] verifies, both over *ring*; [`ds`] makes the data of DS
//!   records.
//! - [`KeyTiming`] says when a key is published and when it signs.
//! - [`PublicKeyFile`] and [`PrivateKeyFile`] read the two files of a key, which `dnssec-keygen`,
//!   `ldns-keygen` and [`NewKey`] write; [`KeyFileName`] is what both are called.
//! - [`ZoneKey`] is a key of a zone, made of its files; a [`KeySet`] has all keys of a zone and
//!   says what each of them does at a moment.
//! - [`SignatureInfo`] is what an RRSIG record of an answer says of itself.
//! - [`SignedKeySet`] is a set of keys that was signed elsewhere.
//! - [`zone_signing`] makes of all of them what signs a zone.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod digest;
mod file_name;
mod key_pair;
mod key_set;
mod new_key;
mod private_file;
mod public_file;
mod publication;
mod rr_type;
mod rrsig;
mod signature_info;
mod signed_key_set;
mod signing;
mod source;
mod timing;
mod verify;
mod zone_key;

#[cfg(test)]
mod tests;

pub use digest::{DigestType, ds, key_digest};
pub use file_name::KeyFileName;
pub use key_pair::{KeyPair, PairError};
pub use key_set::{KeyDuty, KeyRole, KeySet};
pub use new_key::NewKey;
pub use private_file::PrivateKeyFile;
pub use public_file::PublicKeyFile;
pub use rr_type::{CDNSKEY, CDS, DNSKEY};
pub use signature_info::SignatureInfo;
pub use signed_key_set::SignedKeySet;
pub use signing::{KEY_TTL, SigningInputs, trusted_keys, zone_signing};
pub use source::KeyText;
pub use timing::KeyTiming;
pub use verify::verify;
pub use zone_key::ZoneKey;
