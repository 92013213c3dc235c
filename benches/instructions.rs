//! The number of instructions per answer without sockets: the same on every machine of an
//! architecture, however busy it is.
//!
//! `cargo bench --bench instructions` prints a table. `-- --check` fails if a kind of query takes
//! more than 20 % over the number in benches/instructions.toml; `-- --commit` writes that file.
//! callgrind counts: this program runs itself under `valgrind` and answers each kind of query N and
//! 2N times. The difference divided by N is the cost of one query in the batches of a worker. It
//! includes the copy of the query into its slot, which the kernel makes for a real worker.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use cvdns_core::snapshot::Snapshot;

use queries::{Edns, Kind, Numbers, kinds};
use shipped::{Shipped, project};
use worker::{BATCH, Worker};

mod queries;
mod shipped;
mod worker;

/// How often each query of a set is answered in the shorter run.
const TIMES: usize = 1;

/// Largest ratio of a count to the committed one.
const TOLERANCE: f64 = 1.2;

const HEAD: &str = "# Instructions of an answer without sockets: what `--check` compares with.\n\
                    # Written by `cargo bench --bench instructions -- --commit`.\n";

/// Counts instructions of answers.
#[derive(Parser)]
#[command(name = "instructions")]
#[allow(clippy::struct_excessive_bools, reason = "so are flags")]
struct Args {
    /// Fail when a count is more than 20 % worse than the committed one.
    #[arg(long)]
    check: bool,
    /// Write the counts of this run to benches/instructions.toml.
    #[arg(long, conflicts_with = "check")]
    commit: bool,
    /// Run as the process whose instructions are counted.
    #[arg(long, hide = true)]
    counted: bool,
    /// Kinds of queries whose names contain this.
    filter: Option<String>,
    /// Passed by cargo to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Ends of the names of cases: a query over the limit must cost less than the same under it.
const OVER: &str = ", over the limit";
const UNDER: &str = ", under the limit";

/// Instructions by kind of query.
type Counts = BTreeMap<String, u64>;

fn main() -> ExitCode {
    let args = Args::parse();
    if args.counted {
        answer_all();
        return ExitCode::SUCCESS;
    }
    let filter = args.filter.as_deref().unwrap_or_default();
    if !cases().iter().any(|case| case.kind.label.contains(filter)) {
        return ExitCode::SUCCESS;
    }
    let counts = match count() {
        Ok(counts) => counts,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let committed = committed();
    println!("{}", table(&counts, &committed));
    if args.commit {
        fs::write(path(), HEAD.to_owned() + &toml::to_string(&counts).unwrap()).unwrap();
    }
    if args.check { check(&counts, &committed) } else { ExitCode::SUCCESS }
}

/// Answers each kind of query N times, then 2N times. A first dump contains the cost of the start.
fn answer_all() {
    let shipped = Shipped::load();
    let snapshot = shipped.snapshot();
    let cases = cases();
    counted_answers(&snapshot, Guard::Off, &[], 0);
    for Case { kind, guard } in &cases {
        for times in [TIMES, 2 * TIMES] {
            counted_answers(&snapshot, *guard, &kind.set, times);
        }
    }
}

/// What is counted: a kind of query, and what the rate limit does to its client.
struct Case {
    kind: Kind,
    guard: Guard,
}

#[derive(Clone, Copy)]
enum Guard {
    /// There is neither rate limit nor cookies.
    Off,
    /// Each query is counted for the limit, and answered.
    UnderLimit,
    /// Each query is answered by the question and TC.
    OverLimit,
}

/// Makes one query of a set.
type MakeQuery = fn(&mut Numbers) -> Vec<u8>;

fn cases() -> Vec<Case> {
    let plain = kinds().into_iter().map(|kind| Case { kind, guard: Guard::Off });
    let guarded: [(_, _, MakeQuery); 5] = [
        ("db.XY, under the limit", Guard::UnderLimit, queries::of_country),
        ("db.XY, over the limit", Guard::OverLimit, queries::of_country),
        ("db.XY, with a new cookie", Guard::UnderLimit, |numbers| {
            queries::of_country_with(numbers, Edns::Cookie)
        }),
        ("db.local, ECS IPv4, under the limit", Guard::UnderLimit, queries::with_v4),
        ("db.local, ECS IPv4, over the limit", Guard::OverLimit, queries::with_v4),
    ];
    let guarded = guarded
        .into_iter()
        .map(|(label, guard, one)| Case { kind: Kind { label, set: queries::set_of(one) }, guard });
    plain.chain(guarded).collect()
}

/// callgrind dumps its counts after each call of this function, which it knows by name. Almost
/// nothing happens between two calls.
#[inline(never)]
fn counted_answers(snapshot: &Snapshot, guard: Guard, set: &[Vec<u8>], times: usize) {
    let mut worker = match guard {
        Guard::Off => Worker::new(snapshot),
        Guard::UnderLimit => Worker::guarded(snapshot, Duration::from_secs(1)),
        Guard::OverLimit => Worker::guarded(snapshot, Duration::ZERO),
    };
    for _ in 0..times {
        for queries in set.chunks(BATCH) {
            worker.batch(queries.iter().map(Vec::as_slice));
        }
    }
}

/// Runs this program under callgrind and reads its counts.
fn count() -> Result<Counts, String> {
    let dir = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
    let out = dir.path().join("out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-after=instructions::counted_answers"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().expect("a path to this program"))
        .arg("--counted")
        .output()
        .map_err(|error| {
            format!(
                "valgrind does not run ({error}): install it (Debian: apt-get install valgrind)"
            )
        })?;
    if !output.status.success() {
        return Err(format!(
            "valgrind: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    // Each call makes a dump; `out.1` is that of the start.
    let counts = cases().into_iter().enumerate().map(|(number, Case { kind, .. })| {
        let of = |dump: usize| total(&out.with_extension(dump.to_string()));
        let (once, twice) = (of(2 * number + 2)?, of(2 * number + 3)?);
        let answers = (TIMES * kind.set.len()) as u64;
        Ok((kind.label.to_owned(), twice.saturating_sub(once) / answers))
    });
    counts.collect()
}

/// The instructions of one dump.
fn total(dump: &Path) -> Result<u64, String> {
    let text = fs::read_to_string(dump).map_err(|error| format!("{}: {error}", dump.display()))?;
    let totals = text
        .lines()
        .find_map(|line| line.strip_prefix("summary:").or(line.strip_prefix("totals:")));
    let total = totals.and_then(|total| total.trim().parse().ok()).filter(|total| *total > 0);
    total.ok_or_else(|| format!("{} has no total", dump.display()))
}

fn committed() -> Counts {
    fs::read_to_string(path())
        .map_or_else(|_| Counts::new(), |text| toml::from_str(&text).expect("counts"))
}

fn path() -> PathBuf {
    project().join("benches/instructions.toml")
}

fn table(counts: &Counts, committed: &Counts) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "answer",
        "instructions",
        "committed",
        "ratio",
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for (kind, count) in counts {
        let before = committed.get(kind).copied();
        let ratio = before.map(|before| format!("{:.3}", *count as f64 / before as f64));
        let before = before.map(|before| before.to_string());
        table.add_row([
            kind.clone(),
            count.to_string(),
            before.unwrap_or_default(),
            ratio.unwrap_or_default(),
        ]);
    }
    table
}

fn check(counts: &Counts, committed: &Counts) -> ExitCode {
    let mut good = true;
    for (kind, count) in counts {
        let Some(before) = committed.get(kind) else {
            eprintln!("error: no committed count of {kind}: run with --commit");
            good = false;
            continue;
        };
        if *count as f64 > *before as f64 * TOLERANCE {
            let worse = (*count as f64 / *before as f64 - 1.0) * 100.0;
            eprintln!(
                "error: {kind} takes {count} instructions; committed are {before}, so it is {worse:.0} % worse"
            );
            good = false;
        }
    }
    for (limited, count) in counts {
        let answered = limited.strip_suffix(OVER).map(|kind| format!("{kind}{UNDER}"));
        let answered = answered.and_then(|answered| counts.get(&answered));
        if answered.is_some_and(|answered| count >= answered) {
            eprintln!("error: {limited} takes {count} instructions: no less than an answer");
            good = false;
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
