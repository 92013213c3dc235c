//! How a zone is signed.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::dnskey::Dnskey;
use crate::zone::records::ResourceRecord;

/// Length of a signature in octets, of every [`Algorithm`](super::Algorithm).
pub const SIGNATURE: usize = 64;

/// A signature.
pub type Signature = [u8; SIGNATURE];

/// The private half of a key. The cryptography is somebody else's.
pub trait PrivateKey: Debug + Send + Sync {
    /// Signs octets. `None` if the system has no random numbers for it.
    fn sign(&self, octets: &[u8]) -> Option<Signature>;
}

/// A key that signs.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// The public half.
    pub dnskey: Dnskey,
    /// The private half.
    pub private: Arc<dyn PrivateKey>,
}

/// An RRSIG record that was made elsewhere, as for a zone whose key for keys is kept offline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignSignature {
    /// The type that it covers.
    pub covered: u16,
    /// RDATA.
    pub rdata: Box<[u8]>,
}

/// How a zone is signed.
#[derive(Debug, Clone)]
pub struct ZoneSigning {
    /// The DNSKEY, CDS and CDNSKEY records, whose owner is the zone. They are served beside the
    /// static records.
    pub key_records: Vec<ResourceRecord>,
    /// The keys that sign everything but the sets of keys; each of them signs everything.
    pub zone_keys: Vec<SigningKey>,
    /// The keys that sign the sets of keys: DNSKEY, CDS and CDNSKEY. Empty if these were signed
    /// elsewhere.
    pub key_set_keys: Vec<SigningKey>,
    /// The signatures of the sets of keys that were made elsewhere.
    pub foreign: Vec<ForeignSignature>,
    /// How long signatures are valid.
    pub validity: Duration,
}
