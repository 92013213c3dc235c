//! How a server is started: from nothing, in place of a running one, or with sockets that a service
//! manager hands over.

use tracing::{info, warn};

use super::StartError;
use super::takeover::Predecessor;
use crate::load::Loaded;
use cvdns_io::service_manager::{HandedOver, ServiceManager, handed_over};
use cvdns_net::{Inherited, OpenSocket, number_in_name};

/// How a server is started.
pub struct Origin {
    /// Whether it replaces the one that runs, if one does (`--replace`).
    replace: bool,
    manager: Result<ServiceManager, std::io::Error>,
    handed_over: HandedOver,
}

/// Descriptors that are named at most in a line of the log.
const MAX_NAMED: usize = 8;

impl Origin {
    /// Looks into the environment for a service manager. To be called once, before the first
    /// thread is started.
    pub fn from_environment(replace: bool) -> Self {
        let handed_over = handed_over();
        Self { replace, manager: ServiceManager::from_environment(), handed_over }
    }

    /// Takes the sockets of the service manager. What cannot be served is logged.
    pub(super) fn take_sockets(&mut self) -> Inherited {
        let mut inherited = Inherited::default();
        let HandedOver { sockets, others, complaint } = std::mem::take(&mut self.handed_over);
        if let Some(what) = complaint {
            warn!("no socket of the service manager is used: {what}");
        }
        if !others.is_empty() {
            let named: Vec<&str> = others.iter().take(MAX_NAMED).map(String::as_str).collect();
            let more = match others.len().saturating_sub(MAX_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            warn!(
                "not used: the service manager hands over what is no socket of UDP or TCP, as \
                 descriptor {}{more}",
                named.join(", ")
            );
        }
        for (place, (name, descriptor)) in sockets.into_iter().enumerate() {
            // Sockets of a unit are in the order of that unit.
            let number = number_in_name(&name).unwrap_or(place);
            match OpenSocket::examine(descriptor, number) {
                Ok(socket) => inherited.add(socket),
                Err(error) => {
                    warn!("the socket {name:?} of the service manager cannot be served: {error}");
                }
            }
        }
        inherited
    }

    /// Takes the service manager.
    pub(super) fn take_manager(&mut self) -> ServiceManager {
        let manager = std::mem::replace(&mut self.manager, Ok(ServiceManager::default()));
        manager.unwrap_or_else(|error| {
            warn!("the service manager (NOTIFY_SOCKET) cannot be reached: {error}");
            ServiceManager::default()
        })
    }

    /// Reaches the running server, if it is to be replaced and there is one.
    ///
    /// # Errors
    /// When the configuration names no socket for that, or the running server hands nothing over.
    pub(super) fn reach(&self, loaded: &Loaded) -> Result<Option<Predecessor>, StartError> {
        if !self.replace {
            return Ok(None);
        }
        let Some(path) = &loaded.takeover else {
            let why = "`--replace` needs `takeover` in [server], in the configuration of the running server \
                       and in this one: write `takeover = \"run/takeover.sock\"` and restart the server once";
            return Err(StartError::System(vec![why.to_owned()]));
        };
        let user = loaded.config.server.user.as_deref();
        let reached =
            Predecessor::reach(path, user).map_err(|why| StartError::System(vec![why]))?;
        if let Some(predecessor) = &reached {
            info!("is to replace {}", predecessor.name());
        } else {
            info!(
                "no server runs at {}: starts as usual (a server whose socket file was removed has to be \
                 ended first)",
                path.display()
            );
        }
        Ok(reached)
    }
}
