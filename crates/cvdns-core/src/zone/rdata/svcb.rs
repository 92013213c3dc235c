//! The `SvcParams` of SVCB and HTTPS records (RFC 9460).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::field::Field;
use super::fields::base64_octets;
use super::octets::Octets;
use super::parser::RdataParser;
use crate::zone::token::{BAD_ESCAPE, ParseError, Token, resolve, shown};

/// All `SvcParams` of a record.
pub(super) const PARAMETERS: Field = Field { text: parameters, wire };

/// Keys of RFC 9460 section 14.3.2, and later ones (IANA "DNS Service Bindings (SVCB)").
const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;
const DOHPATH: u16 = 7;
const OHTTP: u16 = 8;

const KEYS: &[(&str, u16)] = &[
    ("mandatory", MANDATORY),
    ("alpn", ALPN),
    ("no-default-alpn", NO_DEFAULT_ALPN),
    ("port", PORT),
    ("ipv4hint", IPV4HINT),
    ("ech", ECH),
    ("ipv6hint", IPV6HINT),
    ("dohpath", DOHPATH),
    ("ohttp", OHTTP),
];

/// A `SvcParam` in presentation format.
struct SvcParam<'e> {
    key: u16,
    /// The key as written.
    name: &'e str,
    /// Whether the key was written as `keyN`. The value is then in wire form (RFC 9460 section
    /// 2.1).
    by_number: bool,
    /// The value without quotes, with its escapes unresolved.
    value: &'e [u8],
    /// The token of the key, which also has the value unless that is quoted.
    token: Token<'e>,
    /// End of the value, as an octet offset in the file.
    end: usize,
}

/// Reads all `SvcParams`, and appends them in the order of their keys (RFC 9460 section 2.2).
fn parameters(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let mut read: Vec<(u16, Vec<u8>)> = Vec::new();
    while parser.continues() {
        let parameter = parameter(parser)?;
        let value = parameter.octets()?;
        if read.iter().any(|(key, _)| *key == parameter.key) {
            let what = format!("`{}` appears twice", parameter.name);
            return Err(parameter.error(what).with_help("keep one (RFC 9460 section 2.1)"));
        }
        read.push((parameter.key, value));
    }
    read.sort_by_key(|(key, _)| *key);
    let keys: Vec<u16> = read.iter().map(|(key, _)| *key).collect();
    for (key, value) in &read {
        if let Some(what) = missing(*key, value, &keys) {
            return Err(parser
                .error_here(what)
                .with_help("add it (RFC 9460 sections 7.1.1 and 8)"));
        }
        let too_long = || parser.error_here("a parameter is over 65,535 octets long");
        let length = u16::try_from(value.len()).map_err(|_| too_long())?;
        parser.out.extend(key.to_be_bytes());
        parser.out.extend(length.to_be_bytes());
        parser.out.extend_from_slice(value);
    }
    Ok(())
}

fn parameter<'e>(parser: &mut RdataParser<'e>) -> Result<SvcParam<'e>, ParseError> {
    let token = parser.unquoted("a parameter")?;
    let (name, value) = match token.text.iter().position(|octet| *octet == b'=') {
        Some(at) => (token.text.get(..at), token.text.get(at + 1..)),
        None => (Some(token.text), None),
    };
    let name = name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
    let Some((key, by_number)) = key(name) else {
        let what = format!("`{}` is not the name of a parameter", shown(token.text));
        return Err(token
            .error(what)
            .with_help("write a name such as alpn, or keyN (RFC 9460 section 2.1)"));
    };
    let mut parameter = SvcParam {
        key,
        name,
        by_number,
        value: value.unwrap_or_default(),
        token,
        end: token.end(),
    };
    let touches =
        |parser: &RdataParser<'e>, end: usize| parser.peek().is_some_and(|next| next.start == end);
    if value == Some(b"") && touches(parser, parameter.end) {
        let quoted = parser.token("a value")?;
        (parameter.value, parameter.end) = (quoted.text, quoted.end());
    }
    if touches(parser, parameter.end) {
        let what = "the quotes do not enclose the whole value";
        return Err(parameter.error(what).with_help("write KEY=\"VALUE\" and a blank after it"));
    }
    Ok(parameter)
}

