//! The faults of a signature.

use std::fmt;

use super::KeyId;

/// Why a signature is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureFault {
    /// It is not UTF-8.
    NoText,
    /// It is HTML, which web servers send in place of a missing file.
    WebPage,
    /// It is not a minisign signature file.
    NoSignature,
    /// It was made with a key that is not one of `public-key`.
    OtherKey {
        /// The key that it names.
        of: KeyId,
        /// The accepted keys.
        expected: Vec<KeyId>,
    },
    /// It names an accepted key, but does not verify.
    OtherOctets {
        /// The key that it names.
        of: KeyId,
    },
}

impl SignatureFault {
    /// What to do about the fault, as a sentence without a full stop.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoText | Self::WebPage | Self::NoSignature => {
                "put the file that `minisign -S` wrote beside the feed; fetch its URL to see what the server sends"
            }
            Self::OtherKey { .. } => {
                "write the coordinator's key as `public-key` in [feed] (the last line of its .pub file), or add it to a list; \
                 if the feed was signed by another key than the coordinator's, sign the feed with the coordinator's key"
            }
            Self::OtherOctets { .. } => {
                "sign the feed as it is now with `minisign -S`; if you copy them, copy octet by octet, \
                 the signature first and then the feed"
            }
        }
    }
}

impl fmt::Display for SignatureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoText => f.write_str("it is not text, and so not a minisign signature"),
            Self::WebPage => f.write_str("it is a web page, not a minisign signature"),
            Self::NoSignature => f.write_str("it is not a minisign signature"),
            Self::OtherKey { of, expected } => {
                let expected: Vec<String> = expected.iter().map(KeyId::to_string).collect();
                write!(
                    f,
                    "it was made with a key other than `public-key`: with {of}, expected {}",
                    expected.join(" or ")
                )
            }
            Self::OtherOctets { of } => {
                write!(
                    f,
                    "it names key {of} but does not match these octets: it is of another file, or the feed was changed or forged"
                )
            }
        }
    }
}
