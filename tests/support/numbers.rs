//! Numbers for tests and benchmarks to choose by: the one generator that they have.
#![allow(dead_code, unreachable_pub, reason = "each test and benchmark uses its own part")]

/// Numbers that look random and are the same in every run (SplitMix64).
#[derive(Clone)]
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        choices.get(self.below(choices.len())).expect("something to choose from")
    }

    /// True in `percent` of a hundred calls.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn v4(&mut self) -> u32 {
        self.next() as u32
    }

    /// Global unicast (RFC 4291 section 2.4), where clients are.
    pub fn v6(&mut self) -> u128 {
        self.wide() >> 3 | 1 << 125
    }
}
