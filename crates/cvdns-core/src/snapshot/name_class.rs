//! Classes of names, by which queries are counted.

/// The class of a name. Metrics are labelled with it instead of the name, because clients can query
/// any number of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum NameClass {
    /// Names with static records, and names in the served zones that do not exist.
    #[default]
    Static,
    /// Mirrors of a fixed pool: of a country, of a continent, or a named one.
    Country,
    /// Mirrors near the client.
    Local,
    /// The version record of all databases or of one.
    Record,
    /// Download reports of old freshclam versions.
    DownloadReport,
    /// Diagnostic names (`_explain` and others).
    Diagnostic,
    /// The server itself, in class CHAOS (RFC 4892).
    Server,
    /// Names in no served zone, and other classes than IN and CHAOS.
    Foreign,
    /// No name: the message is malformed.
    Malformed,
    /// Queries rejected whatever the name: other opcodes, unknown EDNS versions, zone transfers and
    /// other meta-queries.
    Other,
    /// Queries of clients that asked too much (`[rate-limit]`): the name is not looked up.
    Limited,
}

impl NameClass {
    /// All classes, in the order of their discriminants.
    pub const ALL: [Self; 11] = [
        Self::Static,
        Self::Country,
        Self::Local,
        Self::Record,
        Self::DownloadReport,
        Self::Diagnostic,
        Self::Server,
        Self::Foreign,
        Self::Malformed,
        Self::Other,
        Self::Limited,
    ];

    /// The name of the class in metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Country => "country",
            Self::Local => "local",
            Self::Record => "record",
            Self::DownloadReport => "ping",
            Self::Diagnostic => "diagnostic",
            Self::Server => "server",
            Self::Foreign => "foreign",
            Self::Malformed => "malformed",
            Self::Other => "other",
            Self::Limited => "limited",
        }
    }
}
