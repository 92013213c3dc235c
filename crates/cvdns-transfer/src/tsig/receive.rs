//! Checks the signatures of requests (RFC 8945 section 5.2).

use std::sync::Arc;

use cvdns_core::wire::{HEADER, u16_at};
use domain::base::Message;

use super::TsigError;
use super::digest::{Digest, is_right};
use super::record::{TsigRecord, remove, time_octets};
use super::signer::Signer;
use crate::{Key, Keyring};

/// What the signature of a request says.
#[derive(Debug)]
pub enum Received {
    /// The request has none.
    Unsigned,
    /// The request was signed by this signer's key a moment ago. Its TSIG record was taken off.
    Signed(Signer),
    /// The signature is not accepted. Nothing else of the request counts.
    Refused(Refusal),
}

/// Why a signature is not accepted, and what is answered.
#[derive(Debug)]
pub struct Refusal {
    /// What is wrong.
    pub error: TsigError,
    /// The TSIG record of the request; `None` if that is malformed.
    record: Option<TsigRecord>,
    /// Signs the answer, where the key is known and the MAC is right.
    signer: Option<Signer>,
    /// The server's time.
    now: u64,
}

/// Checks the signature of a request, which is a complete message. A signature is accepted if it is
/// whole and not older or newer than it says (300 seconds, mostly).
///
/// The time of the last accepted signature is not kept (section 5.2.3 leaves that open): requests
/// over UDP overtake one another, and to repeat one changes nothing here.
pub fn receive(keys: &Keyring, request: &mut Vec<u8>, now: u64) -> Received {
    let refused = |error, record, signer| Received::Refused(Refusal { error, record, signer, now });
    let (record, start) = match TsigRecord::find(request) {
        Ok(Some(found)) => found,
        Ok(None) => return Received::Unsigned,
        Err(_) => return refused(TsigError::Malformed, None, None),
    };
    let key = keys.get(&record.key);
    let Some(key) = key.filter(|key| key.algorithm().wire() == record.algorithm.wire()) else {
        return refused(TsigError::BadKey, Some(record), None);
    };
    match judge(key, &record, request, start, now) {
        Ok(()) => {
            remove(request, start, record.id);
            Received::Signed(Signer::new(key.clone(), record.mac))
        }
        Err(error) => {
            // BADSIG is answered without a signature, since nobody knows who asks (section 5.2.2).
            let signs = matches!(error, TsigError::BadTime | TsigError::BadTrunc);
            let signer = signs.then(|| Signer::new(Arc::clone(key), record.mac.clone()));
            refused(error, Some(record), signer)
        }
    }
}

/// Checks MAC, time and length, in this order (section 5.2).
fn judge(
    key: &Key,
    record: &TsigRecord,
    request: &[u8],
    start: usize,
    now: u64,
) -> Result<(), TsigError> {
    let (length, whole) = (record.mac.len(), key.algorithm().length());
    if length > whole || length < key.algorithm().shortest() {
        return Err(TsigError::Malformed);
    }
    let mut digest = Digest::new(key, None);
    digest.signed_message(request, start, record.id);
    if !is_right(&digest.finish(record), &record.mac) {
        return Err(TsigError::BadSig);
    }
    if record.time.abs_diff(now) > record.fudge.into() {
        return Err(TsigError::BadTime);
    }
    if length < whole { Err(TsigError::BadTrunc) } else { Ok(()) }
}

impl Refusal {
    /// The answer to the request: its header and question, the RCODE, and a TSIG record that says
    /// what is wrong. If the request has an OPT record, the answer has one too (RFC 6891 section
    /// 7), which announces this many octets over UDP. `None` if the request has no header, or is
    /// an answer itself.
    pub fn answer(self, request: &[u8], udp_size: u16) -> Option<Vec<u8>> {
        let mut answer = request.get(..HEADER)?.to_vec();
        let [_, _, flags, low, ..] = answer.as_mut_slice() else { return None };
        if *flags & 0x80 != 0 {
            return None;
        }
        // QR; the opcode and RD stay (RFC 1035 section 4.1.1).
        *flags = 0x80 | (*flags & 0x79);
        *low = self.error.rcode() as u8;
        let question = (u16_at(request, 4) == Some(1)).then(|| question(request)).flatten();
        answer.get_mut(4..)?.fill(0);
        if let Some(question) = question {
            *answer.get_mut(5)? = 1;
            answer.extend(question);
        }
        if Message::from_octets(request).is_ok_and(|request| request.opt().is_some()) {
            let [size1, size0] = udp_size.to_be_bytes();
            *answer.get_mut(11)? = 1;
            answer.extend([0, 0, 41, size1, size0, 0, 0, 0, 0, 0, 0]);
        }
        let (Some(code), Some(record)) = (self.error.code(), self.record) else {
            return Some(answer);
        };
        let is_time = self.error == TsigError::BadTime;
        let other = if is_time { time_octets(self.now).to_vec() } else { Vec::new() };
        if let Some(mut signer) = self.signer {
            // The client's own time for BADTIME, so that it can verify the answer (section 5.2.3).
            let time = if is_time { record.time } else { self.now };
            signer.sign_with(&mut answer, time, code, other)?;
        } else {
            let id = u16_at(&answer, 0)?;
            TsigRecord { mac: Vec::new(), id, error: code, other, ..record }.append(&mut answer)?;
        }
        Some(answer)
    }
}

/// The octets of the only question, if its name is not compressed.
fn question(request: &[u8]) -> Option<&[u8]> {
    let rest = request.get(HEADER..)?;
    rest.get(..cvdns_core::wire::name::wire_length(rest)? + 4)
}
