//! Opens all sockets of a server and gives up root.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{info, warn};

use super::StartError;
use super::admin_sockets;
use super::origin::Origin;
use super::sandbox;
use super::server_state::ServerState;
use super::state_directory::StateDirectory;
use super::supervision::Supervision;
use super::takeover::{Predecessor, TakeoverSocket};
use crate::admin::Admin;
use crate::load::{Loaded, LoadedTls};
use crate::logging::LogQueue;
use cvdns_core::config::Xdp;
use cvdns_core::problem::Problems;
use cvdns_io::beside;
use cvdns_io::confinement::drop_capabilities;
use cvdns_net::privileges::{self, Privileges};
use cvdns_net::{BindError, EncryptedSettings, Inherited, Listeners, XdpHandover, XdpSettings};

/// The open sockets of a process that has given up root.
pub(super) struct Bound {
    pub listeners: Listeners,
    pub admin: Admin,
    pub takeover: Option<TakeoverSocket>,
    pub supervision: Supervision,
}

impl Bound {
    /// Takes the sockets of the service manager and of the running server, binds what is missing,
    /// becomes the user of the configuration, whose path is `config`, and enters the sandbox.
    ///
    /// # Errors
    /// When an address cannot be bound, or root cannot be given up.
    pub(super) fn new(
        loaded: &Loaded,
        config: &Path,
        origin: &mut Origin,
        mut predecessor: Option<&mut Predecessor>,
        log: &LogQueue,
    ) -> Result<Self, StartError> {
        let server = &loaded.config.server;
        let mut supervision = Supervision::new(origin.take_manager());
        let mut inherited = origin.take_sockets();
        if let Some(predecessor) = &mut predecessor {
            predecessor.give_sockets(&mut inherited);
        }
        let listeners = Listeners::bind_inheriting(
            &server.listen,
            server.workers,
            server.udp,
            server.affinity,
            &mut inherited,
        )
        .and_then(|listeners| with_encrypted(listeners, loaded.tls.as_ref(), &mut inherited))
        .map_err(|errors| StartError::System(errors.iter().map(ToString::to_string).collect()))?;
        let handed = predecessor.as_mut().map(|predecessor| predecessor.take_xdp());
        let listeners = with_xdp(listeners, &loaded.config.xdp, handed.unwrap_or_default());
        let mut admin = admin_sockets::bind_before_drop(&loaded.config, config, &mut inherited)
            .map_err(StartError::System)?;
        let unused = inherited.take_rest();
        supervision.forget(&unused);
        for socket in &unused {
            let address = socket.address;
            info!(address = %address, "{address} is not listened on any more");
        }
        if let Some(user) = &server.user {
            give_up_root(user, &made_directories(loaded, config))?;
        }
        admin_sockets::bind_after_drop(&mut admin, &loaded.config, config, &mut inherited)
            .map_err(StartError::System)?;
        if let Err(error) = drop_capabilities() {
            warn!("cannot give up capabilities: {error}");
        }
        log.go_on_in_file(&loaded.config.log, config)
            .map_err(|error| StartError::System(vec![error]))?;
        let takeover = loaded.takeover.as_deref().and_then(|path| {
            let inherited = predecessor.and_then(|predecessor| predecessor.take_socket(path));
            inherited.or_else(|| TakeoverSocket::listen(path))
        });
        sandbox::enter(loaded, &socket_directories(loaded, config));
        Ok(Self { listeners, admin, takeover, supervision })
    }

    /// Compiles what was read. As long as another server runs, nothing is written into the state
    /// directory. Returns `None` if the inputs contradict each other.
    pub(super) fn state(
        &self,
        loaded: Loaded,
        is_replacing: bool,
        problems: &mut Problems,
    ) -> Option<ServerState> {
        let open =
            if is_replacing { StateDirectory::of_running_server } else { StateDirectory::new };
        let directory = open(loaded.state.clone());
        let threads = self.listeners.sockets();
        let now = Timestamp::now();
        let mut state = ServerState::for_threads(threads, directory, loaded, now, problems)?;
        if let Some(workers) = self.listeners.kept_workers() {
            state.keep_workers(workers);
        }
        state.begin_transfers(Arc::default(), now);
        Some(state)
    }
}

/// Adds the addresses of `[tls]`.
fn with_encrypted(
    listeners: Listeners,
    tls: Option<&LoadedTls>,
    inherited: &mut Inherited,
) -> Result<Listeners, Vec<BindError>> {
    let Some(LoadedTls { dot, doq, doh, connections, .. }) = tls else { return Ok(listeners) };
    let (dot, doq, doh) = (dot.clone(), doq.clone(), doh.clone());
    let settings = EncryptedSettings { dot, doq, doh, connections: *connections };
    listeners.with_encrypted(settings, inherited)
}

/// Adds the interfaces of `[xdp]`, which takes privileges.
fn with_xdp(listeners: Listeners, xdp: &Xdp, handed: Vec<XdpHandover>) -> Listeners {
    if xdp.interfaces.is_empty() {
        return listeners;
    }
    let interfaces = xdp.interfaces.iter().map(|name| name.value.clone()).collect();
    listeners.with_xdp(&XdpSettings { interfaces, mode: xdp.mode }, handed)
}

/// Where files of sockets are put in place and removed while the server runs.
fn socket_directories(loaded: &Loaded, config: &Path) -> Vec<PathBuf> {
    let admin = loaded.config.admin.unix().map(|socket| beside(config, socket));
    let sockets = admin.chain(loaded.takeover.clone());
    sockets.filter_map(|socket| socket.parent().map(Path::to_owned)).collect()
}

/// The directories that root makes for the user, each with the key that names it.
fn made_directories(loaded: &Loaded, config: &Path) -> Vec<(PathBuf, &'static str)> {
    let takeover = loaded.takeover.as_deref().and_then(Path::parent).map(Path::to_owned);
    let log = loaded.config.log.file.as_ref().map(|file| beside(config, &file.value));
    let log = log.as_deref().and_then(Path::parent).map(Path::to_owned);
    let named = [
        (loaded.state.clone(), "`state` in [feed]"),
        (takeover, "`takeover` in [server]"),
        (log, "`file` in [log]"),
    ];
    named.into_iter().filter_map(|(directory, key)| Some((directory?, key))).collect()
}

/// Changes to `user`, and makes these directories before that, where only root may make them.
fn give_up_root(user: &str, directories: &[(PathBuf, &str)]) -> Result<(), StartError> {
    for (directory, key) in directories {
        if let Err(error) = privileges::make_directory(directory, user) {
            warn!("cannot make {} ({key}) for {user}: {error}", directory.display());
        }
    }
    match privileges::drop_to(user) {
        Ok(Privileges::Dropped) => info!("now running as {user}"),
        Ok(Privileges::NotRoot { is_user: true }) => {}
        Ok(Privileges::NotRoot { is_user: false }) => {
            warn!("not started as root: goes on as the account that started it, not as {user}");
        }
        Err(error) => return Err(StartError::System(vec![error.to_string()])),
    }
    Ok(())
}
