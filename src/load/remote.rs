//! Fetches the feed from a web server (RFC 9110), and its signature beside it. Whatever the server does, it takes bounded
//! time and memory, and has a name when it is wrong.

mod body;
mod failure;
mod roots;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use ureq::http::header::{ACCEPT_ENCODING, CONNECTION, ETAG, IF_NONE_MATCH, LOCATION};
use ureq::http::{HeaderValue, Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

pub use failure::{Failure, FetchError, Part};
pub use roots::Roots;

use cvdns_core::health::{MAX_FEED_SIZE, SIGNATURE_EXTENSION};
use cvdns_io::exchange;

/// Most octets of a signature: minisign's have about 300.
const MAX_SIGNATURE: usize = 8 << 10;

/// Fetches one URL again and again; blocks.
#[derive(Debug)]
pub struct Fetcher {
    agent: Agent,
    url: String,
    /// Where the signature is, if it is asked for.
    signature: Option<String>,
    patience: Patience,
    /// What makes every fetch fail before it starts.
    broken: Option<Failure>,
    /// The version that was read last.
    etag: Option<HeaderValue>,
    /// Whether there may be a connection of before, which the server may have closed meanwhile.
    kept: bool,
}

/// What a fetch brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The server has what was fetched last.
    NotModified,
    /// A document.
    New {
        /// Its octets.
        octets: Vec<u8>,
        /// Those of its signature, when that is asked for. The server may replace both between the two requests: then
        /// they do not fit, and [`Fetcher::forget`] has both fetched anew.
        signature: Option<Vec<u8>>,
    },
}

/// How long is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until there is a connection, TLS included; and before it for the server's addresses.
    pub connect: Duration,
    /// From the start of a fetch to the end of its last answer, which is that of the signature where there is one.
    pub total: Duration,
    /// How long a connection is kept for the next fetch. `None`: it is closed.
    pub idle: Option<Duration>,
}

/// The longest interval over which a connection is kept: web servers wait about as long for the next request (nginx 75 s), and a
/// connection that they have closed by then is of no use.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// What the next fetch may be late by.
const LATE: Duration = Duration::from_secs(30);

impl Patience {
    /// For a source that is asked this often: a fetch that outlasts its turn is of no use, but a server far away needs some
    /// seconds, and one that takes half a minute will not come to an end.
    pub fn of(interval: Duration) -> Self {
        let total = interval.clamp(Duration::from_secs(3), Duration::from_secs(30));
        let idle = (interval <= KEPT_FOR).then(|| interval.saturating_add(LATE));
        Self { connect: total.min(Duration::from_secs(5)), total, idle }
    }
}

impl Fetcher {
    /// A fetcher of this URL, which trusts servers with a certificate of these roots; `signed`: with the signature.
    pub fn new(url: &str, roots: &Roots, signed: bool, patience: Patience) -> Self {
        let (certificates, broken) = if is_secure(url) {
            match roots.certificates() {
                Ok(certificates) => (certificates, None),
                Err(what) => (Vec::new(), Some(Failure::NoRoots(what))),
            }
        } else {
            (Vec::new(), None)
        };
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&certificates))
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build();
        let config = exchange::with_bounded_head(Agent::config_builder())
            .tls_config(tls)
            // What the environment says of proxies is meant for people's programs. A server goes where it was told to.
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .max_idle_connections(usize::from(patience.idle.is_some()))
            .max_idle_age(patience.idle.unwrap_or_default())
            .user_agent(concat!("cvdns/", env!("CARGO_PKG_VERSION")))
            .accept("application/json, */*;q=0.1")
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_global(Some(patience.total))
            .build();
        let signature = signed.then(|| signature_url(url));
        let (agent, url) = (exchange::agent(config, None), url.to_owned());
        Self { agent, url, signature, patience, broken, etag: None, kept: false }
    }

    /// Asks the server once. What was read whole is not sent again while it stays the same.
    ///
    /// # Errors
    /// When there is no document, or no signature that was asked for.
    pub fn fetch(&mut self) -> Result<Fetched, FetchError> {
        let of = |part| move |failure| FetchError { part, failure };
        if let Some(failure) = &self.broken {
            return Err(of(Part::Document)(failure.clone()));
        }
        let started = Instant::now();
        let response = self.ask(&self.url, self.etag.as_ref(), started).map_err(of(Part::Document));
        // There is none after a failure, and none that the library would take after an answer that was not read whole.
        self.kept = self.patience.idle.is_some() && response.is_ok();
        let response = response?;
        if response.status() == StatusCode::NOT_MODIFIED && self.etag.is_some() {
            return Ok(Fetched::NotModified);
        }
        let etag = response.headers().get(ETAG).cloned();
        let octets = self.read(response, MAX_FEED_SIZE).map_err(of(Part::Document))?;
        body::check_whole(&octets).map_err(of(Part::Document))?;
        let fetch_signature =
            |url: &String| self.ask(url, None, started).and_then(|r| self.read(r, MAX_SIGNATURE));
        let signature = self.signature.as_ref().map(fetch_signature).transpose();
        let signature = signature.map_err(of(Part::Signature))?;
        self.etag = etag;
        Ok(Fetched::New { octets, signature })
    }

    /// The next fetch brings the document, whether the server has another or not.
    pub fn forget(&mut self) {
        self.etag = None;
    }

    /// Sends a request of a fetch that started then; the answer's head.
    fn ask(
        &self,
        url: &str,
        etag: Option<&HeaderValue>,
        started: Instant,
    ) -> Result<Response<Body>, Failure> {
        let asked = self.ask_once(url, etag, started);
        // The server may close a connection of before just when the request comes (RFC 9112 section 9.3.1).
        match asked {
            Err(Failure::ClosedWithout) if self.kept => self.ask_once(url, etag, started),
            asked => asked,
        }
    }

    fn ask_once(
        &self,
        url: &str,
        etag: Option<&HeaderValue>,
        started: Instant,
    ) -> Result<Response<Body>, Failure> {
        let left = self.patience.total.saturating_sub(started.elapsed());
        let request = self.agent.get(url).config().timeout_global(Some(left)).build();
        let mut request = request.header(ACCEPT_ENCODING, body::ENCODINGS);
        if self.patience.idle.is_none() {
            request = request.header(CONNECTION, "close");
        }
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        request.call().map_err(|error| Failure::before_answer(&error, self.patience))
    }

    /// Reads an answer that must have a document.
    fn read(&self, response: Response<Body>, limit: usize) -> Result<Vec<u8>, Failure> {
        let status = response.status();
        if status.is_redirection()
            && let Some(location) = response.headers().get(LOCATION)
        {
            let to = failure::printable(&String::from_utf8_lossy(location.as_bytes()));
            return Err(Failure::Redirect { status: status.as_u16(), to });
        }
        if status != StatusCode::OK {
            return Err(Failure::Status(status.as_u16()));
        }
        body::read(response, limit, self.patience)
    }
}

/// Whether a URL is of https. Schemes are the same in any case (RFC 3986 section 3.1).
pub(super) fn is_secure(url: &str) -> bool {
    url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

/// The URL of the signature: behind the path, in front of a query.
fn signature_url(url: &str) -> String {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    format!("{path}{SIGNATURE_EXTENSION}{query}")
}

#[cfg(test)]
mod tests;
