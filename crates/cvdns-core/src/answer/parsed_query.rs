//! A query as far as it can be read before the decision.

use std::net::{IpAddr, Ipv4Addr};

use crate::abuse::cookie::CheckedCookie;
use crate::abuse::{Bucket, Verdict};
use crate::decision::{self, Client, NameMatch, Question, find};
use crate::snapshot::Snapshot;
use crate::snapshot::names::Probe;
use crate::snapshot::static_data::ClientTableId;
use crate::wire::class;
use crate::wire::edns::Honoured;
use crate::wire::lower::LowerName;
use crate::wire::query::{Query, Reject};

/// A query that was read, with the places of its name and its client in the snapshot. The work is
/// divided into steps, each of which reads the memory that the step before it has found.
#[derive(Debug, Clone)]
pub(super) struct ParsedQuery {
    pub query: Query,
    /// Why the message is not answered as a query, if it is not.
    pub reject: Option<Reject>,
    /// Where the rate limit counts its client; `None` if it does not.
    pub bucket: Option<Bucket>,
    /// What becomes of it under the rate limit. Of a limited query, name and client are not looked
    /// up: it is to cost less than one that is answered.
    pub verdict: Verdict,
    /// What the server says to the query's cookie.
    pub cookie: Option<CheckedCookie>,
    pub name: LowerName,
    probe: Probe,
    /// The name's place in the zones, in class IN.
    found: NameMatch,
    pub client: Client,
}

impl ParsedQuery {
    /// Holds no query.
    pub(super) fn empty() -> Self {
        Self {
            query: Query::default(),
            reject: Some(Reject::Drop),
            bucket: None,
            verdict: Verdict::Answer,
            cookie: None,
            name: LowerName::new(),
            probe: Probe::default(),
            found: NameMatch::Nothing,
            client: Client { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), placed: None },
        }
    }

    /// Makes this hold no query.
    pub(super) fn clear(&mut self) {
        self.reject = Some(Reject::Drop);
        (self.bucket, self.verdict, self.cookie) = (None, Verdict::Answer, None);
    }

    /// Reads a message that came from the address `source`.
    pub(super) fn read(&mut self, snapshot: &Snapshot, message: &[u8], source: IpAddr) {
        let settings = &snapshot.static_data.settings;
        let honoured = Honoured { ecs: settings.ecs, cookies: settings.cookies };
        self.reject = self.query.read(message, &mut self.name, honoured).err();
        (self.bucket, self.verdict, self.cookie) = (None, Verdict::Answer, None);
        self.client = Client { address: source, placed: None };
        if self.reject.is_none() {
            self.client.address = self.query.subnet().unwrap_or(source);
        }
    }

    /// First step of the look-up of the name: computes where to look.
    pub(super) fn probe(&mut self, snapshot: &Snapshot) {
        if !self.is_limited() {
            self.probe = snapshot.static_data.names.probe(&self.name);
        }
    }

    /// Second step of the look-up: finds the name's place.
    pub(super) fn find(&mut self, snapshot: &Snapshot) {
        let has_name =
            self.reject.is_none() && !self.is_limited() && self.query.qclass == class::IN;
        self.found = if has_name {
            find(&snapshot.static_data, &self.name, self.probe)
        } else {
            NameMatch::Nothing
        };
    }

    fn is_limited(&self) -> bool {
        matches!(self.verdict, Verdict::Truncate | Verdict::Drop)
    }

    /// Whether the client has shown by a cookie that it receives what is sent to its address.
    pub(super) fn has_valid_cookie(&self) -> bool {
        self.cookie.is_some_and(|cookie| cookie.is_valid)
    }

    /// The table in which the client must be located, if the answer at the question's own name
    /// depends on the client.
    pub(super) fn look_ahead(&self, snapshot: &Snapshot) -> Option<ClientTableId> {
        decision::prefetch(&snapshot.static_data, self.found, self.query.qtype)
    }

    /// The question as the decision takes it. It must be in class IN.
    pub(super) fn question(&self) -> Question<'_> {
        Question { name: &self.name, qtype: self.query.qtype, found: self.found }
    }
}
