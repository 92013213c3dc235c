//! `cvdns explain`: explains an answer, using the code that serves.

mod clients;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::live::compare::Comparison;
use super::live::server::LiveServer;
use super::offline::{Offline, SourcedFeed};
use super::output::{Failure, eprint_line, print_json};
use super::table::{or_dash, print_table};
use crate::explaining::answer::DecodedAnswer;
use crate::explaining::explained::{Asked, Explained};
use crate::explaining::moment::moment;
use crate::explaining::question::{ANY_CLIENT, AskedName, rtype};
use cvdns_core::explain::{OutcomeKind, usual_type};
use cvdns_core::health::unknown_mirrors;
use cvdns_core::problem::printable_lines;
use cvdns_core::snapshot::Snapshot;

use clients::read_clients;

/// Arguments of `cvdns explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// The name to explain, such as db.local.clamav.net.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The query type, such as AAAA or TYPE65280. Default: A for names with mirrors, TXT for names
    /// of the record.
    #[arg(value_name = "TYPE")]
    pub r#type: Option<String>,
    /// The client: an address, or a network as a resolver sends it in a client subnet (ECS).
    #[arg(long, value_name = "IP|NET")]
    pub client: Vec<String>,
    /// Read clients from a file, one per line; `-` is standard input and # begins a comment.
    #[arg(long, value_name = "FILE")]
    pub clients: Option<PathBuf>,
    /// Use this feed instead of the configured one: a file, or an http or https URL.
    #[arg(long, value_name = "FILE|URL")]
    pub feed: Option<String>,
    /// Explain the answer at this time, such as 2026-12-01T03:00:00Z, with the downtimes, overrides
    /// and stamps of then.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub at: Option<Timestamp>,
    /// Query this server too and compare its answer. It must accept client subnets from this
    /// host.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub server: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// A decision, the answer made from it, and the answer of a live server if one is asked.
#[derive(Serialize)]
struct ExplainReport {
    #[serde(flatten)]
    explained: Explained,
    /// The answer of the live server, compared with `answer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Comparison>,
}

/// Warnings about a feed that are printed at most.
const MAX_NOTES: usize = 20;

/// Explains answers. Exit status 1 if a client or the input is bad, or if the live server's answer
/// differs.
pub fn run(args: &ExplainArgs, config: &Path) -> ExitCode {
    explain(args, config).unwrap_or_else(Failure::report)
}

