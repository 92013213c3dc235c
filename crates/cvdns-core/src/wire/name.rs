//! Domain names in uncompressed wire form (RFC 1035 section 3.1).

use std::fmt;

/// Length of the longest name in wire form in octets, including the root label (RFC 1035 section
/// 2.3.4).
pub const MAX_NAME: usize = 255;
/// Length of the longest label in octets (RFC 1035 section 2.3.4).
pub const MAX_LABEL: usize = 63;

/// An absolute domain name. It keeps its case; comparisons ignore case (RFC 4343).
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// Why text or octets are not a valid name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// An empty label, as in `a..b`.
    EmptyLabel,
    /// A label over 63 octets.
    LongLabel,
    /// A name over 255 octets.
    LongName,
    /// A backslash without a character or three decimal digits up to 255 after it.
    BadEscape,
    /// Octets that end within a label, have a compression pointer, or go on after the root label.
    BadWire,
}

impl Name {
    /// The root.
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Makes a name from its uncompressed wire form.
    ///
    /// # Errors
    /// If the octets are not exactly one name.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        match wire_length(wire) {
            Some(length) if length == wire.len() => Ok(Self(wire.into())),
            _ => Err(NameError::BadWire),
        }
    }

    /// Parses presentation format (RFC 1035 section 5.1). A name without a final dot is relative to
    /// `origin`.
    ///
    /// # Errors
    /// If the text is not a valid name.
    pub fn parse(text: &str, origin: &Self) -> Result<Self, NameError> {
        Self::parse_octets(text.as_bytes(), origin)
    }

    /// As [`Self::parse`], for octets. Octets that are not ASCII represent themselves.
    ///
    /// # Errors
    /// If the text is not a valid name.
    pub fn parse_octets(text: &[u8], origin: &Self) -> Result<Self, NameError> {
        let mut wire = Vec::with_capacity(text.len() + 1 + origin.0.len());
        Self::append(text, origin, &mut wire)?;
        Ok(Self(wire.into()))
    }

    /// As [`Self::parse_octets`], and appends the wire form to `out`. After an error, `out` may
    /// have a part of it.
    ///
    /// # Errors
    /// If the text is not a valid name.
    pub fn append(text: &[u8], origin: &Self, out: &mut Vec<u8>) -> Result<(), NameError> {
        let before = out.len();
        match text {
            b"@" => out.extend_from_slice(&origin.0),
            b"." => out.push(0),
            _ if append_labels(text, out)? => out.push(0),
            _ => out.extend_from_slice(&origin.0),
        }
        if out.len() - before > MAX_NAME { Err(NameError::LongName) } else { Ok(()) }
    }

    /// The wire form, including the root label.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// The name in lower case, as tables use it for keys (RFC 4343).
    #[must_use]
    pub fn to_lower(&self) -> Self {
        // Length octets stay: they are at most 63, below 'A'.
        Self(self.0.to_ascii_lowercase().into())
    }

    /// The name without its first label; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        parent(&self.0).map(|wire| Self(wire.into()))
    }

    /// Whether the name equals `ancestor` or is a subdomain of it.
    pub fn is_within(&self, ancestor: &Self) -> bool {
        let mut wire: &[u8] = &self.0;
        while wire.len() > ancestor.0.len() {
            match parent(wire) {
                Some(rest) => wire = rest,
                None => return false,
            }
        }
        wire.eq_ignore_ascii_case(&ancestor.0)
    }

    /// Whether the first label is `*` (RFC 4592 section 2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }
}

/// A name in wire form without its first label; `None` for the root, and for octets that end within
/// the label.
pub fn parent(wire: &[u8]) -> Option<&[u8]> {
    let length = usize::from(*wire.first()?);
    if length == 0 { None } else { wire.get(length + 1..) }
}

/// Copies a name in wire form into `room` in lower case. The result is empty if `wire` is longer
/// than any name.
pub fn lowered<'b>(wire: &[u8], room: &'b mut [u8; MAX_NAME]) -> &'b [u8] {
    let Some(slot) = room.get_mut(..wire.len()) else { return &[] };
    slot.copy_from_slice(wire);
    // Length octets stay: they are at most 63, below 'A'.
    slot.make_ascii_lowercase();
    slot
}

/// Length in octets of the uncompressed name at the start of `bytes`, including the root label.
/// `None` if there is no such name.
pub fn wire_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let label = usize::from(*bytes.get(at)?);
        at += 1 + label;
        if label > MAX_LABEL || at > MAX_NAME {
            return None;
        }
        if label == 0 {
            return Some(at);
        }
    }
}

/// End of the name at offset `at`, which may be compressed.
pub(super) fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return Some(at + 1),
            1..=63 => at += 1 + usize::from(length),
            // A pointer ends the name (RFC 1035 section 4.1.4); its target does not matter here.
            0xc0.. => return message.get(at + 1).map(|_| at + 2),
            _ => return None,
        }
    }
}

