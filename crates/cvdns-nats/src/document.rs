//! A document, and the payload and header of a message that hold it. Pure.

use std::fmt;
use std::io::{self, Read, Write};

use data_encoding::BASE64;
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::refusal::Refusal;

/// The header with the signature's octets in base64 (RFC 4648 section 4).
pub const SIGNATURE_HEADER: &str = "Cvdns-Signature";

/// Most octets of a signature. Those of minisign have about 300.
const MAX_SIGNATURE: usize = 8 << 10;

/// A document and its signature, as whoever published it gave them.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// The document.
    pub octets: Vec<u8>,
    /// The octets of its `.minisig` file. Not verified.
    pub signature: Option<Vec<u8>>,
}

/// What a message holds of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The payload: the document, compressed by gzip.
    pub payload: Vec<u8>,
    /// The value of the header [`SIGNATURE_HEADER`].
    pub signature: Option<String>,
}

impl Document {
    /// Packs the document. The same document always makes the same octets.
    pub fn encode(&self) -> Packed {
        Packed {
            payload: compressed(&self.octets).unwrap_or_default(),
            signature: self.signature.as_ref().map(|octets| BASE64.encode(octets)),
        }
    }

    /// Unpacks a payload and the values of all headers [`SIGNATURE_HEADER`]. Takes no more time and
    /// memory than a document of `limit` octets, whatever the payload is.
    ///
    /// # Errors
    /// When they are no document of at most `limit` octets.
    pub fn decode<'a>(
        payload: &[u8],
        signatures: impl IntoIterator<Item = &'a str>,
        limit: usize,
    ) -> Result<Self, Refusal> {
        let mut signatures = signatures.into_iter();
        let signature = signatures.next().map(signature).transpose()?;
        if signatures.next().is_some() {
            return Err(Refusal::SeveralSignatures);
        }
        Ok(Self { octets: inflated(payload, limit)?, signature })
    }
}

/// Most octets of a payload that may be a document of `limit` octets: deflate adds 5 octets to each
/// block that it cannot compress, and gzip 18 to them all (RFC 1951 section 3.2.4, RFC 1952).
fn packed_limit(limit: usize) -> usize {
    limit.saturating_add(limit / 64).saturating_add(1024)
}

fn compressed(octets: &[u8]) -> io::Result<Vec<u8>> {
    // Neither time nor name nor system is in the header of this encoder.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets)?;
    encoder.finish()
}

fn inflated(payload: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    const MAGIC: &[u8] = &[0x1f, 0x8b];
    if payload.len() > packed_limit(limit) {
        return Err(Refusal::TooLong(limit));
    }
    let begins = payload.get(..MAGIC.len()).unwrap_or(payload);
    if !MAGIC.starts_with(begins) {
        return Err(Refusal::NotGzip);
    }
    let mut decoder = GzDecoder::new(payload);
    let mut octets = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = decoder.by_ref().take(one_more).read_to_end(&mut octets);
    if octets.len() > limit {
        return Err(Refusal::TooLong(limit));
    }
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Refusal::CutOff),
        Err(_) => Err(Refusal::Corrupt),
        Ok(_) if !decoder.into_inner().is_empty() => Err(Refusal::Trailing),
        Ok(_) => Ok(octets),
    }
}

fn signature(value: &str) -> Result<Vec<u8>, Refusal> {
    if value.len() > BASE64.encode_len(MAX_SIGNATURE) {
        return Err(Refusal::Signature);
    }
    match BASE64.decode(value.as_bytes()) {
        Ok(octets) if octets.len() <= MAX_SIGNATURE => Ok(octets),
        _ => Err(Refusal::Signature),
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("octets", &self.octets.len())
            .field("signature", &self.signature.as_ref().map(Vec::len))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 100_000;

    fn unpacked(payload: &[u8]) -> Result<Document, Refusal> {
        Document::decode(payload, [], LIMIT)
    }

    fn document(octets: &[u8]) -> Document {
        Document { octets: octets.to_vec(), signature: None }
    }

    #[test]
    fn a_payload_is_refused_for_what_is_wrong_with_it() {
        let good = document(br#"{"serial":1}"#).encode().payload;
        assert_eq!(unpacked(br#"{"serial":1}"#), Err(Refusal::NotGzip));
        for length in 0..good.len() {
            assert_eq!(unpacked(&good[..length]), Err(Refusal::CutOff), "{length}");
        }
        assert_eq!(unpacked(&[&good[..], b"x"].concat()), Err(Refusal::Trailing));
        assert_eq!(unpacked(&[&good[..], &good[..]].concat()), Err(Refusal::Trailing));
        let mut wrong_sum = good.clone();
        let at = good.len() - 8;
        wrong_sum[at] ^= 1;
        assert_eq!(unpacked(&wrong_sum), Err(Refusal::Corrupt));
        let mut wrong_method = good;
        wrong_method[2] = 7;
        assert_eq!(unpacked(&wrong_method), Err(Refusal::Corrupt));
    }

    #[test]
    fn a_document_of_the_limit_is_taken_and_no_longer_one() {
        let fits = document(&vec![7; LIMIT]);
        assert_eq!(unpacked(&fits.encode().payload), Ok(fits));
        let bomb = document(&vec![0; 200 << 20]).encode().payload;
        assert!(bomb.len() < 300_000);
        assert_eq!(unpacked(&bomb), Err(Refusal::TooLong(LIMIT)));
        assert_eq!(
            unpacked(&document(&vec![0; LIMIT + 1]).encode().payload),
            Err(Refusal::TooLong(LIMIT))
        );
        assert_eq!(unpacked(&vec![0x1f; 2 * LIMIT]), Err(Refusal::TooLong(LIMIT)));
    }

    #[test]
    fn a_header_is_refused_for_what_is_wrong_with_it() {
        let packed = document(b"x").encode();
        let with = |headers: &[&str]| Document::decode(&packed.payload, headers.iter().copied(), 9);
        assert_eq!(with(&["YQ=="]).unwrap().signature.unwrap(), b"a");
        assert_eq!(with(&[""]).unwrap().signature.unwrap(), b"");
        for wrong in ["YQ=", "YQ==\n", "Y Q==", "YR==", "untrusted comment: x", "é"] {
            assert_eq!(with(&[wrong]), Err(Refusal::Signature), "{wrong}");
        }
        let longest = BASE64.encode(&[1; MAX_SIGNATURE]);
        assert_eq!(with(&[&longest]).unwrap().signature.unwrap(), [1; MAX_SIGNATURE]);
        assert_eq!(with(&[&BASE64.encode(&[1; MAX_SIGNATURE + 1])]), Err(Refusal::Signature));
        assert_eq!(with(&["YQ==", "YQ=="]), Err(Refusal::SeveralSignatures));
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(octets: Vec<u8>, signature: Option<Vec<u8>>) {
            let document = Document { octets, signature };
            let packed = document.encode();
            prop_assert_eq!(&packed, &document.encode());
            let read = Document::decode(&packed.payload, packed.signature.as_deref(), LIMIT);
            prop_assert_eq!(read, Ok(document));
        }

        #[test]
        fn incompressible_documents_of_the_limit_fit(seed: [u8; 32], length in 0usize..70_000) {
            use proptest::test_runner::{RngAlgorithm, TestRng};
            let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
            let mut octets = vec![0; length];
            rng.fill_bytes(&mut octets);
            let document = Document { octets, signature: None };
            let read = Document::decode(&document.encode().payload, [], length);
            prop_assert_eq!(read, Ok(document));
        }
    }
}
