//! HTTP client for the admin address of the running server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::output::Failure;
use super::problems::print;
use crate::load;
use cvdns_core::problem::Problems;

/// Client for the admin address that a configuration names.
#[derive(Debug)]
pub(in crate::cli) struct AdminClient {
    address: SocketAddr,
    agent: Agent,
}

/// Time limit for one request. The server is on this machine and answers at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(10);

impl AdminClient {
    /// Client for the server that runs with this configuration.
    pub(in crate::cli) fn of(config: &Path) -> Result<Self, Failure> {
        let agent = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Ok(Self { address: address(config)?, agent: agent.into() })
    }

    /// Sends a GET request and decodes the JSON of the response.
    pub(in crate::cli) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let response = self.agent.get(format!("http://{}{path}", self.address)).call();
        let (_, text) = self.read(response)?;
        serde_json::from_str(&text).map_err(|error| {
            let address = self.address;
            Failure::new(format!("{address} is not a cvdns server of this version: {error}"))
        })
    }

    /// Sends a POST request with a JSON body and returns the text of the response. A status other
    /// than success is a failure.
    pub(in crate::cli) fn post(&self, path: &str, body: &str) -> Result<String, Failure> {
        let request = self.agent.post(format!("http://{}{path}", self.address));
        match self.read(request.content_type("application/json").send(body))? {
            (true, text) => Ok(text),
            (false, text) => Err(Failure::new(text.trim_end())),
        }
    }

    /// Whether the status is success, and the text of the response.
    fn read(
        &self,
        response: Result<Response<Body>, ureq::Error>,
    ) -> Result<(bool, String), Failure> {
        let unreachable = |error: &ureq::Error| {
            let address = self.address;
            Failure::new(format!(
                "the server at {address} (`listen` in [admin]) does not answer: {error}; is it running?"
            ))
        };
        let mut response = response.map_err(|error| unreachable(&error))?;
        // With many mirrors the response exceeds the client's default limit of 10 MB.
        let text = response.body_mut().with_config().limit(u64::MAX).read_to_string();
        Ok((response.status().is_success(), text.map_err(|error| unreachable(&error))?))
    }
}

fn address(config: &Path) -> Result<SocketAddr, Failure> {
    let mut problems = Problems::default();
    let Some(admin) = load::admin_address(config, &mut problems).filter(|_| !problems.has_errors())
    else {
        print(&problems);
        return Err(Failure::new("name another configuration with --config"));
    };
    let Some(admin) = admin else {
        return Err(Failure::new(
            "the configuration has no [admin] address, so the running server cannot be reached: \
             add [admin] with listen = \"127.0.0.1:8053\" and restart the server",
        ));
    };
    // The server runs on this machine; a wildcard address is no address to connect to.
    let loopback = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(loopback, admin.port()))
}
