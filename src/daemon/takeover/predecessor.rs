//! The new server's part: it takes over from a running one.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};

use super::TakeoverSocket;
use super::protocol::{
    ANSWER_TIME, Broken, Conversation, FINISH_TIME, FromNew, FromOld, Greeting, HANDOVER_TIME,
    OfferedSocket, OfferedState,
};
use crate::admin::Counted;
use crate::transfer::Shown;
use cvdns_io::private_socket;
use cvdns_net::{Inherited, OpenSocket, XdpHandover};

/// A running server that is to be replaced. If this is dropped, that server goes on.
pub(crate) struct Predecessor {
    conversation: Conversation,
    state: OfferedState,
    sockets: Vec<OpenSocket>,
    /// Descriptors of AF_XDP, with the indices of their interfaces.
    xdp: Vec<(u32, OwnedFd)>,
    path: PathBuf,
    takeover: Option<UnixListener>,
}

/// Why the running server did not hand over, though the new one serves.
#[derive(Debug)]
pub(crate) enum HandoverError {
    /// It goes on, for this reason: the new server must not.
    Refused(String),
    /// It ended, or hangs: the new server goes on. The text is for people.
    Silent(String),
}

impl Predecessor {
    /// Asks the server behind this socket for its sockets. `user` is the account that it may have
    /// become. `None` if no server runs there.
    ///
    /// # Errors
    /// When it refuses, does not answer, or is not to be trusted; for people.
    pub(crate) fn reach(path: &Path, user: Option<&str>) -> Result<Option<Self>, String> {
        let name = path.display();
        let failed = |what: String| {
            format!("the running server at {name} (`takeover` in [server]) {what}: it goes on")
        };
        let stream = match private_socket::connect(path) {
            Ok(Some(stream)) => stream,
            Ok(None) => return Ok(None),
            Err(error) => return Err(failed(format!("cannot be reached ({error})"))),
        };
        let account = private_socket::peer_account(&stream);
        if !account.as_ref().is_ok_and(|account| is_trusted(*account, user)) {
            return Err(failed(
                "belongs to another account than root, this one and `user`".to_owned(),
            ));
        }
        let mut conversation = Conversation::new(stream);
        let broken = |error: Broken| failed(format!("hands nothing over ({error})"));
        conversation.allow(ANSWER_TIME);
        // It may have refused and closed the connection already; then it has said why.
        let sent = conversation.send(&FromNew::Hello(Greeting::own()));
        let (answer, _) = match conversation.receive() {
            Ok(received) => received,
            // It ended meanwhile: nobody is left that would go on.
            Err(Broken::Closed) if matches!(private_socket::connect(path), Ok(None)) => {
                return Ok(None);
            }
            Err(error) => return Err(broken(error)),
        };
        sent.map_err(broken).or_else(|error| match answer {
            FromOld::Refused(_) => Ok(()),
            _ => Err(error),
        })?;
        let state = match answer {
            FromOld::Offer(state) => state,
            FromOld::Refused(reason) => return Err(failed(format!("refuses ({reason})"))),
            _ => return Err(failed("answers out of turn".to_owned())),
        };
        state.greeting.check().map_err(failed)?;
        let mut predecessor = Self {
            conversation,
            state,
            sockets: Vec::new(),
            xdp: Vec::new(),
            path: path.to_owned(),
            takeover: None,
        };
        predecessor.receive_sockets().map_err(broken)?;
        Ok(Some(predecessor))
    }

