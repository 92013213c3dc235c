//! HTTP client for the admin listener of the running server.

use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::output::Failure;
use super::problems::print;
use crate::load;
use cvdns_core::config::{Admin, AdminAddress};
use cvdns_core::problem::Problems;
use cvdns_io::{beside, unix_agent};
use cvdns_net::UnixSocket;

/// Client for the admin listener that a configuration names.
#[derive(Debug)]
pub(in crate::cli) struct AdminClient {
    server: Server,
    agent: Agent,
    /// The file with the token for changes over TCP.
    token_file: Option<PathBuf>,
}

/// Where the server listens.
#[derive(Debug, Clone)]
enum Server {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// The status of a response, and its text.
#[derive(Debug)]
pub(in crate::cli) struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub text: String,
}

/// Time limit for one request. The server is on this machine and answers at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Time limit for a change: a reload with a million records takes some seconds, and may wait for
/// others.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(600);

/// Time limit for a connection to this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a socket that is being replaced is waited for: the old server answers what it has
/// received meanwhile.
const REPLACEMENT_TIME: Duration = Duration::from_secs(5);

/// How long to wait before the next look.
const REPLACEMENT_PAUSE: Duration = Duration::from_millis(10);

impl AdminClient {
    /// Client for the server that runs with this configuration: over a Unix socket if one can be
    /// connected to, otherwise over TCP.
    pub(in crate::cli) fn of(config: &Path) -> Result<Self, Failure> {
        let mut problems = Problems::default();
        // Whatever else is wrong, the server may be asked, and reports it at a reload.
        let admin = load::admin(config, &mut problems);
        let usable = |admin: &Admin| !admin.listen.is_empty() || !problems.has_errors();
        let Some(admin) = admin.filter(usable) else {
            print(&problems);
            return Err(Failure::new(
                "the server was not asked and goes on with what it has, as its admin address cannot \
                 be read here: correct this, or name another configuration with --config",
            ));
        };
        let server = Server::of(&admin, config)?;
        let limits = Agent::config_builder()
            .timeout_global(Some(CHANGE_TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        let agent = match &server {
            Server::Unix(path) => unix_agent(limits, path),
            Server::Tcp(_) => limits.into(),
        };
        let token_file = admin.token_file.map(|named| beside(config, &named.value));
        Ok(Self { server, agent, token_file })
    }

    /// Sends a GET request and decodes the JSON of the response.
    pub(in crate::cli) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let request = self.agent.get(self.url(path));
        let request = request.config().timeout_global(Some(TIMEOUT)).build();
        let answer = self.read(request.call())?;
        self.decode(&answer.text)
    }

    /// Sends a POST request with a JSON body.
    pub(in crate::cli) fn post(&self, path: &str, body: &str) -> Result<Answer, Failure> {
        let request = self.agent.post(self.url(path));
        self.change(request, body)
    }

    /// Sends a PUT request with a JSON body.
    pub(in crate::cli) fn put(&self, path: &str, body: &str) -> Result<Answer, Failure> {
        let request = self.agent.put(self.url(path));
        self.change(request, body)
    }

    /// Decodes the JSON of a response.
    pub(in crate::cli) fn decode<T: DeserializeOwned>(&self, text: &str) -> Result<T, Failure> {
        serde_json::from_str(text).map_err(|error| {
            let server = &self.server;
            Failure::new(format!("{server} is not a cvdns server of this version: {error}"))
        })
    }

    fn change(
        &self,
        request: ureq::RequestBuilder<ureq::typestate::WithBody>,
        body: &str,
    ) -> Result<Answer, Failure> {
        let mut request = request.content_type("application/json");
        if let (Server::Tcp(_), Some(path)) = (&self.server, &self.token_file) {
            let token = load::read_token(path).map_err(|error| {
                Failure::new(format!(
                    "cannot present the token of `token-file` in [admin]: {error}"
                ))
            })?;
            request = request.header("authorization", token.authorization());
        }
        self.read(request.send(body))
    }

    fn url(&self, path: &str) -> String {
        match &self.server {
            // The name is not used, but must be one.
            Server::Unix(_) => format!("http://127.0.0.1{path}"),
            Server::Tcp(address) => format!("http://{address}{path}"),
        }
    }

    fn read(&self, response: Result<Response<Body>, ureq::Error>) -> Result<Answer, Failure> {
        let unreachable = |error: &ureq::Error| {
            let server = &self.server;
            let (why, hint) = match error {
                ureq::Error::Io(error) => (error.to_string(), hint(error.kind(), server)),
                error => (error.to_string(), "is it running?"),
            };
            Failure::new(format!(
                "the server at {server} (`listen` in [admin]) does not answer: {why}; {hint}"
            ))
        };
        let mut response = response.map_err(|error| unreachable(&error))?;
        // With many mirrors the response exceeds the client's default limit of 10 MB.
        let text = response.body_mut().with_config().limit(u64::MAX).read_to_string();
        let text = text.map_err(|error| unreachable(&error))?;
        Ok(Answer { status: response.status().as_u16(), text })
    }
}

/// What may be the cause of such an error.
fn hint(kind: ErrorKind, server: &Server) -> &'static str {
    match (kind, server) {
        (ErrorKind::PermissionDenied, _) => "only its owner and its group may use it",
        (ErrorKind::NotFound, Server::Unix(_)) => {
            "is it running? If it is, the file of its socket was removed: a restart makes it again"
        }
        _ => "is it running?",
    }
}

impl Answer {
    /// The text of a success.
    ///
    /// # Errors
    /// The text of any other response.
    pub(in crate::cli) fn success(self) -> Result<String, Failure> {
        if (200..300).contains(&self.status) {
            Ok(self.text)
        } else {
            Err(Failure::new(self.text.trim_end()))
        }
    }
}

impl Server {
    /// The first address that can be connected to; Unix sockets come first, as they need no token.
    /// If none can, the first of all, so that the failure is told of that one.
    fn of(admin: &Admin, config: &Path) -> Result<Self, Failure> {
        let mut servers: Vec<Self> = admin
            .listen
            .iter()
            .map(|address| match address {
                AdminAddress::Unix(path) => Self::Unix(beside(config, path)),
                AdminAddress::Tcp(address) => Self::Tcp(reachable(*address)),
            })
            .collect();
        servers.sort_by_key(|server| matches!(server, Self::Tcp(_)));
        let found = servers.iter().find(|server| server.can_be_connected());
        let first = found.or(servers.first()).cloned();
        first.ok_or_else(|| {
            Failure::new(
                "the configuration has no [admin] address, so the running server cannot be \
                 reached: add [admin] with listen = \"unix:run/admin.sock\" and restart the server",
            )
        })
    }

    fn can_be_connected(&self) -> bool {
        match self {
            Self::Unix(path) => {
                let deadline = Instant::now() + REPLACEMENT_TIME;
                while UnixStream::connect(path).is_err() {
                    if !being_replaced(path) || Instant::now() > deadline {
                        return false;
                    }
                    sleep(REPLACEMENT_PAUSE);
                }
                true
            }
            Self::Tcp(address) => TcpStream::connect_timeout(address, CONNECT_TIMEOUT).is_ok(),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// Whether a new server is about to put its socket in the place of the running server's.
fn being_replaced(path: &Path) -> bool {
    UnixSocket::beside(path).exists()
}

/// The server runs on this machine; a wildcard address is no address to connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
