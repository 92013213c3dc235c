//! Placeholders in origins and owners.

/// The placeholder of country codes in origins and owners.
pub const CC: &str = "{cc}";

/// The placeholder of database names in owners.
pub const DB: &str = "{db}";