/// Appends the labels of a name in presentation format, each after its length. Returns whether the
/// text ends with a dot.
fn append_labels(text: &[u8], out: &mut Vec<u8>) -> Result<bool, NameError> {
    let mut rest = text;
    let mut length_at = out.len();
    out.push(0);
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'.' => {
                end_label(length_at, out)?;
                if rest.is_empty() {
                    return Ok(true);
                }
                length_at = out.len();
                out.push(0);
            }
            b'\\' => {
                let (octet, used) = parse_escape(rest)?;
                out.push(octet);
                rest = rest.get(used..).unwrap_or_default();
            }
            octet => out.push(octet),
        }
    }
    end_label(length_at, out)?;
    Ok(false)
}

/// Sets the length of the last label, whose length octet is at `length_at`.
fn end_label(length_at: usize, out: &mut [u8]) -> Result<(), NameError> {
    let length = out.len().saturating_sub(length_at + 1);
    match out.get_mut(length_at) {
        _ if length == 0 => Err(NameError::EmptyLabel),
        Some(octet) if length <= MAX_LABEL => {
            *octet = length as u8;
            Ok(())
        }
        _ => Err(NameError::LongLabel),
    }
}

/// Resolves the escape after a backslash: its octet, and how many characters it takes.
fn parse_escape(rest: &[u8]) -> Result<(u8, usize), NameError> {
    match rest {
        [a, b, c, ..] if a.is_ascii_digit() => {
            if !b.is_ascii_digit() || !c.is_ascii_digit() {
                return Err(NameError::BadEscape);
            }
            let value = [a, b, c].iter().fold(0u16, |sum, d| sum * 10 + u16::from(**d - b'0'));
            u8::try_from(value).map(|octet| (octet, 3)).map_err(|_| NameError::BadEscape)
        }
        [a, ..] if !a.is_ascii_digit() => Ok((*a, 1)),
        _ => Err(NameError::BadEscape),
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for octet in &self.0 {
            state.write_u8(octet.to_ascii_lowercase());
        }
    }
}

impl fmt::Display for Name {
    /// Presentation format without the final dot, except for the root; escapes as in RFC 4343
    /// section 2.1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wire: &[u8] = &self.0;
        if wire.len() <= 1 {
            return f.write_str(".");
        }
        let mut first = true;
        while let Some((&length, tail)) = wire.split_first() {
            if length == 0 {
                break;
            }
            if !first {
                f.write_str(".")?;
            }
            first = false;
            let (label, rest) = tail.split_at(usize::from(length).min(tail.len()));
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                        write!(f, "\\{}", octet as char)?;
                    }
                    0x21..=0x7e => write!(f, "{}", octet as char)?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            wire = rest;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyLabel => "a label is empty",
            Self::LongLabel => "a label is over 63 octets long",
            Self::LongName => "the name is over 255 octets long",
            Self::BadEscape => {
                "a backslash is followed neither by a character nor by three digits up to 255"
            }
            Self::BadWire => "the octets are not an uncompressed name",
        })
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presentation_format_round_trips() {
        for text in ["a.b", r"a\.b.c", r"\000x.y", "*.a", "x"] {
            let name = Name::parse(&format!("{text}."), &Name::root()).unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(Name::from_wire(name.wire()).unwrap(), name);
        }
        assert_eq!(Name::root().to_string(), ".");
    }

    #[test]
    fn limits_of_rfc_1035_2_3_4_hold() {
        let root = Name::root();
        let label = "a".repeat(63);
        assert!(Name::parse(&format!("{label}."), &root).is_ok());
        assert_eq!(Name::parse(&format!("{label}a."), &root), Err(NameError::LongLabel));
        let long = format!("{label}.{label}.{label}.{}.", "b".repeat(61));
        assert_eq!(Name::parse(&long, &root).unwrap().wire().len(), 255);
        assert_eq!(Name::parse(&format!("c.{long}"), &root), Err(NameError::LongName));
        assert_eq!(Name::parse("a..b.", &root), Err(NameError::EmptyLabel));
        assert_eq!(Name::parse(r"a\256.", &root), Err(NameError::BadEscape));
    }

    #[test]
    fn ancestry_is_by_label_not_by_octet() {
        let root = Name::root();
        let zone = Name::parse("clamav.net.", &root).unwrap();
        assert!(Name::parse("db.CLAMAV.net.", &root).unwrap().is_within(&zone));
        assert!(zone.is_within(&zone));
        assert!(!Name::parse("xclamav.net.", &root).unwrap().is_within(&zone));
        assert!(!Name::parse("net.", &root).unwrap().is_within(&zone));
    }
}
