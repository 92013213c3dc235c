//! What a dynamic name is answered from.

use super::pool_ref::PoolRef;

/// What a dynamic name is answered from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameKind {
    /// Addresses of mirrors.
    Pool {
        /// The pool whose path is followed.
        pool: PoolRef,
        /// The types that exist at the name.
        families: Families,
    },
    /// The version record, TXT.
    Record,
    /// The version of one database, TXT; the owner has `{db}`.
    Database,
    /// Download reports of old clients: answered with 127.0.0.1.
    Ping,
}

/// The address types of a name with a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Families {
    /// A and AAAA, both from the pools that A is drawn from.
    Both,
    /// A alone.
    V4,
    /// AAAA alone: the path is followed for IPv6.
    V6,
}

/// The values of `txt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxtKind {
    /// [`NameKind::Record`].
    Record,
    /// [`NameKind::Database`].
    Database,
}

impl Families {
    /// The families of the types that are listed; without any, both.
    pub(super) fn of(types: &[Self]) -> Self {
        match (types.contains(&Self::V4), types.contains(&Self::V6)) {
            (true, false) => Self::V4,
            (false, true) => Self::V6,
            _ => Self::Both,
        }
    }
}

impl From<TxtKind> for NameKind {
    fn from(txt: TxtKind) -> Self {
        match txt {
            TxtKind::Record => Self::Record,
            TxtKind::Database => Self::Database,
        }
    }
}