/// The number of a key, and whether it was written as `keyN`. Names are in lower case, numbers
/// without leading zeros (RFC 9460 section 2.1).
fn key(name: &str) -> Option<(u16, bool)> {
    if let Some((_, number)) = KEYS.iter().find(|(known, _)| *known == name) {
        return Some((*number, false));
    }
    let digits = name.strip_prefix("key")?;
    let number: u16 = digits.parse().ok()?;
    (number.to_string() == digits).then_some((number, true))
}

impl SvcParam<'_> {
    fn error(&self, what: impl Into<String>) -> ParseError {
        ParseError::new(self.token.start..self.end, what)
    }

    fn is_not(&self, expected: &str) -> ParseError {
        if self.by_number {
            let what = format!("`{}` is not a value of this key in wire form", shown(self.value));
            return self.error(what).with_help(
                "write the octets of the wire form, or the key by name (RFC 9460 section 2.1)",
            );
        }
        let what = format!("`{}` is not {expected}", shown(self.value));
        self.error(what).with_help(format!("write {}={expected} (RFC 9460)", self.name))
    }

    /// The value in wire form.
    fn octets(&self) -> Result<Vec<u8>, ParseError> {
        let value = resolve(self.value).ok_or_else(|| self.error(BAD_ESCAPE))?;
        let octets =
            if self.by_number { Some(value.to_vec()) } else { named_value(self.key, &value) };
        let octets = octets.filter(|octets| is_value(self.key, octets));
        octets.ok_or_else(|| match (self.key, self.value) {
            (NO_DEFAULT_ALPN | OHTTP, _) => {
                let what = format!("`{}` has a value", self.name);
                self.error(what).with_help("write the name alone (RFC 9460 section 7.1.1)")
            }
            (_, b"") => self.error(format!("`{}` has no value", self.name)).with_help(format!(
                "write {}={}",
                self.name,
                expected(self.key)
            )),
            _ => self.is_not(expected(self.key)),
        })
    }
}

/// Presentation format of a key's value, for messages.
fn expected(key: u16) -> &'static str {
    match key {
        MANDATORY => "KEY,... of other parameters",
        ALPN => "ID,... such as h2,h3",
        PORT => "a port from 0 to 65535",
        IPV4HINT => "IPv4 addresses with commas between them",
        ECH => "base64",
        IPV6HINT => "IPv6 addresses with commas between them",
        DOHPATH => "a path such as /dns-query{?dns}",
        _ => "octets that are valid for the key",
    }
}

/// The wire form of a value of a key that was written by name; `None` if the value is invalid.
fn named_value(key: u16, value: &[u8]) -> Option<Vec<u8>> {
    let text = || std::str::from_utf8(value).ok();
    match key {
        MANDATORY => {
            let keys: Option<Vec<u16>> =
                text()?.split(',').map(|name| Some(self::key(name)?.0)).collect();
            let mut keys = keys?;
            keys.sort_unstable();
            Some(keys.into_iter().flat_map(u16::to_be_bytes).collect())
        }
        ALPN => ids(value),
        PORT => {
            let digits = text().filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()))?;
            Some(digits.parse::<u16>().ok()?.to_be_bytes().to_vec())
        }
        IPV4HINT => addresses(text()?, |text| Some(text.parse::<Ipv4Addr>().ok()?.octets())),
        IPV6HINT => addresses(text()?, |text| Some(text.parse::<Ipv6Addr>().ok()?.octets())),
        ECH => base64_octets(text()?, 0..0).ok(),
        _ => Some(value.to_vec()),
    }
}

fn addresses<const N: usize>(text: &str, read: fn(&str) -> Option<[u8; N]>) -> Option<Vec<u8>> {
    let addresses: Option<Vec<[u8; N]>> = text.split(',').map(read).collect();
    Some(addresses?.concat())
}

