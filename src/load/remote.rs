//! Fetches the feed and its signature from a web server (RFC 9110). Whatever the server does, a
//! fetch takes bounded time and memory, and each kind of failure has a name.

mod body;
mod failure;
mod roots;
mod timeouts;

use std::sync::Arc;
use std::time::Instant;

use rustls::crypto::ring;
use ureq::config::ConfigBuilder;
use ureq::http::header::{ACCEPT_ENCODING, CONNECTION, ETAG, IF_NONE_MATCH, LOCATION};
use ureq::http::{HeaderValue, Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::typestate::AgentScope;
use ureq::unversioned::transport::Connector;
use ureq::{Agent, Body};

pub(crate) use failure::ABSENT;
pub use failure::{FetchError, FetchFailure, FetchedPart};
pub use roots::TrustedRoots;
pub use timeouts::FetchTimeouts;

use cvdns_core::health::{MAX_FEED_SIZE, SIGNATURE_EXTENSION};
use cvdns_io::exchange;

/// Most octets of a signature. Those of minisign have about 300.
const MAX_SIGNATURE: usize = 8 << 10;

/// Fetches one URL again and again. Blocks its thread.
#[derive(Debug)]
pub struct Fetcher {
    agent: Agent,
    url: String,
    /// The URL of the signature, if one is asked for.
    signature: Option<String>,
    timeouts: FetchTimeouts,
    /// Most octets of the document.
    limit: usize,
    /// Why every fetch fails before it starts.
    broken: Option<FetchFailure>,
    /// The `ETag` of the document that was read last.
    etag: Option<HeaderValue>,
    /// Whether the last connection is kept. The server may have closed it meanwhile.
    has_connection: bool,
}

/// The outcome of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The server still has the document that was fetched last.
    NotModified,
    /// A document.
    New {
        /// The document's octets.
        octets: Vec<u8>,
        /// The signature's octets, if one is asked for. If the server replaces both files between
        /// the two requests, they do not belong together; [`Fetcher::forget_etag`] has both fetched
        /// again.
        signature: Option<Vec<u8>>,
    },
}

