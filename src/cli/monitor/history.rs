//! `cvdns monitor history`: what the coordinator has found of a mirror.

use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::cli::output::{Failure, print_json, print_line};
use crate::cli::problems::print;
use crate::cli::table::{or_dash, print_table};
use crate::explaining::moment::moment;
use crate::load;
use cvdns_core::health::State;
use cvdns_core::problem::Problems;
use cvdns_core::problem::table::nearest;
use cvdns_monitor::history::{
    AddressHistory, Cell, CellKind, Check, History, MirrorHistory, StateChange, Strip, Strips,
};
use cvdns_monitor::rule::age;
use cvdns_monitor::{MonitorInputs, Role};

/// What the characters of a strip mean.
const LEGEND: &str = "+ served   ~ served as old or removed   % served and failed   x failed   \
                      - downtime   . not known";

/// Days for which hours are kept for certain. Those of days on which nothing was recorded do not
/// count, so there may be older ones.
const YEAR: i64 = 365;

/// Arguments of `cvdns monitor history`.
#[derive(Args, Clone, Debug)]
pub struct HistoryArgs {
    /// The host name of a mirror.
    host: String,
    /// Show so many of the last checks of each address, of at most 30 days.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    checks: usize,
    /// Show the hours of this day (UTC), at most a year ago, instead.
    #[arg(long, value_name = "DATE", conflicts_with = "checks")]
    day: Option<Date>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Use this time instead of the clock.
    #[arg(long, value_name = "TIME", value_parser = moment, hide = true)]
    at: Option<Timestamp>,
}

