//! Asks the running server, at the admin address that its configuration names.

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

/// The running server's admin address.
#[derive(Debug)]
pub(in crate::cli) struct RunningServer {
    address: SocketAddr,
    agent: Agent,
}

/// The server is on this machine: it answers at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(10);

impl RunningServer {
    /// That of a configuration.
    pub(in crate::cli) fn of(config: &Path) -> Result<Self, Failure> {
        let agent = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Ok(Self { address: address(config)?, agent: agent.into() })
    }

    /// What it says at a path.
    pub(in crate::cli) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.agent.get(format!("http://{}{path}", self.address)).call();
        let (_, text) = self.read(answer)?;
        serde_json::from_str(&text).map_err(|error| {
            let address = self.address;
            Failure::new(format!("what answers at {address} is no server of this version: {error}"))
        })
    }

    /// Tells it something in JSON; what it says.
    pub(in crate::cli) fn post(&self, path: &str, body: &str) -> Result<String, Failure> {
        let request = self.agent.post(format!("http://{}{path}", self.address));
        match self.read(request.content_type("application/json").send(body))? {
            (true, said) => Ok(said),
            (false, said) => Err(Failure::new(said.trim_end())),
        }
    }

    /// Whether it succeeded, and the text of an answer.
    fn read(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<(bool, String), Failure> {
        let unreachable = |error: &ureq::Error| {
            let address = self.address;
            Failure::new(format!(
                "the server at {address} (`listen` in [admin]) does not answer: {error}; does it run?"
            ))
        };
        let mut answer = answer.map_err(|error| unreachable(&error))?;
        // With many mirrors it has much to say.
        let read = answer.body_mut().with_config().limit(u64::MAX).read_to_string();
        Ok((answer.status().is_success(), read.map_err(|error| unreachable(&error))?))
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
        let what =
            "the configuration has no [admin] address, at which the running server could be asked";
        return Err(Failure::new(format!(
            "{what}: add [admin] with listen = \"127.0.0.1:8053\", and restart it"
        )));
    };
    // Only from this machine is it heard.
    let loopback = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(loopback, admin.port()))
}
