//! What is wrong with a signature, as servers tell it.

use std::fmt;

use cvdns_core::wire::rcode;

/// Why a server refuses a signature (RFC 8945 section 5.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TsigError {
    /// The record is malformed, is not the last one, or occurs twice, or the MAC has a length that
    /// none may have.
    Malformed,
    /// The MAC is not that of the message.
    BadSig,
    /// The server does not know the key, or knows it with another algorithm.
    BadKey,
    /// The clocks of both sides are too far apart.
    BadTime,
    /// The MAC is shorter than the server wants it.
    BadTrunc,
}

impl TsigError {
    /// The RCODE of the answer.
    pub fn rcode(self) -> u16 {
        match self {
            Self::Malformed => rcode::FORMERR,
            _ => rcode::NOTAUTH,
        }
    }

    /// The code in the answer's TSIG record; `None`: the answer has no such record.
    pub fn code(self) -> Option<u16> {
        match self {
            Self::Malformed => None,
            Self::BadSig => Some(16),
            Self::BadKey => Some(17),
            Self::BadTime => Some(18),
            Self::BadTrunc => Some(22),
        }
    }

    /// The error with this code.
    pub fn from_code(code: u16) -> Option<Self> {
        let coded = [Self::BadSig, Self::BadKey, Self::BadTime, Self::BadTrunc];
        coded.into_iter().find(|error| error.code() == Some(code))
    }

    /// The name in the registry of IANA.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "FORMERR",
            Self::BadSig => "BADSIG",
            Self::BadKey => "BADKEY",
            Self::BadTime => "BADTIME",
            Self::BadTrunc => "BADTRUNC",
        }
    }
}

impl fmt::Display for TsigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