fn explain(args: &ExplainArgs, config: &Path) -> Result<ExitCode, Failure> {
    let name = AskedName::parse(&args.name).map_err(Failure::new)?;
    let time = args.at.unwrap_or_else(Timestamp::now);
    let offline = Offline::load(config, time)?.remembering();
    offline.print_errors();
    let sourced = match &args.feed {
        Some(argument) => offline.feed(Some(argument))?,
        None => offline.feed_in_force()?,
    };
    if let Some(sourced) = &sourced {
        print_notes(&offline, sourced);
    }
    let feed = sourced.as_ref().map(|sourced| &sourced.feed);
    let mut snapshot = offline.snapshot(feed, None)?;
    offline.give_serials(&mut snapshot, feed);
    refuse_diagnostic_name(&snapshot, &name)?;
    let qtype = match &args.r#type {
        Some(text) => rtype(text).map_err(Failure::new)?,
        None => usual_type(&snapshot, &name.lower),
    };
    let (given, bad) = read_clients(&args.client, args.clients.as_deref())?;
    let server = args.server.as_deref().map(LiveServer::find).transpose()?;
    let askers = if given.is_empty() && !bad { vec![ANY_CLIENT] } else { given };
    let many = args.clients.is_some() || args.client.len() > 1;
    let mut explanations = Vec::new();
    for client in askers {
        let asked = Asked { name: &name, qtype, client, time };
        let one = explain_one(&snapshot, asked, server.as_ref(), many)?;
        if one.explained.lacks_client() {
            return Err(Failure::new("the answer depends on the client: name one with --client"));
        }
        explanations.push(one);
    }
    print(&explanations, args.json, many)?;
    let mut comparisons = explanations.iter().filter_map(|one| one.server.as_ref());
    let differs = comparisons.any(Comparison::differs);
    Ok(if bad || differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Refuses diagnostic names: their answers describe the running server, which only that server
/// knows.
fn refuse_diagnostic_name(snapshot: &Snapshot, name: &AskedName) -> Result<(), Failure> {
    let Some(about) = name.explains(snapshot) else { return Ok(()) };
    Err(Failure::new(format!(
        "{} is a diagnostic name that explains {about}: use `cvdns explain {about}`, or query the \
         server with dig",
        name.text()
    )))
}

/// Prints warnings about a feed that the server would take all the same.
pub(super) fn print_notes(offline: &Offline, SourcedFeed { source, feed }: &SourcedFeed) {
    let notes = unknown_mirrors(feed, offline.loaded.inputs.zones.iter().map(|zone| &*zone.fleet));
    for note in notes.iter().take(MAX_NOTES) {
        eprint_line!("cvdns: {source}: {note}");
    }
    let more = notes.len().saturating_sub(MAX_NOTES);
    if more > 0 {
        eprint_line!("cvdns: {source}: {more} more like these (`cvdns feed check` prints all)");
    }
    if let Err(error) = feed.timely(offline.time) {
        eprint_line!("cvdns: {source}: {error}; it is used all the same");
    }
}

/// Explains the answer to a question. If its client is one `of_many`, a live server that does not
/// answer fails this client alone.
fn explain_one(
    snapshot: &Snapshot,
    asked: Asked<'_>,
    server: Option<&LiveServer>,
    of_many: bool,
) -> Result<ExplainReport, Failure> {
    let explained = Explained::of(snapshot, asked).map_err(Failure::new)?;
    let server = match server.map(|server| (server, reply(server, asked))) {
        None => None,
        Some((server, Ok(theirs))) => {
            let ours = &explained.answer;
            Some(Comparison::of(snapshot, &asked.inquiry(), ours, theirs, &server.name))
        }
        Some((server, Err(Failure::Input(why)))) if of_many => {
            Some(Comparison::failed(&server.name, why))
        }
        Some((_, Err(failure))) => return Err(failure),
    };
    Ok(ExplainReport { explained, server })
}

/// What a live server answers.
fn reply(server: &LiveServer, asked: Asked<'_>) -> Result<DecodedAnswer, Failure> {
    let octets = server.ask(&asked.query())?;
    DecodedAnswer::read(&octets).map_err(Failure::new)
}

fn print(explanations: &[ExplainReport], json: bool, many: bool) -> Result<(), Failure> {
    match (json, many, explanations) {
        (true, false, [one]) => print_json(one),
        (true, ..) => print_json(&explanations),
        (false, true, _) => print_table(&HEADER, explanations.iter().map(ExplainReport::row)),
        (false, false, _) => {
            let mut out = std::io::stdout().lock();
            for one in explanations {
                write!(out, "{}", printable_lines(&one.text()))?;
            }
            Ok(())
        }
    }
}

const HEADER: [&str; 8] =
    ["CLIENT", "COUNTRY", "PATH", "USABLE", "ANSWER", "TTL", "SCOPE", "SERVER"];

impl ExplainReport {
    fn text(&self) -> String {
        let mut out = self.explained.text();
        out.extend(self.server.as_ref().map(Comparison::text));
        out
    }

    fn row(&self) -> Vec<String> {
        let story = &self.explained.story;
        let country = story.location.as_ref().map(|location| location.country.unwrap_or("unknown"));
        let drawn =
            story.pools.iter().flat_map(|pools| pools.path.iter().filter(|pool| pool.drawn));
        let usable: Vec<String> =
            drawn.map(|pool| format!("{} {}/{}", pool.pool, pool.usable, pool.mirrors)).collect();
        let path: Vec<&str> = story
            .pools
            .iter()
            .flat_map(|pools| &pools.path)
            .map(|pool| pool.pool.as_str())
            .collect();
        let window = story.pools.as_ref().and_then(|pools| pools.window.as_ref());
        let answer = match (window, story.outcome) {
            (Some(window), OutcomeKind::Pool) => {
                window.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
            _ => story.outcome.words().to_owned(),
        };
        vec![
            story.client.network(),
            or_dash(country),
            or_dash((!path.is_empty()).then(|| path.join(" "))),
            or_dash((!usable.is_empty()).then(|| usable.join(", "))),
            answer,
            or_dash(window.map(|window| window.ttl)),
            or_dash(story.scope.map(|scope| format!("/{scope}"))),
            or_dash(self.server.as_ref().map(Comparison::word)),
        ]
    }
}