    fn receive_sockets(&mut self) -> Result<(), Broken> {
        let mut received = 0_usize;
        while received < self.state.sockets {
            let (FromOld::Sockets(described), descriptors) = self.conversation.receive()? else {
                return Err(Broken::Other("it answers out of turn".to_owned()));
            };
            if described.len() != descriptors.len() || described.is_empty() {
                return Err(Broken::Other("its sockets are not those that it names".to_owned()));
            }
            received = received.saturating_add(described.len());
            for (description, descriptor) in described.into_iter().zip(descriptors) {
                self.add(description, descriptor)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, description: OfferedSocket, descriptor: OwnedFd) -> Result<(), Broken> {
        let (address, number) = match description {
            OfferedSocket::Takeover => {
                self.takeover = Some(UnixListener::from(descriptor));
                return Ok(());
            }
            OfferedSocket::Xdp { interface } => {
                self.xdp.push((interface, descriptor));
                return Ok(());
            }
            OfferedSocket::Udp { address, number } => (address, number),
            OfferedSocket::Tcp { address } => (address, 0),
        };
        let unfit = |error| Broken::Other(format!("its socket of {address}: {error}"));
        let socket = OpenSocket::examine(descriptor, number).map_err(unfit)?;
        if socket.address != address {
            let what = format!("its socket of {address} is one of {}", socket.address);
            return Err(Broken::Other(what));
        }
        self.sockets.push(socket);
        Ok(())
    }

    /// Who it is, for people.
    pub(crate) fn name(&self) -> String {
        self.state.greeting.to_string()
    }

    /// Adds its sockets to those that were inherited otherwise.
    pub(crate) fn give_sockets(&mut self, inherited: &mut Inherited) {
        inherited.set_shared();
        self.sockets.drain(..).for_each(|socket| inherited.add(socket));
    }

    /// Takes what it has of AF_XDP at its interfaces.
    pub(crate) fn take_xdp(&mut self) -> Vec<XdpHandover> {
        let interfaces = std::mem::take(&mut self.state.xdp);
        interfaces.into_iter().filter_map(|offered| offered.with(&mut self.xdp)).collect()
    }

    /// The socket by which it is being replaced, if that is the one with this path.
    pub(crate) fn take_socket(&mut self, path: &Path) -> Option<TakeoverSocket> {
        let listener = self.takeover.take_if(|_| self.path == path)?;
        Some(TakeoverSocket { path: path.to_owned(), listener, is_inherited: true })
    }

    /// Its secret of cookies.
    pub(crate) fn cookie_secret(&self) -> [u8; 16] {
        self.state.cookie_secret
    }

    /// Whether it has a feed.
    pub(crate) fn has_feed(&self) -> bool {
        self.state.feed.is_some()
    }

    /// Tells it why it is not replaced.
    pub(crate) fn fail(mut self, reason: &str) {
        self.conversation.allow(ANSWER_TIME);
        // It may be gone, and then nobody goes on.
        let _ = self.conversation.send(&FromNew::Failed(reason.to_owned()));
    }

    /// Tells it that this server serves, and waits until it has stopped receiving. Blocks. Returns
    /// what it has counted, and what it will say when it has ended.
    ///
    /// # Errors
    /// When it goes on, or hands nothing over.
    pub(crate) fn relieve(mut self, keeps_file: bool) -> Result<(Counted, Self), HandoverError> {
        self.conversation.allow(HANDOVER_TIME);
        let name = self.name();
        let silent = |error| HandoverError::Silent(format!("{name}: {error}"));
        let sent = self.conversation.send(&FromNew::Serving { keeps_file });
        // If it has closed the connection before, its last message says why.
        match (self.conversation.receive(), sent) {
            (Ok((FromOld::Handed(counted), _)), _) => Ok((counted, self)),
            (Ok((FromOld::Refused(reason), _)), _) => Err(HandoverError::Refused(reason)),
            (Ok(_), _) => Err(silent(Broken::Other("it answers out of turn".to_owned()))),
            (Err(error), _) => Err(silent(error)),
        }
    }

    /// Waits until it has ended. Blocks. Returns what secondaries have, as far as it knows, and
    /// what it has counted in all; `None` if it ended without a word.
    pub(crate) fn last_words(mut self) -> Option<(Vec<Shown>, Counted)> {
        self.conversation.allow(FINISH_TIME);
        let (mut message, _) = self.conversation.receive().ok()?;
        let mut shown = Vec::new();
        if let FromOld::Secondaries(all) = message {
            shown = all;
            (message, _) = self.conversation.receive().ok()?;
        }
        match message {
            FromOld::Finished(counted) => Some((shown, counted)),
            _ => None,
        }
    }
}

/// Whether a process of this account may hand over sockets: root, this one, or the account that
/// servers become.
fn is_trusted(account: u32, user: Option<&str>) -> bool {
    let is_user = |user: &str| {
        User::from_name(user).ok().flatten().is_some_and(|user| user.uid.as_raw() == account)
    };
    account == 0 || account == geteuid().as_raw() || user.is_some_and(is_user)
}
