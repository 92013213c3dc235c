//! `--effect`: the time from the rename of a feed to the first answer that uses it, under load.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::cvdns::{self, Options};
use crate::fleet::{DAILY, Fleet};
use crate::load::Load;
use crate::outcome::{Outcome, median};
use crate::queries::{Edns, TXT, query};
use crate::race::Track;
use crate::server::Server;
use crate::table;
use crate::workload::Workload;

/// Mirrors and countries of the fleet. The goal: less than 100 ms from the rename to the new
/// answers with 1,000 mirrors, and no query lost.
const MIRRORS: (usize, usize) = (1_000, 100);

/// Pause between two feeds.
const PAUSE: Duration = Duration::from_millis(300);

/// Pause between two probes. The measured time is too long by at most this.
const POLL_INTERVAL: Duration = Duration::from_micros(200);

/// Prints how long feeds take to be in effect.
pub fn run(seconds: f64, rate: f64) -> ExitCode {
    let track = Track::new(Fleet::new(MIRRORS.0, MIRRORS.1));
    let queries = track.queries(Workload::Mixed);
    let server = cvdns::start(&track.fleet, &Options::default());
    let load = Load {
        rate: Some(rate),
        sleep: true,
        pin: false,
        ..Load::of(&server, &queries.path, seconds)
    };
    let over = AtomicBool::new(false);
    let (times, outcome) = thread::scope(|scope| {
        let prober = scope.spawn(|| replace_until(&over, &server, &track.fleet));
        let outcome = load.measure();
        over.store(true, Ordering::Relaxed);
        (prober.join().expect("the prober"), outcome)
    });
    report(&times, &outcome, rate);
    let good = !times.is_empty() && outcome.wrong == 0 && outcome.answered_share() > 0.99;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Replaces the feed repeatedly. Returns the milliseconds until each was in effect.
fn replace_until(over: &AtomicBool, server: &Server, fleet: &Fleet) -> Vec<f64> {
    let mut times = Vec::new();
    let mut turn = 1;
    while !over.load(Ordering::Relaxed) {
        thread::sleep(PAUSE);
        turn += 1;
        let daily = DAILY + turn;
        let feed = fleet.feed_with(turn, daily);
        cvdns::replace_feed(server, &feed);
        let renamed = Instant::now();
        while !shows(server, daily) {
            let waited = renamed.elapsed();
            assert!(
                waited < Duration::from_secs(10),
                "feed {turn} has no effect:\n{}",
                server.log()
            );
            thread::sleep(POLL_INTERVAL);
        }
        times.push(renamed.elapsed().as_secs_f64() * 1e3);
    }
    times
}

/// Whether the record has this version of daily.cvd.
fn shows(server: &Server, daily: u64) -> bool {
    let socket = server.sandbox.socket();
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let mut answer = [0; 512];
    let sent = socket.send(&query("current.cvd.clamav.net", TXT, Edns::None));
    let length = sent.and_then(|_| socket.recv(&mut answer)).unwrap_or_default();
    let version = format!(":{daily}:");
    answer[..length].windows(version.len()).any(|part| part == version.as_bytes())
}

fn report(times: &[f64], outcome: &Outcome, rate: f64) {
    let most = times.iter().copied().fold(0.0, f64::max);
    let mut table = table::new(&["feeds", "median ms", "worst ms", "answers/s", "lost", "wrong"]);
    table.add_row([
        times.len().to_string(),
        format!("{:.1}", median(times.iter().copied())),
        format!("{most:.1}"),
        format!("{:.0}", outcome.per_second()),
        outcome.lost().to_string(),
        outcome.wrong.to_string(),
    ]);
    println!(
        "\n{} mirrors, {rate:.0} queries/s, from rename to the first new answer\n{table}",
        MIRRORS.0
    );
}
