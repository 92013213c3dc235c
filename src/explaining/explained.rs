//! An answer and why it is what it is, by the code that serves.

use hickory_net::proto::op::Message;
use jiff::Timestamp;
use serde::Serialize;

use super::answer::DecodedAnswer;
use super::query::{plain, with_client};
use super::question::{ANY_CLIENT, AskedName};
use cvdns_core::answer::Answering;
use cvdns_core::explain::{ClientAddress, ExplainQuery, Explanation, OutcomeKind, line};
use cvdns_core::snapshot::Snapshot;

/// A decision, and the answer made from it.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    #[serde(flatten)]
    pub story: Explanation,
    /// The answer as it would be sent.
    pub answer: DecodedAnswer,
    /// The name of this server that was meant, if no zone of it has the one that was asked for.
    #[serde(skip)]
    pub meant: Option<String>,
}

/// A question of one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub name: &'a AskedName,
    pub qtype: u16,
    pub client: ClientAddress,
    /// The moment from which ages are computed.
    pub time: Timestamp,
}

impl Explained {
    /// Decides the question and answers it. Nothing of it is counted.
    ///
    /// # Errors
    /// When the query gets no answer, which is a defect: the reason for people.
    pub(crate) fn of(snapshot: &Snapshot, asked: Asked<'_>) -> Result<Self, String> {
        let mut answering = Answering::uncounted(0, Timestamp::now);
        let story = Explanation::of(snapshot, &asked.inquiry());
        let (query, client) = (asked.query(), asked.client.address);
        let answer = DecodedAnswer::expected(&mut answering, snapshot, &query, client)?;
        let is_foreign = story.outcome == OutcomeKind::NotOurs;
        let meant = is_foreign.then(|| Self::meant(snapshot, asked)).flatten();
        Ok(Self { story, answer, meant })
    }

    /// The first of the names that may have been meant that exists.
    fn meant(snapshot: &Snapshot, asked: Asked<'_>) -> Option<String> {
        let origins = snapshot.static_data.zones.iter().map(|zone| zone.origin.to_string());
        let names = asked.name.likely(origins);
        let known = names.filter_map(|text| AskedName::parse(&text).ok()).find(|name| {
            let story = Explanation::of(snapshot, &Asked { name, ..asked }.inquiry());
            !matches!(story.outcome, OutcomeKind::NotOurs | OutcomeKind::Nxdomain)
        });
        known.map(|name| name.written.to_string())
    }

    /// Whether the answer depends on the client, and none was named.
    pub(crate) fn lacks_client(&self) -> bool {
        self.story.scope.is_some() && self.story.client == ANY_CLIENT
    }

    /// The decision and the answer as text for people.
    pub(crate) fn text(&self) -> String {
        let mut out = self.story.text();
        if let Some(meant) = &self.meant {
            out.push_str(&line("", &format!("did you mean {meant}?")));
        }
        let DecodedAnswer { records, authority, additional, .. } = &self.answer;
        for (section, records) in
            [("", records), ("authority", authority), ("additional", additional)]
        {
            for (number, record) in records.iter().enumerate() {
                out.push_str(&line(if number == 0 { section } else { "" }, record));
            }
        }
        if let Some(error) = &self.answer.extended_error {
            out.push_str(&line("EDE", error));
        }
        out
    }
}

impl<'a> Asked<'a> {
    /// The same question for the decision. All of them have the first turn.
    pub(crate) fn inquiry(&self) -> ExplainQuery<'a> {
        let Self { name, qtype, client, time } = *self;
        let turn = Answering::uncounted(0, Timestamp::now).next_turn();
        ExplainQuery { name: &name.lower, qtype, client, turn, time }
    }

    /// The same question as a resolver sends it.
    pub(crate) fn query(&self) -> Message {
        with_client(plain(&self.name.written, self.qtype), self.client)
    }
}
