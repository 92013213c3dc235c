//! Names: as text, and as octets.

use cvdns_core::wire::lower::{self, LowerName};
use cvdns_core::wire::name::{Name, wire_length};

/// A name that is written is read as the same, in each form.
pub fn run(input: &[u8]) {
    let origin = Name::parse("example.net", &Name::root()).expect("a name");
    for origin in [&origin, &Name::root()] {
        match Name::parse_octets(input, origin) {
            Ok(name) => check(&name),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    if let Ok(name) = Name::from_wire(input) {
        check(&name);
        assert_eq!(wire_length(input), Some(input.len()));
    }
    // The question of a message: the same name, if it is one.
    let message = [&[0; 12], input].concat();
    let mut read = LowerName::new();
    let end = read.read(&message);
    let length = wire_length(input).filter(|length| *length <= 255);
    assert_eq!(end, length.map(|length| 12 + length), "where the name ends");
    if let Some(length) = length {
        assert_eq!(read.wire(), input[..length].to_ascii_lowercase());
    }
}

fn check(name: &Name) {
    let wire = name.wire();
    assert!((1..=255).contains(&wire.len()) && wire.last() == Some(&0), "{wire:?}");
    assert_eq!(Name::from_wire(wire).as_ref(), Ok(name));
    let text = name.to_string();
    assert!(text.bytes().all(|octet| octet.is_ascii_graphic()), "{text:?}");
    assert_eq!(
        Name::parse(&text, &Name::root()).map(|read| read.wire().to_vec()),
        Ok(wire.to_vec())
    );
    let mut lowered = LowerName::new();
    assert!(lowered.set(wire));
    assert_eq!(lowered.wire(), wire.to_ascii_lowercase());
    assert_eq!(lowered.hash(), lower::hash(&wire.to_ascii_lowercase()));
    assert_eq!(lowered.labels(), labels(wire));
    assert_eq!(name.to_lower().wire(), lowered.wire());
    assert_eq!(name.parent().is_none(), wire.len() == 1);
    if let Some(parent) = name.parent() {
        assert!(name.is_within(&parent) && !parent.is_within(name));
    }
}

/// Labels without the root's.
fn labels(mut wire: &[u8]) -> usize {
    let mut count = 0;
    while let Some((length @ 1.., rest)) = wire.split_first() {
        wire = &rest[usize::from(*length)..];
        count += 1;
    }
    count
}
