//! Signs a client's request and checks the answers to it.

use std::fmt;
use std::sync::Arc;

use super::TsigError;
use super::digest::{Digest, is_right};
use super::record::{TsigRecord, remove};
use super::signer::unsigned;
use crate::Key;

/// Most answers in a row without a signature (RFC 8945 section 5.3.1).
const MOST_UNSIGNED: usize = 99;

/// A request and its answers, as the client sees them.
#[derive(Clone)]
pub struct Exchange {
    key: Arc<Key>,
    /// The signature of the next answer, over what came before it.
    digest: Digest,
    is_first: bool,
    /// Answers since the last one with a signature.
    unsigned: usize,
}

/// Why an answer is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerError {
    /// The answer has no signature where it must have one.
    Unsigned,
    /// The signature is not right.
    Wrong(TsigError),
    /// The server does not accept the signature of the request.
    Refused(TsigError),
    /// The server says that the clocks are apart: its time in seconds since 1970. The answer is
    /// signed.
    Clock(u64),
}

impl Exchange {
    /// Signs a request. `None` if there is no room for the signature.
    pub fn begin(key: Arc<Key>, request: &mut Vec<u8>, now: u64) -> Option<Self> {
        let mut record = unsigned(&key, request, now)?;
        let mut digest = Digest::new(&key, None);
        digest.message(request);
        record.mac = digest.finish(&record).as_ref().to_vec();
        record.append(request)?;
        let digest = Digest::new(&key, Some(&record.mac));
        Some(Self { key, digest, is_first: true, unsigned: 0 })
    }

    /// Checks the next answer and takes its TSIG record off. The first answer must have one; later
    /// ones may be without for a while, and count only once a signed one follows: see
    /// [`Exchange::is_complete`].
    ///
    /// # Errors
    /// When the signature is missing or not right, or the server did not accept that of the
    /// request. The exchange is over then.
    pub fn check(&mut self, answer: &mut Vec<u8>, now: u64) -> Result<(), AnswerError> {
        let found =
            TsigRecord::find(answer).map_err(|_| AnswerError::Wrong(TsigError::Malformed))?;
        let Some((record, start)) = found else {
            if self.is_first || self.unsigned >= MOST_UNSIGNED {
                return Err(AnswerError::Unsigned);
            }
            self.unsigned += 1;
            self.digest.message(answer);
            return Ok(());
        };
        let error = TsigError::from_code(record.error);
        // These two are never signed (sections 5.2.1 and 5.2.2), so that anybody could send them:
        // they can end an exchange and nothing else.
        if let Some(error @ (TsigError::BadSig | TsigError::BadKey)) = error
            && record.mac.is_empty()
        {
            return Err(AnswerError::Refused(error));
        }
        self.verify(&record, answer, start)?;
        match error {
            Some(TsigError::BadTime) => {
                let time = record.other.first_chunk::<6>().copied().unwrap_or_default();
                let [t5, t4, t3, t2, t1, t0] = time;
                return Err(AnswerError::Clock(u64::from_be_bytes([0, 0, t5, t4, t3, t2, t1, t0])));
            }
            Some(error) => return Err(AnswerError::Refused(error)),
            None => {}
        }
        if record.time.abs_diff(now) > record.fudge.into() {
            return Err(AnswerError::Wrong(TsigError::BadTime));
        }
        remove(answer, start, record.id);
        Ok(())
    }

    fn verify(
        &mut self,
        record: &TsigRecord,
        answer: &[u8],
        start: usize,
    ) -> Result<(), AnswerError> {
        let (key, algorithm) = (&self.key, self.key.algorithm());
        if record.key != *key.name() || record.algorithm.wire() != algorithm.wire() {
            return Err(AnswerError::Wrong(TsigError::BadKey));
        }
        if record.mac.len() != algorithm.length() {
            return Err(AnswerError::Wrong(TsigError::BadTrunc));
        }
        let next = Digest::new(key, Some(&record.mac));
        let mut digest = std::mem::replace(&mut self.digest, next);
        digest.signed_message(answer, start, record.id);
        let tag =
            if self.is_first { digest.finish(record) } else { digest.finish_following(record) };
        if !is_right(&tag, &record.mac) {
            return Err(AnswerError::Wrong(TsigError::BadSig));
        }
        (self.is_first, self.unsigned) = (false, 0);
        Ok(())
    }

    /// Whether the last answer was signed, as the last one must be (RFC 8945 section 5.3.1).
    pub fn is_complete(&self) -> bool {
        !self.is_first && self.unsigned == 0
    }

    /// The key.
    pub fn key(&self) -> &Arc<Key> {
        &self.key
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("key", &self.key).finish_non_exhaustive()
    }
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("the answer is not signed"),
            Self::Wrong(TsigError::BadSig) => f.write_str(
                "the answer's signature is wrong: the secrets differ, or it was changed",
            ),
            Self::Wrong(TsigError::BadTime) => {
                f.write_str("the answer's signature is too old or too new: compare both clocks")
            }
            Self::Wrong(error) => write!(f, "the answer's signature is not right ({error})"),
            Self::Refused(TsigError::BadKey) => f.write_str(
                "the server does not know the key, or knows it with another algorithm (BADKEY)",
            ),
            Self::Refused(TsigError::BadSig) => {
                f.write_str("the server has another secret for this key (BADSIG)")
            }
            Self::Refused(error) => write!(f, "the server refuses the signature ({error})"),
            Self::Clock(time) => write!(
                f,
                "the clocks are too far apart: the server's says {time} seconds since 1970 (BADTIME)"
            ),
        }
    }
}

impl std::error::Error for AnswerError {}
