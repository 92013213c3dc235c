//! The values of the operator's page.

use axum::http::StatusCode;
use jiff::Timestamp;

use super::fields::Fields;
use super::names::{offered_names, site};
use super::{countries, mirrors, remarks, traffic};
use crate::admin::status::Status;
use crate::admin::status_text::{Section, sections};
use crate::admin::view::AdminState;
use cvdns_core::health::MirrorCondition;
use cvdns_pages::OperatorPage;
use cvdns_pages::operator::StateRow;
use cvdns_pages::parts::Fact;
use cvdns_pages::who::WhoForm;

/// Sections of the status that the page shows otherwise: as its heading, as remarks, as tables.
const SHOWN_ELSEWHERE: [&str; 4] = ["ready", "mirrors", "queries", "not taken"];

/// The page, and the status of the response: 400 if the filter of mirrors is wrong.
pub(super) fn page(shared: &AdminState, fields: &Fields, now: Timestamp) -> (StatusCode, String) {
    let AdminState { view, pages, .. } = shared;
    let status = Status::of(view, now);
    let snapshot = view.snapshots.load();
    let answered = view.reclaimer.stats();
    let count = |condition: MirrorCondition| {
        let state = condition.label();
        StateRow { state, count: status.mirrors.get(state).copied().unwrap_or_default() }
    };
    let list = mirrors::list(&snapshot, &answered, fields);
    let code = if list.filter.is_wrong() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = OperatorPage {
        site: site(&snapshot),
        machine: pages.machine.clone(),
        now,
        remarks: remarks::of(&status),
        form: WhoForm { names: offered_names(&snapshot), ..WhoForm::default() },
        facts: facts(&status),
        traffic: traffic::of(view, &status, &pages.traffic),
        states: MirrorCondition::ALL.into_iter().map(count).collect(),
        mirrors: list,
        fleets: countries::fleets(&snapshot, &answered),
        not_ready: status.not_ready,
    };
    (code, page.to_html())
}

fn facts(status: &Status) -> Vec<Fact> {
    let shown = sections(status)
        .into_iter()
        .filter(|section| !section.lines.is_empty() && !SHOWN_ELSEWHERE.contains(&section.label));
    shown.map(|Section { label, lines }| Fact { label: label.to_owned(), lines }).collect()
}
