//! Who gets what: a question that was typed, and the answer to it.

use axum::http::StatusCode;
use jiff::Timestamp;

use super::countries;
use super::fields::Fields;
use super::names::{offered_names, site};
use crate::admin::change::{Refusal, carry_out};
use crate::admin::foresight::Foresight;
use crate::admin::view::{AdminState, OperatorRequest, ServerView};
use crate::explaining::explained::{Asked, Explained};
use crate::explaining::moment::moment;
use crate::explaining::question::{ANY_CLIENT, AskedName, client, rtype};
use cvdns_core::explain::{ClientAddress, usual_type};
use cvdns_core::snapshot::Snapshot;
use cvdns_pages::WhoPage;
use cvdns_pages::parts::Field;
use cvdns_pages::who::WhoForm;

mod told;

/// A question as it was typed, and as far as it could be read.
#[derive(Debug, Clone)]
pub(super) struct Question {
    form: WhoForm,
    /// Whether anything was typed.
    is_asked: bool,
    name: Option<AskedName>,
    /// `None`: the usual type of the name.
    rtype: Option<u16>,
    client: ClientAddress,
    /// `None`: now.
    at: Option<Timestamp>,
}

impl Question {
    /// Reads the fields of the form. What is wrong is noted beside each.
    pub(super) fn read(fields: &Fields) -> Self {
        let is_asked = !fields.is_empty();
        let (name_field, name) = read(fields, "name", |text| {
            if text.is_empty() && is_asked {
                return Err("Type a name of this server".to_owned());
            }
            (!text.is_empty()).then(|| AskedName::parse(text)).transpose()
        });
        let (rtype_field, rtype) =
            read(fields, "type", |text| (!text.is_empty()).then(|| rtype(text)).transpose());
        let (client_field, client) =
            read(fields, "client", |text| (!text.is_empty()).then(|| client(text)).transpose());
        let (at_field, at) = read(fields, "at", |text| {
            let read = |text| moment(text).map_err(|why| format!("\"{text}\" is no time: {why}"));
            (!text.is_empty()).then(|| read(text)).transpose()
        });
        Self {
            form: WhoForm {
                name: name_field,
                rtype: rtype_field,
                client: client_field,
                at: at_field,
                names: Vec::new(),
            },
            is_asked,
            name,
            rtype,
            client: client.unwrap_or(ANY_CLIENT),
            at,
        }
    }

    /// The moment that is asked about, if it is not now and the question is right.
    pub(super) fn other_moment(&self) -> Option<Timestamp> {
        self.at.filter(|_| self.is_asked && !self.form.is_wrong())
    }
}

/// Reads a field; what it may not be is the error.
fn read<T>(
    fields: &Fields,
    name: &str,
    parse: impl FnOnce(&str) -> Result<Option<T>, String>,
) -> (Field, Option<T>) {
    let (value, too_long) = fields.checked(name);
    if too_long.is_some() {
        return (Field { value, error: too_long }, None);
    }
    match parse(&value) {
        Ok(read) => (Field { value, error: None }, read),
        Err(why) => (Field { value, error: Some(why) }, None),
    }
}

/// What is in force beside the clock.
pub(super) async fn foresight(view: &ServerView) -> Result<Box<Foresight>, Refusal> {
    carry_out(view, |done| OperatorRequest::Foresee { done }).await
}

/// The page, and the status of the response: 400 if the question is wrong.
pub(super) fn page(
    shared: &AdminState,
    mut question: Question,
    foresight: Option<Box<Foresight>>,
    now: Timestamp,
) -> (StatusCode, String) {
    let AdminState { view, pages, .. } = shared;
    let in_force = view.snapshots.load_full();
    question.form.names = offered_names(&in_force);
    let other = foresight.zip(question.other_moment());
    let told = match other {
        Some((foresight, at)) => tell(&foresight.snapshot(at), &mut question, at, now),
        None => tell(&in_force, &mut question, now, now),
    };
    let is_wrong = question.form.is_wrong();
    let code = if is_wrong { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = WhoPage {
        site: site(&in_force),
        machine: pages.machine.clone(),
        form: question.form,
        told,
    };
    (code, page.to_html())
}

/// Answers a question by a snapshot. What shows only now to be wrong is noted beside its field.
fn tell(
    snapshot: &Snapshot,
    question: &mut Question,
    time: Timestamp,
    now: Timestamp,
) -> Option<cvdns_pages::who::Told> {
    let name = question.name.as_ref().filter(|_| !question.form.is_wrong())?;
    if let Some(about) = name.explains(snapshot) {
        let why = format!(
            "{} is a diagnostic name that explains {about}: ask for {about}, or query the server \
             with dig",
            name.text()
        );
        question.form.name.error = Some(why);
        return None;
    }
    let qtype = question.rtype.unwrap_or_else(|| usual_type(snapshot, &name.lower));
    let asked = Asked { name, qtype, client: question.client, time };
    match Explained::of(snapshot, asked) {
        Ok(explained) if explained.lacks_client() => {
            let why = "The answer depends on the client: type its address or network";
            question.form.client.error = Some(why.to_owned());
            None
        }
        Ok(explained) => {
            let marks = countries::marks(snapshot);
            Some(told::of(explained, asked, question.at.map(|_| now), marks))
        }
        Err(why) => {
            question.form.name.error = Some(why);
            None
        }
    }
}
