//! What becomes of zones that a secondary cannot answer as they are meant.

/// What becomes of transferred zones with names whose answers depend on the client, while client
/// subnets are answered (`client-names` in `[transfer]`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClientNames {
    /// They are not transferred.
    #[default]
    Refuse,
    /// They are transferred with the answers for clients that the country database does not know.
    Unknown,
}
