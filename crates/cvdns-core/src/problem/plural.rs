//! Counts with their noun.

/// A count and the noun that goes with it: `1 address`, `2 addresses`.
pub fn plural(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
