//! What TLS is set up with.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::server::{ResolvesServerCert, WantsServerCert};
use rustls::version::{TLS12, TLS13};
use rustls::{ConfigBuilder, ServerConfig, SupportedProtocolVersion};

/// Tells which certificate clients are shown, at each handshake anew.
pub type Certificate = Arc<dyn ResolvesServerCert>;

/// What clients of DNS over TLS ask for by ALPN (RFC 7858 section 3.1, RFC 9103 section 7.1).
pub(super) const DOT: &[u8] = b"dot";
/// What clients of DNS over QUIC ask for (RFC 9250 section 4.1.1).
pub(super) const DOQ: &[u8] = b"doq";
/// What clients of HTTP/2 ask for.
pub(super) const HTTP2: &[u8] = b"h2";
/// What clients of HTTP/1.1 ask for.
pub(super) const HTTP1: &[u8] = b"http/1.1";

/// TLS for connections over TCP, by whose ALPN clients may ask for one of these protocols. Those
/// that ask for others only are refused (RFC 7301 section 3.2); those that ask for none are not.
pub(super) fn over_tcp(
    certificate: Certificate,
    protocols: &[&[u8]],
) -> io::Result<Arc<ServerConfig>> {
    let mut config = builder(&[&TLS13, &TLS12])?.with_cert_resolver(certificate);
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    // Clients that come back need no second signature; nothing is kept for them here.
    config.ticketer = Ticketer::new().map_err(io::Error::other)?;
    Ok(Arc::new(config))
}

/// TLS for QUIC (RFC 9001 section 4.2), whose clients must ask for this protocol (section 8.1).
/// There is no early data: it could be replayed (RFC 9250 section 4.5).
pub(super) fn over_quic(certificate: Certificate, protocol: &[u8]) -> io::Result<ServerConfig> {
    let mut config = builder(&[&TLS13])?.with_cert_resolver(certificate);
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

fn builder(
    versions: &[&'static SupportedProtocolVersion],
) -> io::Result<ConfigBuilder<ServerConfig, WantsServerCert>> {
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(versions).map_err(io::Error::other)?;
    Ok(builder.with_no_client_auth())
}
