//! A message of NATS: payload and headers with a signature.

use std::io::Read;

use cvdns_nats::{Document, Refusal};

/// Most octets of a document here.
const LIMIT: usize = 4096;

/// The first octet says how many lines are headers; what follows them is the payload. A document is
/// read as a plain decoder reads it, and refused for the reason that a reader of RFC 1952 would
/// give; and the input as a document survives the way into a message and back.
pub fn run(input: &[u8]) {
    let Some((count, rest)) = input.split_first() else { return };
    let mut parts = rest.splitn(usize::from(count % 4) + 1, |octet| *octet == b'\n');
    let mut headers: Vec<&str> = Vec::new();
    let mut payload: &[u8] = &[];
    for part in parts.by_ref() {
        headers.extend(std::str::from_utf8(payload).ok().filter(|_| !payload.is_empty()));
        payload = part;
    }
    let decoded = Document::decode(payload, headers.iter().copied(), LIMIT);
    match &decoded {
        Ok(document) => accepted(document, payload, &headers),
        Err(refusal) => {
            assert!(Refusal::LABELS.contains(&refusal.label()));
            assert!(!refusal.to_string().is_empty());
        }
    }
    assert_eq!(decoded == Err(Refusal::SeveralSignatures), has_several(&headers), "{headers:?}");
    survives(&Document { octets: rest.to_vec(), signature: None });
    survives(&Document { octets: payload.to_vec(), signature: Some(rest.to_vec()) });
}

fn accepted(document: &Document, payload: &[u8], headers: &[&str]) {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(payload).read_to_end(&mut plain).expect("it is gzip");
    assert_eq!(document.octets, plain);
    assert!(plain.len() <= LIMIT);
    assert_eq!(document.signature.is_some(), headers.len() == 1);
    survives(document);
    let longer = [payload, b"\x1f"].concat();
    assert_eq!(Document::decode(&longer, [], LIMIT), Err(Refusal::Trailing));
    let shorter = &payload[..payload.len() - 1];
    assert_eq!(Document::decode(shorter, [], LIMIT), Err(Refusal::CutOff));
    if let Some(less) = plain.len().checked_sub(1) {
        assert!(Document::decode(payload, [], less).is_err());
    }
}

/// Several headers are refused as such, unless the first is already wrong.
fn has_several(headers: &[&str]) -> bool {
    let payload = Document { octets: Vec::new(), signature: None }.encode().payload;
    let first_is_right = Document::decode(&payload, headers.first().copied(), LIMIT).is_ok();
    headers.len() > 1 && first_is_right
}

fn survives(document: &Document) {
    let packed = document.encode();
    assert_eq!(packed, document.encode());
    let limit = document.octets.len();
    let read = Document::decode(&packed.payload, packed.signature.as_deref(), limit);
    assert_eq!(read.as_ref(), Ok(document));
    if let Some(less) = limit.checked_sub(1) {
        let read = Document::decode(&packed.payload, [], less);
        assert_eq!(read, Err(Refusal::TooLong(less)));
    }
}
