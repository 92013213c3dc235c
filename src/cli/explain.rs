//! `cvdns explain`: why a name is answered as it is, by the code that serves.

mod asking;
mod clients;
mod compare;
mod packet;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use domain::base::iana::Rtype;
use jiff::Timestamp;
use serde::Serialize;

use super::offline::{Named, Offline};
use super::output::{Failure, print_json, say};
use super::table::print_table;
use cvdns_core::answer::{Answering, Transport, diagnosed_name};
use cvdns_core::explain::{
    AddressSource, ClientAddress, ExplainQuery, Explanation, OutcomeKind, line, usual_type,
};
use cvdns_core::health::unknown_mirrors;
use cvdns_core::problem::printable_lines;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::name::Name;

use clients::Given;
use compare::Comparison;
use packet::{Answer, query};

/// Arguments of `cvdns explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// The name, such as db.local.clamav.net.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The type, such as AAAA or TYPE65280; by default what people mean: A at names with mirrors, TXT at the record's.
    #[arg(value_name = "TYPE")]
    pub r#type: Option<String>,
    /// Who asks: an address, or a network as a resolver sends it by client subnet.
    #[arg(long, value_name = "IP|NET")]
    pub client: Vec<String>,
    /// A file of clients, one a line; `-` is standard input, and what follows a # is a comment.
    #[arg(long, value_name = "FILE")]
    pub clients: Option<PathBuf>,
    /// Another feed than the configuration's: a file, or an http or https URL.
    #[arg(long, value_name = "FILE|URL")]
    pub feed: Option<String>,
    /// Another time than now, such as 2026-12-01T03:00:00Z: downtimes, overrides and stamps as they will be then.
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
    /// Ask this server too, and say whether it answers otherwise. It has to honour client subnets from here.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub server: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// A story with the answer that it is about.
#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    story: Explanation,
    /// The answer, as it would be sent.
    answer: Answer,
    /// What a server answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Comparison>,
}

/// The client of names that do not depend on it.
const NOBODY: ClientAddress = ClientAddress {
    address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    prefix: Some(0),
    from: AddressSource::Given,
};

/// How many notes on a feed are printed.
const NOTES: usize = 20;

/// Explains answers. Exit status 1 when a client or the input is bad, or when a server answers otherwise.
pub fn run(args: &ExplainArgs, config: &Path) -> ExitCode {
    explain(args, config).unwrap_or_else(Failure::report)
}

fn explain(args: &ExplainArgs, config: &Path) -> Result<ExitCode, Failure> {
    let name = Name::parse(&args.name, &Name::root())
        .map_err(|error| Failure::new(format!("\"{}\" is no domain name: {error}", args.name)))?;
    let mut lower = LowerName::new();
    lower.set(name.to_lower().wire());
    let time = args.at.unwrap_or_else(Timestamp::now);
    let offline = Offline::load(config, time)?.remembering();
    offline.say_errors();
    let named = match &args.feed {
        Some(word) => offline.feed(Some(word))?,
        None => offline.feed_in_force()?,
    };
    if let Some(named) = &named {
        say_notes(&offline, named);
    }
    let snapshot = offline.snapshot(named.as_ref().map(|named| &named.feed), None)?;
    if let Some(about) = diagnosed_name(&snapshot, &lower) {
        let about = Name::from_wire(about.wire()).map(|name| name.to_string()).unwrap_or_default();
        return Err(Failure::new(format!(
            "{} is a diagnostic name, by which a server tells of {about}: explain {about}, or ask the server by dig",
            args.name
        )));
    }
    let qtype = match &args.r#type {
        Some(text) => rtype(text)?,
        None => usual_type(&snapshot, &lower),
    };
    let (given, bad) = Given::read(&args.client, args.clients.as_deref())?;
    let server = args.server.as_deref().map(asking::Server::find).transpose()?;
    let explainer = Explainer { snapshot: &snapshot, name: &lower, wire: name.wire(), qtype, time };
    let askers = if given.is_empty() && !bad { vec![NOBODY] } else { given };
    let many = args.clients.is_some() || args.client.len() > 1;
    let mut explained = Vec::new();
    for asker in &askers {
        let one = explainer.explain(*asker, server.as_ref(), many)?;
        if one.story.scope.is_some() && *asker == NOBODY {
            return Err(Failure::new("the answer depends on the client: name one with --client"));
        }
        explained.push(one);
    }
    print(&explained, args.json, many)?;
    let differs = explained.iter().filter_map(|one| one.server.as_ref()).any(Comparison::differs);
    Ok(if bad || differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is wrong with a feed, though it would be taken.
fn say_notes(offline: &Offline, Named { source, feed }: &Named) {
    let notes = unknown_mirrors(feed, offline.loaded.inputs.zones.iter().map(|zone| &*zone.fleet));
    for note in notes.iter().take(NOTES) {
        say!("cvdns: {source}: {note}");
    }
    let more = notes.len().saturating_sub(NOTES);
    if more > 0 {
        say!("cvdns: {source}: {more} more like these (`cvdns feed check` says all)");
    }
    if let Err(error) = feed.timely(offline.time) {
        say!("cvdns: {source}: {error}; it is taken all the same");
    }
}

fn rtype(text: &str) -> Result<u16, Failure> {
    let parsed = text.to_ascii_uppercase().parse::<Rtype>();
    let expected = "expected a type such as A, AAAA, TXT or TYPE65280";
    parsed
        .map(Rtype::to_int)
        .map_err(|_| Failure::new(format!("\"{text}\" is no record type: {expected}")))
}

struct Explainer<'e> {
    snapshot: &'e Snapshot,
    name: &'e LowerName,
    /// The name as it was written.
    wire: &'e [u8],
    qtype: u16,
    time: Timestamp,
}

