//! `POST /api/v1/reload`: reads everything again, and says what was read and what is wrong with it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::json;
use super::change::carry_out;
use super::status::{FeedStatus, Status, ZoneStatus};
use super::view::{AdminState, OperatorRequest, ReloadOutcome, ServerView};
use cvdns_core::problem::{Lines, Problem, Problems, Severity, render_in};

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// Whether what was read is in force. Nothing has changed otherwise.
    pub done: bool,
    /// The path of the configuration.
    pub config: String,
    /// The zone files in force.
    pub zones: Vec<ZoneStatus>,
    /// Number of names that exist.
    pub names: usize,
    /// Description of the country database in force, for people.
    pub database: String,
    /// The feed in force.
    pub feed: FeedStatus,
    /// Number of the operator's overrides in force.
    pub overrides: usize,
    /// Number of errors: with any, nothing has changed.
    pub errors: usize,
    /// Number of warnings.
    pub warnings: usize,
    /// The errors, then the warnings: at most 1,000.
    pub problems: Vec<ProblemReport>,
    /// Sources that go on with what was read of them before, each with the reason, for people.
    pub remarks: Vec<String>,
    /// Keys that have changed since the start and take effect only at a restart.
    pub restart: Vec<String>,
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemReport {
    /// `error` or `warning`.
    pub severity: String,
    /// The file.
    pub file: String,
    /// The line, from 1; `None` if it is about the file as a whole.
    pub line: Option<usize>,
    /// The column in characters, from 1; `None` if it is about the file as a whole.
    pub column: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to write or do instead; may be empty.
    pub help: String,
    /// All of this with the line itself, as `cvdns check` prints it.
    pub text: String,
}

/// Problems that are listed at most: nobody reads more, and most have one cause.
const MAX_LISTED: usize = 1_000;

pub(super) async fn reload(State(shared): State<Arc<AdminState>>) -> Response {
    match carry_out(&shared.view, |done| OperatorRequest::Reload { done }).await {
        Ok(outcome) => {
            let status = if outcome.done { StatusCode::OK } else { StatusCode::CONFLICT };
            let response = json(shared, |view, now| ReloadReport::of(outcome, view, now)).await;
            if response.status().is_success() {
                (status, response).into_response()
            } else {
                response
            }
        }
        Err(refusal) => refusal.into_response(),
    }
}

impl ReloadReport {
    fn of(outcome: ReloadOutcome, view: &ServerView, now: Timestamp) -> Self {
        let ReloadOutcome { done, config, problems, restart, remarks } = outcome;
        let Status { zones, names, database, feed, overrides, .. } = Status::of(view, now);
        let (errors, warnings) = problems.counts();
        Self {
            done,
            config,
            zones,
            names,
            database,
            feed,
            overrides,
            errors,
            warnings,
            problems: listed(&problems),
            remarks,
            restart,
        }
    }
}

fn listed(problems: &Problems) -> Vec<ProblemReport> {
    let mut lines = Lines::default();
    let first = problems.by_severity().take(MAX_LISTED);
    first.map(|problem| ProblemReport::of(problem, &mut lines)).collect()
}

impl ProblemReport {
    /// Describes a problem. Many problems share `lines`.
    pub fn of(problem: &Problem, lines: &mut Lines) -> Self {
        let place = lines.line_column(&problem.location);
        Self {
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            }
            .to_owned(),
            file: problem.location.file_name().to_owned(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            what: problem.what.clone(),
            help: problem.help.clone(),
            text: render_in(problem, lines, false),
        }
    }
}
