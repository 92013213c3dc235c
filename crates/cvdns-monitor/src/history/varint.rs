//! Numbers of variable length (LEB128, as WebAssembly and Protocol Buffers have them).

/// Octets that are read from the front.
pub(super) struct Octets<'o>(pub(super) &'o [u8]);

/// Octets that are no packed form. `SQLite` has no checksums: a disk may give back anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

impl Octets<'_> {
    /// The next octet; `None` at the end.
    pub(super) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next octet, which must be there.
    pub(super) fn octet(&mut self) -> Result<u8, Damaged> {
        self.next().ok_or(Damaged)
    }

    /// An unsigned number.
    pub(super) fn unsigned(&mut self) -> Result<u64, Damaged> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            let part = u64::from(octet & 0x7f);
            if part.checked_shl(shift).and_then(|moved| moved.checked_shr(shift)) != Some(part) {
                return Err(Damaged);
            }
            value |= part << shift;
            if octet < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged)
    }

    /// An unsigned number of 32 bits.
    pub(super) fn small(&mut self) -> Result<u32, Damaged> {
        u32::try_from(self.unsigned()?).map_err(|_| Damaged)
    }

    /// A signed number.
    pub(super) fn signed(&mut self) -> Result<i64, Damaged> {
        self.unsigned().map(unzigzag)
    }
}

/// Appends an unsigned number.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number: small ones of either sign are short.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, zigzag(value));
}

/// 0, −1, 1, −2, … as 0, 1, 2, 3, …
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The number that [`zigzag`] made this of.
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_written(plain in any::<u64>(), signed in any::<i64>()) {
            let mut out = Vec::new();
            put(&mut out, plain);
            put_signed(&mut out, signed);
            let mut read = Octets(&out);
            prop_assert_eq!((read.unsigned(), read.signed(), read.next()), (Ok(plain), Ok(signed), None));
        }

        #[test]
        fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..24)) {
            let mut read = Octets(&octets);
            while read.unsigned().is_ok() {}
        }
    }
}