/// Protocol identifiers with commas between them, in wire form. Within an identifier, `\,` is a
/// comma and `\\` a backslash (RFC 9460 appendix A.1). The escapes of the master file are resolved
/// already.
fn ids(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut id = Vec::new();
    let mut octets = value.iter().copied();
    loop {
        match octets.next() {
            Some(b'\\') => id.push(octets.next()?),
            Some(octet) if octet != b',' => id.push(octet),
            end => {
                out.push(u8::try_from(id.len()).ok().filter(|length| *length > 0)?);
                out.append(&mut id);
                if end.is_none() {
                    return Some(out);
                }
            }
        }
    }
}

/// Whether a value in wire form is valid for its key (RFC 9460 sections 7 and 8, RFC 9461 section
/// 5, RFC 9540 section 4).
fn is_value(key: u16, value: &[u8]) -> bool {
    match key {
        MANDATORY => {
            let (keys, rest) = value.as_chunks::<2>();
            let keys: Vec<u16> = keys.iter().map(|key| u16::from_be_bytes(*key)).collect();
            let in_order = keys.is_sorted_by(|one, next| one < next);
            in_order && rest.is_empty() && keys.first().is_some_and(|key| *key != MANDATORY)
        }
        ALPN => {
            let mut octets = Octets::new(value);
            while !octets.is_empty() {
                if octets.string().is_none_or(<[u8]>::is_empty) {
                    return false;
                }
            }
            !value.is_empty()
        }
        NO_DEFAULT_ALPN | OHTTP => value.is_empty(),
        PORT => value.len() == 2,
        IPV4HINT => !value.is_empty() && value.len().is_multiple_of(4),
        IPV6HINT => !value.is_empty() && value.len().is_multiple_of(16),
        ECH => !value.is_empty(),
        DOHPATH => std::str::from_utf8(value).is_ok_and(is_path),
        _ => true,
    }
}

/// Whether a text is a relative URI template with the variable `dns` (RFC 9461 section 5).
fn is_path(template: &str) -> bool {
    let variables = |part: &str| {
        let expression = part.split_once('}').map_or("", |(expression, _)| expression);
        let names = expression.trim_start_matches(['+', '#', '.', '/', ';', '?', '&']);
        names.split(',').any(|name| name == "dns")
    };
    template.starts_with('/') && template.split('{').skip(1).any(variables)
}

/// What is missing: another `SvcParam` that this one requires; `None` if nothing is.
fn missing(key: u16, value: &[u8], keys: &[u16]) -> Option<String> {
    match key {
        NO_DEFAULT_ALPN if !keys.contains(&ALPN) => {
            Some("`no-default-alpn` is there without `alpn`".to_owned())
        }
        MANDATORY => {
            let (mandatory, _) = value.as_chunks::<2>();
            let mut mandatory = mandatory.iter().map(|key| u16::from_be_bytes(*key));
            let absent = mandatory.find(|key| !keys.contains(key))?;
            let known = KEYS.iter().find(|(_, number)| *number == absent);
            let name = known.map_or_else(|| format!("key{absent}"), |(name, _)| (*name).to_owned());
            Some(format!("`{name}` is mandatory, but missing"))
        }
        _ => None,
    }
}

/// Consumes all `SvcParams`. Keys are in ascending order, each once (RFC 9460 section 2.2).
fn wire(octets: &mut Octets<'_>) -> Option<()> {
    let mut read: Vec<(u16, &[u8])> = Vec::new();
    while !octets.is_empty() {
        let key = octets.u16()?;
        let length = octets.u16()?;
        let value = octets.take(usize::from(length))?;
        let in_order = read.last().is_none_or(|(before, _)| *before < key);
        if !in_order || !is_value(key, value) {
            return None;
        }
        read.push((key, value));
    }
    let keys: Vec<u16> = read.iter().map(|(key, _)| *key).collect();
    let complete = read.iter().all(|(key, value)| missing(*key, value, &keys).is_none());
    complete.then_some(())
}
