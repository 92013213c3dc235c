//! How UDP is served.

/// How UDP is served (`udp` in the configuration).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UdpMode {
    /// The best mode that the system has.
    #[default]
    Auto,
    /// Batches by recvmmsg(2) and sendmmsg(2), which Linux has.
    Mmsg,
    /// One datagram at a time, by calls that every system has.
    ///
    /// On a wildcard address, answers leave from the address that routing chooses, which may differ
    /// from the one that was asked (RFC 2181 section 4.1). The configuration's reader warns of it:
    /// list the addresses one by one instead.
    Portable,
}

impl UdpMode {
    /// Whether this system then serves UDP in portable mode.
    pub fn is_portable(self) -> bool {
        match self {
            Self::Portable => true,
            Self::Auto => !cfg!(target_os = "linux"),
            Self::Mmsg => false,
        }
    }
}
