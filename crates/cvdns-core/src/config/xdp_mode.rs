//! How interfaces are served by `AF_XDP`.

use std::fmt;

/// Where frames are taken from (`mode` in `[xdp]`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum XdpMode {
    /// From the driver, before the kernel makes a packet of a frame. The driver must know XDP.
    #[default]
    Native,
    /// Behind the driver, which can be any. It costs more.
    Generic,
}

impl XdpMode {
    /// The word for it in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }
}

impl fmt::Display for XdpMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
