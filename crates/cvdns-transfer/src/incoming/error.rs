//! What is wrong with an answer to a secondary.

use std::fmt;

use cvdns_core::wire::name::Name;

/// Why an answer is not accepted. Nothing of it counts then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferError {
    /// The message is no DNS message, or has records that cannot be read.
    Malformed(String),
    /// The message is no answer to what was asked: another ID, another question, or no answer.
    Unasked(&'static str),
    /// The answer has this RCODE.
    Rcode(u16),
    /// The server has no authority over the zone (AA is clear).
    NotAuthoritative,
    /// The answer does not have the form of a transfer.
    Form(String),
    /// A record that the zone cannot have.
    Foreign(String),
    /// The answer is longer than that of any zone that is taken over.
    TooLarge,
}

impl TransferError {
    /// The label of metrics, which never changes.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Unasked(_) => "unasked",
            Self::Rcode(_) => "rcode",
            Self::NotAuthoritative => "not-authoritative",
            Self::Form(_) | Self::Foreign(_) => "form",
            Self::TooLarge => "too-large",
        }
    }

    /// Whether the server may still have a whole zone to give, as only its differences cannot be
    /// had or understood.
    pub fn may_have_whole(&self) -> bool {
        match self {
            Self::Rcode(_) | Self::Form(_) | Self::Foreign(_) | Self::Malformed(_) => true,
            Self::Unasked(_) | Self::NotAuthoritative | Self::TooLarge => false,
        }
    }

    pub(super) fn outside(owner: &Name, zone: &Name) -> Self {
        Self::Foreign(format!("{owner} is not within the zone {zone}"))
    }
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "the answer cannot be read: {what}"),
            Self::Unasked(what) => write!(f, "this is no answer to the question: {what}"),
            Self::Rcode(code) => write!(f, "the server answers {}", rcode_text(*code)),
            Self::NotAuthoritative => {
                f.write_str("the server has no authority over the zone (AA is not set)")
            }
            Self::Form(what) | Self::Foreign(what) => f.write_str(what),
            Self::TooLarge => {
                f.write_str("the answer is larger than any zone may be: it is given up")
            }
        }
    }
}

impl std::error::Error for TransferError {}

/// The name of an RCODE.
fn rcode_text(code: u16) -> String {
    domain::base::iana::Rcode::masked_from_int(code as u8).to_string()
}
