//! A query as far as it can be read before anything is decided.

use std::net::{IpAddr, Ipv4Addr};

use crate::decision::{self, Client, NameMatch, Question, find};
use crate::snapshot::Snapshot;
use crate::snapshot::names::Probe;
use crate::wire::class;
use crate::wire::lower::LowerName;
use crate::wire::query::{Query, Reject};

/// A query that was read, and where its name and its client stand. What is done to it comes in steps, each of which reads in
/// memory where the one before has led.
#[derive(Debug, Clone)]
pub(super) struct ParsedQuery {
    pub query: Query,
    /// Why it is not answered as a query.
    pub reject: Option<Reject>,
    pub name: LowerName,
    probe: Probe,
    /// Where the name stands, in class IN.
    found: NameMatch,
    pub client: Client,
}

impl ParsedQuery {
    /// No query.
    pub(super) fn nothing() -> Self {
        Self {
            query: Query::default(),
            reject: Some(Reject::Drop),
            name: LowerName::new(),
            probe: Probe::default(),
            found: NameMatch::Nothing,
            client: Client { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), placed: None },
        }
    }

    /// Becomes no query.
    pub(super) fn forget(&mut self) {
        self.reject = Some(Reject::Drop);
    }

    /// Reads a message that came from `source`.
    pub(super) fn read(&mut self, snapshot: &Snapshot, message: &[u8], source: IpAddr) {
        self.reject =
            self.query.read(message, &mut self.name, snapshot.static_data.settings.ecs).err();
        self.client = Client { address: source, placed: None };
        if self.reject.is_none() {
            self.client.address = self.query.subnet().unwrap_or(source);
        }
    }

    /// Begins to find the name.
    pub(super) fn probe(&mut self, snapshot: &Snapshot) {
        self.probe = snapshot.static_data.names.probe(&self.name);
    }

    /// Finds the name.
    pub(super) fn find(&mut self, snapshot: &Snapshot) {
        let has_name = self.reject.is_none() && self.query.qclass == class::IN;
        self.found = if has_name {
            find(&snapshot.static_data, &self.name, self.probe)
        } else {
            NameMatch::Nothing
        };
    }

    /// The plan in whose table the client must be looked up, when the question's own name needs that.
    pub(super) fn look_ahead(&self, snapshot: &Snapshot) -> Option<u32> {
        decision::prefetch(&snapshot.static_data, self.found, self.query.qtype)
    }

    /// What is asked, when it is asked in class IN.
    pub(super) fn question(&self) -> Question<'_> {
        Question { name: &self.name, qtype: self.query.qtype, found: self.found }
    }
}