impl Fetcher {
    /// A fetcher of this URL, which trusts servers that these roots certify. `signed` fetches the
    /// signature too.
    pub fn new(url: &str, roots: &TrustedRoots, signed: bool, timeouts: FetchTimeouts) -> Self {
        let (certificates, broken) = if is_secure(url) {
            match roots.certificates() {
                Ok(certificates) => (certificates, None),
                Err(what) => (Vec::new(), Some(FetchFailure::NoRoots(what))),
            }
        } else {
            (Vec::new(), None)
        };
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&certificates))
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build();
        let config = configured(timeouts).tls_config(tls).build();
        Self { broken, ..Self::of(url, exchange::agent(config, None), signed, timeouts) }
    }

    /// The same for a URL of http, over connections that `connector` makes, for callers that bring
    /// their own.
    pub fn over(
        connector: impl Connector,
        url: &str,
        signed: bool,
        timeouts: FetchTimeouts,
    ) -> Self {
        let agent = exchange::agent_over(connector, configured(timeouts).build(), None);
        Self::of(url, agent, signed, timeouts)
    }

    fn of(url: &str, agent: Agent, signed: bool, timeouts: FetchTimeouts) -> Self {
        let signature = signed.then(|| signature_url(url));
        let url = url.to_owned();
        Self {
            agent,
            url,
            signature,
            timeouts,
            limit: MAX_FEED_SIZE,
            broken: None,
            etag: None,
            has_connection: false,
        }
    }

    /// The same for documents of at most this many octets.
    #[must_use]
    pub fn limited(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// Fetches the document once. A document that was fetched completely is not sent again while it
    /// stays the same.
    ///
    /// # Errors
    /// When the document, or the signature if one is asked for, cannot be fetched.
    pub fn fetch(&mut self) -> Result<Fetched, FetchError> {
        let of = |part| move |failure| FetchError { part, failure };
        if let Some(failure) = &self.broken {
            return Err(of(FetchedPart::Document)(failure.clone()));
        }
        let started = Instant::now();
        let response =
            self.ask(&self.url, self.etag.as_ref(), started).map_err(of(FetchedPart::Document));
        // After a failure no connection is kept, and after an incomplete read the library takes
        // another one.
        self.has_connection = self.timeouts.idle.is_some() && response.is_ok();
        let response = response?;
        if response.status() == StatusCode::NOT_MODIFIED && self.etag.is_some() {
            return Ok(Fetched::NotModified);
        }
        let etag = response.headers().get(ETAG).cloned();
        let octets = self.read(response, self.limit).map_err(of(FetchedPart::Document))?;
        body::check_whole(&octets).map_err(of(FetchedPart::Document))?;
        let fetch_signature =
            |url: &String| self.ask(url, None, started).and_then(|r| self.read(r, MAX_SIGNATURE));
        let signature = self.signature.as_ref().map(fetch_signature).transpose();
        let signature = signature.map_err(of(FetchedPart::Signature))?;
        self.etag = etag;
        Ok(Fetched::New { octets, signature })
    }

    /// Has the next fetch bring the document even if it is the same.
    pub fn forget_etag(&mut self) {
        self.etag = None;
    }

    /// Sends a request of a fetch that began at `started`, and returns the head of the response.
    fn ask(
        &self,
        url: &str,
        etag: Option<&HeaderValue>,
        started: Instant,
    ) -> Result<Response<Body>, FetchFailure> {
        let asked = self.ask_once(url, etag, started);
        // The server may close a kept connection just when the request arrives (RFC 9112 section
        // 9.3.1).
        match asked {
            Err(FetchFailure::ClosedWithout) if self.has_connection => {
                self.ask_once(url, etag, started)
            }
            asked => asked,
        }
    }

    fn ask_once(
        &self,
        url: &str,
        etag: Option<&HeaderValue>,
        started: Instant,
    ) -> Result<Response<Body>, FetchFailure> {
        let left = self.timeouts.total.saturating_sub(started.elapsed());
        let request = self.agent.get(url).config().timeout_global(Some(left)).build();
        let mut request = request.header(ACCEPT_ENCODING, body::ENCODINGS);
        if self.timeouts.idle.is_none() {
            request = request.header(CONNECTION, "close");
        }
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        request.call().map_err(|error| FetchFailure::before_answer(&error, self.timeouts))
    }

    /// Reads a response that must contain a document.
    fn read(&self, response: Response<Body>, limit: usize) -> Result<Vec<u8>, FetchFailure> {
        let status = response.status();
        if status.is_redirection()
            && let Some(location) = response.headers().get(LOCATION)
        {
            let to = failure::printable(&String::from_utf8_lossy(location.as_bytes()));
            return Err(FetchFailure::Redirect { status: status.as_u16(), to });
        }
        if status != StatusCode::OK {
            return Err(FetchFailure::Status(status.as_u16()));
        }
        body::read(response, limit, self.timeouts)
    }
}

/// The configuration of an agent, apart from TLS.
fn configured(timeouts: FetchTimeouts) -> ConfigBuilder<AgentScope> {
    exchange::with_bounded_head(Agent::config_builder())
        // Proxies in the environment are meant for interactive programs. A server connects to
        // the host that is configured.
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .max_idle_connections(usize::from(timeouts.idle.is_some()))
        .max_idle_age(timeouts.idle.unwrap_or_default())
        .user_agent(concat!("cvdns/", env!("CARGO_PKG_VERSION")))
        .accept("application/json, */*;q=0.1")
        .timeout_resolve(Some(timeouts.connect))
        .timeout_connect(Some(timeouts.connect))
        .timeout_global(Some(timeouts.total))
}

/// Whether the scheme of a URL is https. Schemes are case-insensitive (RFC 3986 section 3.1).
pub(super) fn is_secure(url: &str) -> bool {
    url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

/// The URL of the signature: its extension goes after the path, before a query.
fn signature_url(url: &str) -> String {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    format!("{path}{SIGNATURE_EXTENSION}{query}")
}

#[cfg(test)]
mod tests;