/// Shows the history of a mirror. Exit status 1 if there is none.
pub(super) fn run(args: &HistoryArgs, config: &Path) -> Result<ExitCode, Failure> {
    let mut problems = Problems::default();
    let inputs =
        load::monitor(config, Role::Alone, &mut problems).filter(|_| !problems.has_errors());
    let Some(inputs) = inputs else {
        print(&problems);
        return Ok(ExitCode::FAILURE);
    };
    let history = History::open(&inputs.state).map_err(Failure::new)?.ok_or_else(|| {
        let state = inputs.state.display();
        Failure::new(format!("no check is recorded in {state}: run the coordinator first"))
    })?;
    let now = args.at.unwrap_or_else(Timestamp::now);
    let mirror = history.of(&args.host, now, args.checks).map_err(Failure::new)?;
    let Some(mirror) = mirror else { return Err(unknown(&args.host, &inputs, &history)) };
    match args.day {
        Some(day) => show_day(&history, &mirror.host, day, now, args.json)?,
        None if args.json => print_json(&Report::of(&mirror))?,
        None => show(&mirror, now)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What to say of a host without history.
fn unknown(host: &str, inputs: &MonitorInputs, history: &History) -> Failure {
    let recorded = history.hosts().unwrap_or_default();
    let canonical = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let in_fleet = || inputs.fleets.iter().flat_map(|(_, fleet)| &fleet.mirrors);
    if in_fleet().any(|mirror| mirror.host == canonical) {
        return Failure::new(format!("no check of {canonical} is recorded yet"));
    }
    let known: Vec<&str> = in_fleet()
        .map(|mirror| mirror.host.as_str())
        .chain(recorded.iter().map(String::as_str))
        .collect();
    let near = nearest(&canonical, &known).map(|near| format!("; did you mean {near}?"));
    let near = near.unwrap_or_default();
    // It may be empty, or have any characters.
    Failure::new(format!(
        "{host:?} is no mirror of the fleet, and no check of it is recorded{near}"
    ))
}

fn show(mirror: &MirrorHistory, now: Timestamp) -> Result<(), Failure> {
    let header = ["Address", "State", "For", "24 hours", "30 days", "365 days"];
    let row = |name: String, state: String, since: Option<Timestamp>, strips: &Strips| {
        let [day, month, year] = [&strips.day, &strips.month, &strips.year].map(percent);
        vec![name, state, or_dash(since.map(|since| age(since, now))), day, month, year]
    };
    let addresses = mirror.addresses.iter();
    let mut rows: Vec<Vec<String>> =
        addresses.map(|of| row(of.address.to_string(), state(of), of.since, &of.strips)).collect();
    if mirror.addresses.len() > 1 {
        rows.push(row("all".to_owned(), "-".to_owned(), None, &mirror.strips));
    }
    print_line(format!("{}: share of the time in which it served\n", mirror.host))?;
    print_table(&header, rows)?;
    print_line("")?;
    let strips = mirror.addresses.iter().flat_map(|of| {
        let strips = [
            ("24 hours", &of.strips.day),
            ("30 days", &of.strips.month),
            ("365 days", &of.strips.year),
        ];
        strips.map(|(time, strip)| (of.address, time, strip))
    });
    print_strips(strips)?;
    print_checks(mirror)?;
    print_damage(mirror.damaged)
}

/// The state of an address, or since when it is not known.
fn state(of: &AddressHistory) -> String {
    match (of.state, of.checked) {
        (Some(state), _) => state.to_string(),
        (None, Some(checked)) => format!("not known: last checked {}", minutes(checked)),
        (None, None) => "unknown".to_owned(),
    }
}

/// Prints strips in lines of at most 73 cells, a fifth of a year.
fn print_strips<'s>(
    strips: impl Iterator<Item = (IpAddr, &'s str, &'s Strip)>,
) -> Result<(), Failure> {
    const WIDTH: u8 = 73;
    let mut rows = Vec::new();
    for (address, time, strip) in strips {
        for (number, cells) in (0i64..).zip(strip.cells.chunks(WIDTH.into())) {
            let seconds = i64::from(strip.step).saturating_mul(number * i64::from(WIDTH));
            let from = strip.from.checked_add(SignedDuration::from_secs(seconds));
            let letters: String = cells.iter().map(letter).collect();
            rows.push(vec![
                address.to_string(),
                time.to_owned(),
                or_dash(from.ok().map(minutes)),
                letters,
            ]);
        }
    }
    print_table(&["Address", "Time", "From", "Strip"], rows)?;
    print_line(format!("\n{LEGEND}"))
}

fn print_checks(mirror: &MirrorHistory) -> Result<(), Failure> {
    let mut checks: Vec<(IpAddr, &Check)> = mirror
        .addresses
        .iter()
        .flat_map(|of| of.checks.iter().map(|check| (of.address, check)))
        .collect();
    if checks.is_empty() {
        return Ok(());
    }
    checks.sort_by_key(|(_, check)| std::cmp::Reverse(check.at));
    let rows = checks.into_iter().map(|(address, check)| {
        let version = |number: usize| {
            or_dash(check.versions.as_ref().and_then(|versions| versions.get(number)))
        };
        let withheld = if check.withheld { "withheld: " } else { "" };
        vec![
            check.at.to_string(),
            address.to_string(),
            check.found.to_string(),
            or_dash(check.state),
            version(0),
            version(1),
            version(2),
            format!("{withheld}{}", check.reason),
        ]
    });
    print_line("")?;
    let header = ["Check", "Address", "Found", "State", "main", "daily", "bytecode", "Reason"];
    print_table(&header, rows)
}

/// Shows the hours of a day.
fn show_day(
    history: &History,
    host: &str,
    day: Date,
    now: Timestamp,
    json: bool,
) -> Result<(), Failure> {
    let begins = day.to_zoned(TimeZone::UTC).map_err(|error| Failure::new(error.to_string()))?;
    let today = now.to_zoned(TimeZone::UTC).date();
    if day > today {
        return Err(Failure::new(format!("{day} is yet to come: today is {today} (UTC)")));
    }
    let hours = history.hours(host, begins.timestamp(), now).map_err(Failure::new)?;
    let is_old = now.duration_since(begins.timestamp()).as_hours() / 24 > YEAR;
    if is_old && hours.iter().all(|(_, strip)| strip.sum().known() == 0) {
        return Err(Failure::new(format!(
            "no hours of {day} are kept: name a day of the last year"
        )));
    }
    if json {
        let reports: Vec<HoursReport> = hours
            .iter()
            .map(|(address, hours)| HoursReport { address: *address, hours: hours.into() })
            .collect();
        return print_json(&reports);
    }
    print_line(format!("{host}: the hours of {day}\n"))?;
    let time = day.to_string();
    print_strips(hours.iter().map(|(address, hours)| (*address, time.as_str(), hours)))
}

fn print_damage(rows: u64) -> Result<(), Failure> {
    if rows == 0 {
        return Ok(());
    }
    print_line(format!(
        "\n{rows} rows of the history are damaged; what they said is missing here. Look at the disk"
    ))
}

/// A time to the minute.
fn minutes(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

/// The share of the time in which an address served, rounded down: 100 % means all of the time.
fn percent(strip: &Strip) -> String {
    let Cell { served, failed, .. } = strip.sum();
    let all = u64::from(served) + u64::from(failed);
    let tenths = (u64::from(served) * 1000).checked_div(all);
    or_dash(tenths.map(|tenths| format!("{}.{} %", tenths / 10, tenths % 10)))
}

fn letter(cell: &Cell) -> char {
    match cell.kind() {
        CellKind::Served => '+',
        CellKind::Late => '~',
        CellKind::Partly => '%',
        CellKind::Failed => 'x',
        CellKind::Away => '-',
        CellKind::Unknown => '.',
    }
}

/// The history of a mirror, as JSON has it.
#[derive(Serialize)]
struct Report<'h> {
    host: &'h str,
    #[serde(flatten)]
    strips: StripsReport<'h>,
    addresses: Vec<AddressReport<'h>>,
    changes: &'h [StateChange],
    damaged: u64,
}

#[derive(Serialize)]
struct AddressReport<'h> {
    address: IpAddr,
    state: Option<State>,
    since: Option<Timestamp>,
    checked: Option<Timestamp>,
    #[serde(flatten)]
    strips: StripsReport<'h>,
    checks: &'h [Check],
}

#[derive(Serialize)]
struct HoursReport<'h> {
    address: IpAddr,
    hours: StripReport<'h>,
}

#[derive(Serialize)]
struct StripsReport<'h> {
    day: StripReport<'h>,
    month: StripReport<'h>,
    year: StripReport<'h>,
}

#[derive(Serialize)]
struct StripReport<'h> {
    from: Timestamp,
    step: u32,
    availability: Option<f64>,
    cells: &'h [Cell],
}

impl<'h> Report<'h> {
    fn of(mirror: &'h MirrorHistory) -> Self {
        let addresses = mirror.addresses.iter().map(|of| AddressReport {
            address: of.address,
            state: of.state,
            since: of.since,
            checked: of.checked,
            strips: (&of.strips).into(),
            checks: &of.checks,
        });
        Self {
            host: &mirror.host,
            strips: (&mirror.strips).into(),
            addresses: addresses.collect(),
            changes: &mirror.changes,
            damaged: mirror.damaged,
        }
    }
}

impl<'h> From<&'h Strips> for StripsReport<'h> {
    fn from(Strips { day, month, year }: &'h Strips) -> Self {
        Self { day: day.into(), month: month.into(), year: year.into() }
    }
}

impl<'h> From<&'h Strip> for StripReport<'h> {
    fn from(strip: &'h Strip) -> Self {
        let availability = strip.availability();
        Self { from: strip.from, step: strip.step, availability, cells: &strip.cells }
    }
}
