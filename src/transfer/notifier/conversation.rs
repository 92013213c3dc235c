//! Sends one notification and waits for its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use cvdns_transfer::Key;
use cvdns_transfer::notification::{Notification, NotifyError};
use cvdns_transfer::version::Version;

use super::source::{any, source};
use crate::transfer::desk::seconds;
use crate::transfer::notified::NotifyOutcome;
use crate::transfer::secondary::SecondaryId;

/// A notification that is to be sent.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub secondary: SecondaryId,
    pub zone: String,
    pub version: Arc<Version>,
    pub address: SocketAddr,
    pub key: Arc<Key>,
}

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Octets of the longest answer: a header, a question and a signature.
const LONGEST: usize = 1232;

/// Notifies a secondary, and waits for its answer.
pub(super) async fn converse(due: Due, listen: &[SocketAddr]) -> NotifyOutcome {
    let result = match timeout(PATIENCE, exchange(&due, listen)).await {
        Ok(result) => result,
        Err(_) => Err("it does not answer".to_owned()),
    };
    let Due { secondary, zone, version, .. } = due;
    NotifyOutcome { secondary, zone, serial: version.serial(), result }
}

async fn exchange(due: &Due, listen: &[SocketAddr]) -> Result<(), String> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|error| error.to_string())?;
    let now = seconds(Timestamp::now());
    let id = u16::from_ne_bytes(id);
    let notification = Notification::new(id, &due.version, due.key.clone(), now)
        .ok_or("the notification is too long")?;
    let socket = connected(due.address, listen).await.map_err(|error| error.to_string())?;
    // The kernel takes datagrams of that address and port alone.
    socket.send(notification.octets()).await.map_err(|error| error.to_string())?;
    let mut room = vec![0; LONGEST];
    loop {
        let length = socket.recv(&mut room).await.map_err(|error| error.to_string())?;
        let answer = room.get(..length).unwrap_or_default();
        match notification.judge(answer, seconds(Timestamp::now())) {
            Ok(()) => return Ok(()),
            Err(NotifyError::NotAnswer) => {}
            Err(NotifyError::Signature(error)) => return Err(error.to_string()),
            Err(NotifyError::Code(code)) => return Err(format!("it answers with {}", word(code))),
        }
    }
}

/// A socket for datagrams to and from one address.
async fn connected(to: SocketAddr, listen: &[SocketAddr]) -> std::io::Result<UdpSocket> {
    // Nothing is sent yet: the system looks up the way.
    let free = UdpSocket::bind(any(to.ip())).await?;
    let chosen = free.connect(to).await.and_then(|()| free.local_addr()).ok();
    let chosen = chosen.map(|address| address.ip());
    let from = source(listen, to.ip(), chosen);
    if chosen.is_some() && (from.ip().is_unspecified() || chosen == Some(from.ip())) {
        return Ok(free);
    }
    let socket = match UdpSocket::bind(from).await {
        Ok(socket) => socket,
        // The address may have gone from its interface.
        Err(_) => UdpSocket::bind(any(to.ip())).await?,
    };
    socket.connect(to).await?;
    Ok(socket)
}

/// An RCODE in words.
fn word(code: u8) -> String {
    match code {
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        3 => "NXDOMAIN: it does not serve the zone".to_owned(),
        4 => "NOTIMP: it takes no notifications".to_owned(),
        5 => "REFUSED: it does not take notifications from this server".to_owned(),
        9 => "NOTAUTH: it does not serve the zone, or not know the key".to_owned(),
        other => format!("RCODE {other}"),
    }
}
