//! The same on other systems, which have no AF_XDP.

use std::io;
use std::net::SocketAddr;

use tracing::warn;

use super::handover::XdpHandover;
use super::status::{XdpMode, XdpSettings};

/// Nothing: AF_XDP is a part of Linux.
#[derive(Debug)]
pub struct Xdp(());

impl Xdp {
    /// Warns that the settings have no effect.
    pub fn set_up(settings: &XdpSettings, _: &[SocketAddr], _: Vec<XdpHandover>) -> Self {
        for interface in &settings.interfaces {
            warn!("AF_XDP does not serve {interface}: {REASON}");
        }
        Self(())
    }

    pub(crate) fn queues(&self) -> impl Iterator<Item = usize> {
        std::iter::empty()
    }

    pub(crate) fn share(&self) -> io::Result<Vec<XdpHandover>> {
        Ok(Vec::new())
    }
}

/// Says that it cannot.
///
/// # Errors
/// Always.
pub fn examine(_: &str, _: XdpMode, _: &[SocketAddr]) -> Result<Vec<String>, String> {
    Err(REASON.to_owned())
}

const REASON: &str = "AF_XDP is a part of Linux, and this is another system";
