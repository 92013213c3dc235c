//! The `[admin]` section.

use std::net::SocketAddr;

use super::keys::admin as keys;
use crate::problem::table::Table;

/// Reads the address of the admin HTTP listener.
pub(super) fn read(mut table: Table<'_>) -> Option<SocketAddr> {
    let listen = table.get(&keys::LISTEN);
    if let Some(listen) =
        listen.as_ref().filter(|listen| !listen.value.ip().to_canonical().is_loopback())
    {
        let whoever = if listen.value.ip().is_unspecified() {
            "everybody who reaches any address of this machine"
        } else {
            "everybody who reaches this address"
        };
        let what = format!("{whoever} can read metrics and state: there is no authentication");
        let help = "write a loopback address such as \"127.0.0.1:8053\", or let a firewall decide \
                    who reaches it";
        table.warning(listen.location.clone(), what, help);
    }
    table.finish();
    listen.map(|listen| listen.value)
}
