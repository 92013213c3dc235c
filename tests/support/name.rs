//! Domain names between text and wire form.

use std::fmt::Write as _;

/// The wire form of `text`, which may use `\.` and `\ddd` (RFC 1035, 5.1). A final dot is optional:
/// every name in the tests is absolute. Lengths are not checked, so that tests can make names that
/// are too long.
pub fn wire(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in labels(text) {
        out.push(u8::try_from(label.len()).expect("a label's length fits an octet"));
        out.extend(label);
    }
    out.push(0);
    out
}

fn labels(text: &str) -> Vec<Vec<u8>> {
    let mut labels = vec![Vec::new()];
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let last = labels.last_mut().expect("never empty");
        match byte {
            b'.' => labels.push(Vec::new()),
            b'\\' => last.push(unescape(&mut bytes)),
            plain => last.push(plain),
        }
    }
    labels.retain(|label| !label.is_empty());
    labels
}

fn unescape(bytes: &mut std::str::Bytes<'_>) -> u8 {
    let first = bytes.next().expect("something after the backslash");
    if !first.is_ascii_digit() {
        return first;
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        value = value * 10 + u16::from(bytes.next().expect("three digits") - b'0');
    }
    u8::try_from(value).expect("at most 255")
}

/// The text of a name in wire form, with special octets escaped.
pub fn text(wire: &[u8]) -> String {
    let mut out = String::new();
    let mut at = 0;
    while wire[at] != 0 {
        let end = at + 1 + usize::from(wire[at]);
        for &byte in &wire[at + 1..end] {
            match byte {
                b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                    out.push('\\');
                    out.push(char::from(byte));
                }
                0x21..=0x7e => out.push(char::from(byte)),
                other => {
                    let _ = write!(out, "\\{other:03}");
                }
            }
        }
        out.push('.');
        at = end;
    }
    if out.is_empty() { ".".to_owned() } else { out }
}

/// Lower case of a name in wire form. Length octets are at most 63 and so never look like letters.
pub fn lower(wire: &[u8]) -> Vec<u8> {
    wire.to_ascii_lowercase()
}
