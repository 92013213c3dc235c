//! The running server's part: it offers its sockets to a new server that is to replace it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, sleep};
use std::time::Duration;

use arc_swap::ArcSwap;
use nix::unistd::geteuid;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::TakeoverSocket;
use super::interfaces::{OfferedInterface, descriptors};
use super::protocol::{
    Conversation, FromNew, FromOld, Greeting, OfferedSocket, OfferedState, PREPARATION_TIME,
};
use super::successor::Successor;
use crate::admin::ServerCondition;
use cvdns_io::{MAX_DESCRIPTORS, private_socket};
use cvdns_net::{OpenSocket, SocketKind, XdpHandover};

/// What a running server offers.
pub(crate) struct Offer {
    /// The sockets of all listeners.
    pub sockets: Vec<OpenSocket>,
    /// What AF_XDP has at its interfaces.
    pub xdp: Vec<XdpHandover>,
    /// The secret of cookies that was made at the start.
    pub cookie_secret: [u8; 16],
    /// Which feed is in force.
    pub condition: Arc<ArcSwap<ServerCondition>>,
}

/// A thread that makes the offer to each server that asks.
pub(crate) struct Offering {
    offer: Arc<Mutex<Option<Arc<Offer>>>>,
    path: PathBuf,
    successors: mpsc::Receiver<Successor>,
}

/// The pause after a failed accept.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

impl Offering {
    /// Starts the thread. It waits for new servers one by one until one serves.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(socket: TakeoverSocket, offer: Offer) -> io::Result<Self> {
        let TakeoverSocket { path, listener, .. } = socket;
        let (sender, successors) = mpsc::channel(1);
        let offer = Arc::new(Mutex::new(Some(Arc::new(offer))));
        let offered = offer.clone();
        Builder::new()
            .name("cvdns-takeover".to_owned())
            .spawn(move || wait(&listener, &offered, &sender))?;
        Ok(Self { offer, path, successors })
    }

    /// Waits for a new server that serves. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Successor {
        match self.successors.recv().await {
            Some(successor) => successor,
            None => std::future::pending().await,
        }
    }

    /// Ends the offer: the copies of the sockets are closed, so that these close with the server's
    /// own. Removes the file of the socket unless the new server keeps it.
    pub(crate) fn end(self, keeps_file: bool) {
        self.offer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if !keeps_file {
            // What is left is replaced at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn wait(
    listener: &UnixListener,
    offer: &Mutex<Option<Arc<Offer>>>,
    successors: &mpsc::Sender<Successor>,
) {
    loop {
        let Ok((stream, _)) = listener.accept() else {
            sleep(ERROR_PAUSE);
            continue;
        };
        let offer = offer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(offer) = offer else { return };
        match converse(stream, listener, &offer) {
            Ok(successor) => {
                // If nobody receives it, this server stops; the new one then serves alone.
                let _ = successors.blocking_send(successor);
                return;
            }
            Err(reason) => warn!("not replaced: {reason}; this server goes on"),
        }
    }
}

/// Makes the offer, and waits until the new server serves.
fn converse(
    stream: UnixStream,
    takeover: &UnixListener,
    offer: &Offer,
) -> Result<Successor, String> {
    let account = private_socket::peer_account(&stream);
    let mut conversation = Conversation::new(stream);
    if let Err(reason) = check_account(account) {
        return Err(refuse(&mut conversation, reason));
    }
    let unknown = |error| format!("a program connected and said nothing of use ({error})");
    let (hello, _) = conversation.receive().map_err(unknown)?;
    let FromNew::Hello(greeting) = hello else {
        return Err(refuse(&mut conversation, "its first message is no greeting".to_owned()));
    };
    if let Err(reason) = greeting.check() {
        return Err(refuse(&mut conversation, reason));
    }
    info!("{greeting} is about to replace this server");
    send_offer(&mut conversation, takeover, offer)
        .map_err(|error| format!("the sockets cannot be handed to {greeting}: {error}"))?;
    conversation.allow(PREPARATION_TIME);
    match conversation.receive() {
        Ok((FromNew::Serving { keeps_file }, _)) => {
            Ok(Successor::new(conversation, greeting, keeps_file))
        }
        Ok((FromNew::Failed(reason), _)) => {
            let reason = cvdns_core::problem::printable(&reason);
            Err(format!("{greeting} cannot serve: {reason}"))
        }
        Ok((FromNew::Hello(_), _)) => {
            Err(refuse(&mut conversation, format!("{greeting} says twice who it is")))
        }
        Err(error) => {
            Err(refuse(&mut conversation, format!("{greeting} does not come to serve: {error}")))
        }
    }
}

/// Tells the other side why it may not go on, and returns the reason.
fn refuse(conversation: &mut Conversation, reason: String) -> String {
    conversation.allow(ERROR_PAUSE);
    // It may be gone.
    let _ = conversation.send(&FromOld::Refused(reason.clone()));
    reason
}

/// Only this account and root may take over.
fn check_account(account: io::Result<u32>) -> Result<(), String> {
    match account {
        Ok(account) if account == 0 || account == geteuid().as_raw() => Ok(()),
        Ok(account) => Err(format!(
            "account {account} may not replace this server, only root and account {} may",
            geteuid()
        )),
        Err(error) => Err(format!("the account of the new server is not known: {error}")),
    }
}

fn send_offer(
    conversation: &mut Conversation,
    takeover: &UnixListener,
    offer: &Offer,
) -> Result<(), super::protocol::Broken> {
    let described = offer.sockets.iter().map(|socket| {
        let OpenSocket { address, kind, number, descriptor } = socket;
        let (address, number) = (*address, *number);
        let description = match kind {
            SocketKind::Udp => OfferedSocket::Udp { address, number },
            SocketKind::Tcp => OfferedSocket::Tcp { address },
        };
        (description, descriptor.as_fd())
    });
    let xdp = offer.xdp.iter().flat_map(descriptors);
    let all: Vec<(OfferedSocket, BorrowedFd<'_>)> = described
        .chain(xdp.map(|(interface, part)| (OfferedSocket::Xdp { interface }, part)))
        .chain([(OfferedSocket::Takeover, takeover.as_fd())])
        .collect();
    conversation.send(&FromOld::Offer(OfferedState {
        greeting: Greeting::own(),
        cookie_secret: offer.cookie_secret,
        feed: offer.condition.load().feed.as_ref().map(|feed| feed.serial),
        sockets: all.len(),
        xdp: offer.xdp.iter().map(OfferedInterface::of).collect(),
    }))?;
    for part in all.chunks(MAX_DESCRIPTORS) {
        let (descriptions, descriptors): (Vec<_>, Vec<_>) = part.iter().copied().unzip();
        conversation.send_with(&FromOld::Sockets(descriptions), &descriptors)?;
    }
    Ok(())
}
