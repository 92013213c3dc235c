//! Binds the addresses of the admin listener: those for TCP before root is given up, as their ports
//! may need it; Unix sockets after that, so that their files belong to the server's account.

use std::path::Path;

use tracing::warn;

use crate::admin::Admin;
use cvdns_core::config::{AdminAddress, Config};
use cvdns_io::beside;
use cvdns_net::{Inherited, privileges};

/// Binds the addresses for TCP, or takes listeners of an earlier process. If `user` is set, also
/// makes the directories of Unix sockets where only root can make them.
///
/// # Errors
/// A line for each address that cannot be bound.
pub(super) fn bind_before_drop(
    config: &Config,
    path: &Path,
    inherited: &mut Inherited,
) -> Result<Admin, Vec<String>> {
    let mut admin = Admin::default();
    let is_tcp = |address: &AdminAddress| matches!(address, AdminAddress::Tcp(_));
    bind(&mut admin, config, path, inherited, is_tcp)?;
    for socket in config.admin.unix() {
        let socket = beside(path, socket);
        if let (Some(user), Some(directory)) = (&config.server.user, socket.parent())
            && let Err(error) = privileges::make_directory(directory, user)
        {
            let (directory, socket) = (directory.display(), socket.display());
            warn!("cannot make {directory} of {socket} (`listen` in [admin]) for {user}: {error}");
        }
    }
    Ok(admin)
}

/// Binds Unix sockets in addition, as the account that serves.
///
/// # Errors
/// A line for each path that cannot be bound.
pub(super) fn bind_after_drop(
    admin: &mut Admin,
    config: &Config,
    path: &Path,
    inherited: &mut Inherited,
) -> Result<(), Vec<String>> {
    for socket in config.admin.unix() {
        if let Some(directory) = beside(path, socket).parent() {
            // If there is none and it cannot be made, binding says so.
            let _ = std::fs::create_dir(directory);
        }
    }
    let is_unix = |address: &AdminAddress| matches!(address, AdminAddress::Unix(_));
    bind(admin, config, path, inherited, is_unix)
}

fn bind(
    admin: &mut Admin,
    config: &Config,
    path: &Path,
    inherited: &mut Inherited,
    is_meant: fn(&AdminAddress) -> bool,
) -> Result<(), Vec<String>> {
    let meant = config.admin.listen.iter().filter(|address| is_meant(address));
    let errors: Vec<String> =
        meant.filter_map(|address| admin.bind(address, path, inherited).err()).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