impl Explainer<'_> {
    /// One of many clients is not to cost the others their answers: that a server gives none is told with it.
    fn explain(
        &self,
        asker: ClientAddress,
        server: Option<&asking::Server>,
        of_many: bool,
    ) -> Result<Explained, Failure> {
        let Self { snapshot, name, qtype, time, .. } = *self;
        let mut answering = Answering::new(0, Timestamp::now);
        let inquiry =
            ExplainQuery { name, qtype, client: asker, turn: answering.next_turn(), time };
        let story = Explanation::of(snapshot, &inquiry);
        let query = query(self.wire, qtype, asker);
        let mut buffer = vec![0; usize::from(u16::MAX)];
        let no_answer =
            || Failure::new("there is no answer to that query: a defect, please report it");
        buffer.get_mut(..query.len()).ok_or_else(no_answer)?.copy_from_slice(&query);
        let client = (asker.address, 0).into();
        let length = answering.respond(snapshot, &mut buffer, query.len(), client, Transport::Tcp);
        let ours = length.and_then(|length| buffer.get(..length)).ok_or_else(no_answer)?;
        let answer = Answer::read(ours)?;
        let server = match server
            .map(|server| (server, server.ask(&query).and_then(|it| Answer::read(&it))))
        {
            None => None,
            Some((server, Ok(theirs))) => {
                Some(Comparison::of(snapshot, &inquiry, &answer, theirs, server))
            }
            Some((server, Err(Failure::Input(why)))) if of_many => {
                Some(Comparison::failed(server, why))
            }
            Some((_, Err(failure))) => return Err(failure),
        };
        Ok(Explained { story, answer, server })
    }
}

fn print(explained: &[Explained], json: bool, many: bool) -> Result<(), Failure> {
    match (json, many, explained) {
        (true, false, [one]) => print_json(one),
        (true, ..) => print_json(&explained),
        (false, true, _) => print_table(&HEADER, explained.iter().map(Explained::row)),
        (false, false, _) => {
            let mut out = std::io::stdout().lock();
            for one in explained {
                write!(out, "{}", printable_lines(&one.text()))?;
            }
            Ok(())
        }
    }
}

const HEADER: [&str; 8] =
    ["CLIENT", "COUNTRY", "PATH", "USABLE", "ANSWER", "TTL", "SCOPE", "SERVER"];

impl Explained {
    fn text(&self) -> String {
        let mut out = self.story.text();
        for record in self.answer.records.iter().chain(&self.answer.authority) {
            out.push_str(&line("", record));
        }
        if let Some(error) = &self.answer.extended_error {
            out.push_str(&line("EDE", error));
        }
        out.extend(self.server.as_ref().map(Comparison::text));
        out
    }

    fn row(&self) -> Vec<String> {
        let story = &self.story;
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
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            story.client.network(),
            or_dash(country.map(str::to_owned)),
            or_dash((!path.is_empty()).then(|| path.join(" "))),
            or_dash((!usable.is_empty()).then(|| usable.join(", "))),
            answer,
            or_dash(window.map(|window| window.ttl.to_string())),
            or_dash(story.scope.map(|scope| format!("/{scope}"))),
            or_dash(self.server.as_ref().map(|server| server.word().to_owned())),
        ]
    }
}
