//! Why a message is refused.

use std::fmt;

/// Why a message is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The payload is not gzip (RFC 1952).
    NotGzip,
    /// The payload ends before the document does.
    CutOff,
    /// The payload is gzip that does not decode, or its checksum is wrong.
    Corrupt,
    /// Octets follow the document.
    Trailing,
    /// The document is longer than this many octets.
    TooLong(usize),
    /// The header of the signature is not base64, or too long.
    Signature,
    /// There are several headers with a signature.
    SeveralSignatures,
}

impl Refusal {
    /// All labels, for metrics that show each of them from the start.
    pub const LABELS: [&'static str; 7] = [
        "not-gzip",
        "cut-off",
        "corrupt",
        "trailing",
        "too-long",
        "signature-header",
        "several-signatures",
    ];

    /// A short name that stays the same from version to version.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotGzip => "not-gzip",
            Self::CutOff => "cut-off",
            Self::Corrupt => "corrupt",
            Self::Trailing => "trailing",
            Self::TooLong(_) => "too-long",
            Self::Signature => "signature-header",
            Self::SeveralSignatures => "several-signatures",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGzip => f.write_str("the message is not compressed by gzip"),
            Self::CutOff => f.write_str("the message is cut off"),
            Self::Corrupt => f.write_str("the message is corrupt: gzip does not decode it"),
            Self::Trailing => f.write_str("octets follow the document"),
            Self::TooLong(limit) => write!(f, "the document has more than {limit} octets"),
            Self::Signature => f.write_str(
                "the header Cvdns-Signature is not base64, or more than 8 KiB of a signature",
            ),
            Self::SeveralSignatures => f.write_str("the message has several signatures"),
        }
    }
}

impl std::error::Error for Refusal {}
