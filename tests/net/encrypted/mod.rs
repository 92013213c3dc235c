//! DNS over TLS, QUIC and HTTPS (docs/encrypted.md), before clients that do as they please.

mod abuse;
mod doh;
mod doq;
mod dot;
mod load;
mod memory;
mod renewal;
mod same;
mod status;
mod takeover;

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};

use crate::support::daemon::{Daemon, Files};
use crate::support::{PATIENCE, fixture, ports, tools};

/// A server with all encrypted transports.
struct Encrypted {
    daemon: Daemon,
    dot: u16,
    doq: u16,
    doh: u16,
}

/// A connection over TLS.
type Tls = StreamOwned<ClientConnection, TcpStream>;

impl Encrypted {
    fn start() -> Self {
        Self::start_with("")
    }

    /// One that can be replaced.
    fn replaceable() -> Self {
        let [dot, doq, doh] = [(); 3].map(|()| ports::free());
        let files = files([dot, doq, doh], "");
        let config = files.text("cvdns.toml");
        let config = config.replace("[server]", "[server]\ntakeover = \"run/t.sock\"");
        Self { daemon: Daemon::start(&files.with("cvdns.toml", config)), dot, doq, doh }
    }

    /// One with an admin address, which is returned too, and these lines in `[tls]`.
    fn observed(lines: &str) -> (Self, u16) {
        let admin = ports::free();
        let admin_lines = format!("{lines}\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n");
        (Self::start_with(&admin_lines), admin)
    }

    /// The same with these lines in `[tls]`, and behind it.
    fn start_with(lines: &str) -> Self {
        let [dot, doq, doh] = [(); 3].map(|()| ports::free());
        let files = files([dot, doq, doh], lines);
        Self { daemon: Daemon::start(&files), dot, doq, doh }
    }
}

/// The fixture's files with a certificate.
fn files(ports: [u16; 3], lines: &str) -> Files {
    let files = fixture::files();
    // On a slow machine, clients of these tests are silent for longer than two seconds.
    let idle = ["tcp-idle = \"2s\"", "tcp-idle = \"30s\""];
    let config = files.text("cvdns.toml").replace(idle[0], idle[1]);
    assert!(config.contains(idle[1]), "{config}");
    with_tls(files.with("cvdns.toml", config), ports, lines)
}

/// Adds encrypted transports on these ports.
pub(crate) fn with_tls(files: Files, [dot, doq, doh]: [u16; 3], lines: &str) -> Files {
    let dir = tempfile::tempdir().expect("a directory");
    let [certificate, key] = certificate(dir.path(), "ns1.clam.example");
    let mut config = files.text("cvdns.toml").to_owned();
    write!(
        config,
        "\n[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\ndot = [\"127.0.0.1:{dot}\"]\n\
         doq = [\"127.0.0.1:{doq}\"]\ndoh = [\"127.0.0.1:{doh}\"]\n{lines}\n"
    )
    .expect("written");
    files.with("cvdns.toml", config).with("c.pem", certificate).with("k.pem", key)
}

/// A certificate for this name and its key, as openssl makes them.
fn certificate(dir: &Path, name: &str) -> [String; 2] {
    let names = format!("subjectAltName=DNS:{name}");
    let mut command = tools::tool_of("openssl", "install openssl");
    command.current_dir(dir).args(["req", "-x509", "-newkey", "ec", "-pkeyopt"]);
    command.args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "90", "-subj", "/CN=x"]);
    command.args(["-addext", &names, "-keyout", "k.pem", "-out", "c.pem"]);
    tools::output(&mut command);
    ["c.pem", "k.pem"].map(|file| std::fs::read_to_string(dir.join(file)).expect("the file"))
}

/// Takes any certificate, as resolvers that probe do (RFC 9539 section 4.6.3.3), and keeps it.
#[derive(Debug, Default)]
struct AnyCertificate(Mutex<Option<Vec<u8>>>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.0.lock().expect("nobody panics") = Some(end_entity.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A client that asks for one of these protocols.
fn client_config(protocols: &[&[u8]]) -> (ClientConfig, Arc<AnyCertificate>) {
    let verifier = Arc::new(AnyCertificate::default());
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    (config, verifier)
}

/// A connection after its handshake.
fn tls(port: u16, protocols: &[&[u8]]) -> io::Result<Tls> {
    Ok(tls_and_certificate(port, protocols)?.0)
}

/// The same, and the certificate that was shown.
fn tls_and_certificate(port: u16, protocols: &[&[u8]]) -> io::Result<(Tls, Vec<u8>)> {
    let (config, verifier) = client_config(protocols);
    let name = ServerName::try_from("ns1.clam.example").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    let shown = verifier.0.lock().expect("nobody panics").take();
    Ok((stream, shown.expect("a certificate")))
}

/// The next message of a stream, with its length before it; `None` at its end.
fn next_message(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).expect("the whole message");
    Some(message)
}

/// Asks over DNS over TLS.
fn ask_tls(stream: &mut Tls, query: &[u8]) -> Option<Vec<u8>> {
    stream.write_all(&crate::support::client::framed(query)).expect("sent");
    next_message(stream)
}
