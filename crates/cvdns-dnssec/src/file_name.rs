//! The names of key files: `Kexample.net.+013+12345.key` and `.private`.

use std::fmt;
use std::fmt::Write as _;

use cvdns_core::wire::name::Name;

/// What a key's files are called: the zone, the number of the algorithm and the key tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFileName {
    /// The zone.
    pub zone: Name,
    /// The number of the algorithm.
    pub algorithm: u8,
    /// The key tag.
    pub tag: u16,
}

impl KeyFileName {
    /// Reads a file's name without its extension. `None` if it is no name of a key file.
    pub fn parse(stem: &str) -> Option<Self> {
        let mut parts = stem.strip_prefix('K')?.rsplitn(3, '+');
        let (tag, algorithm, zone) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |text: &str, count: usize| {
            text.len() == count && text.bytes().all(|octet| octet.is_ascii_digit())
        };
        if !digits(tag, 5) || !digits(algorithm, 3) || !zone.ends_with('.') {
            return None;
        }
        let zone = Name::parse(&unescaped(zone)?, &Name::root()).ok()?;
        Some(Self { zone, algorithm: algorithm.parse().ok()?, tag: tag.parse().ok()? })
    }
}

/// `%XX`, by which BIND writes octets that file names may not have, as master files have them.
fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let octet = u8::from_str_radix(part.get(..2)?, 16).ok()?;
        // Writing to a string cannot fail.
        let _ = write!(out, "\\{octet:03}");
        out.push_str(part.get(2..)?);
    }
    Some(out)
}

impl fmt::Display for KeyFileName {
    /// The name without an extension, as BIND writes it: in lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("K")?;
        let lower = self.zone.to_lower();
        let mut rest = lower.wire();
        while let Some((length, after)) = rest.split_first().filter(|(length, _)| **length > 0) {
            let Some((label, after)) = after.split_at_checked(usize::from(*length)) else { break };
            for octet in label {
                match octet {
                    b'-' | b'_' => write!(f, "{}", char::from(*octet))?,
                    _ if octet.is_ascii_alphanumeric() => write!(f, "{}", char::from(*octet))?,
                    _ => write!(f, "%{octet:02X}")?,
                }
            }
            f.write_str(".")?;
            rest = after;
        }
        if lower.wire().len() == 1 {
            f.write_str(".")?;
        }
        write!(f, "+{:03}+{:05}", self.algorithm, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names are those that dnssec-keygen gave.
    #[test]
    fn names_are_those_of_bind() {
        for (zone, stem) in [
            ("Example.test.", "Kexample.test.+013+63545"),
            ("a\\032b.test.", "Ka%20b.test.+013+63545"),
            (".", "K.+013+63545"),
        ] {
            let zone = Name::parse(zone, &Name::root()).unwrap();
            let name = KeyFileName { zone, algorithm: 13, tag: 63545 };
            assert_eq!(name.to_string(), stem);
            assert_eq!(KeyFileName::parse(stem), Some(name));
        }
        for stem in [
            "",
            "K",
            "Kexample.test.+13+63545",
            "Kexample.test+013+63545",
            "Kexample.test.+013+99999",
            "Kexample.test.+999+00001",
            "Ka%zz.test.+013+00001",
            "Ka%2.+013+00001",
            "Ka..test.+013+00001",
            "transfer",
        ] {
            assert_eq!(KeyFileName::parse(stem), None, "{stem}");
        }
    }
}
