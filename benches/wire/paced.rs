//! `--paced`: latencies at a steady rate, while the feed is replaced every second.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::fleet::Fleet;
use crate::load::Load;
use crate::outcome::Outcome;
use crate::race::Track;
use crate::server::Server;
use crate::workload::Workload;
use crate::{cvdns, process, table};

/// Prints percentiles of cvdns and, for comparison, of the reflector: latencies that both have come
/// from the machine.
pub fn run(seconds: f64, rate: f64) -> ExitCode {
    let track = Track::new(Fleet::race());
    let queries = track.queries(Workload::Mixed);
    let cvdns = cvdns::start(&track.fleet, &cvdns::Options::default());
    let reflector = queries.reflector(&cvdns);
    let flood = Load::of(&cvdns, &queries.path, seconds.min(3.0)).measure();
    for server in [&cvdns, &reflector] {
        process::raise_priority(server.pid());
    }
    // The load sleeps between queries: on a small machine, spinning would take a core from the
    // server's other threads.
    let steady = |server: &Server| {
        Load {
            rate: Some(rate),
            sleep: true,
            pin: false,
            ..Load::of(server, &queries.path, seconds)
        }
        .measure()
    };
    let quiet = steady(&cvdns);
    let (swapped, feeds) = while_feeds_change(&cvdns, &track.fleet, || steady(&cvdns));
    let floor = steady(&reflector);
    let header = [
        "mixed",
        "answers/s",
        "lost",
        "wrong",
        "p50 µs",
        "p99",
        "p99.9",
        "p99.99",
        "max",
        "within 1 ms",
        "µs CPU",
        "server, load waited ms",
    ];
    let mut table = table::new(&header);
    table.add_row(row("reflector", &floor));
    table.add_row(row("cvdns", &quiet));
    table.add_row(row("cvdns, feeds swapped in", &swapped));
    table.add_row(row("cvdns, all it can take", &flood));
    let taken = cvdns.log().lines().filter(|line| line.contains("is in force")).count();
    println!("\n{rate:.0} queries/s for {seconds} s, neither side bound to a core\n{table}");
    println!("{feeds} feeds were written, {} taken", taken.saturating_sub(1));
    let good = swapped.answered_share() > 0.99 && swapped.wrong == 0 && taken > 1;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Replaces the feed by a changed one every second while `measured` runs. Also returns the number
/// of feeds written.
fn while_feeds_change(
    server: &Server,
    fleet: &Fleet,
    measured: impl FnOnce() -> Outcome,
) -> (Outcome, u64) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = 0;
            let mut next = Instant::now() + Duration::from_millis(500);
            while !over.load(Ordering::Relaxed) {
                if Instant::now() >= next {
                    written += 1;
                    // The first serial was that of the start.
                    cvdns::replace_feed(server, &fleet.feed(1 + written));
                    next += Duration::from_secs(1);
                }
                thread::sleep(Duration::from_millis(20));
            }
            written
        });
        let outcome = measured();
        over.store(true, Ordering::Relaxed);
        (outcome, writer.join().expect("the writer of feeds"))
    })
}

fn row(name: &str, outcome: &Outcome) -> Vec<String> {
    let latency = &outcome.latency;
    let mut row = vec![name.to_owned(), format!("{:.0}", outcome.per_second())];
    row.extend([outcome.lost(), outcome.wrong].map(|count| count.to_string()));
    let percentiles = [latency.p50, latency.p99, latency.p999, latency.p9999, latency.max];
    row.extend(percentiles.map(|nanoseconds| format!("{:.0}", f64::from(nanoseconds) / 1e3)));
    row.push(format!("{:.3} %", latency.within_1ms * 100.0));
    row.push(format!("{:.3}", outcome.cost()));
    let waited =
        [outcome.server, outcome.load].map(|spent| format!("{:.1}", spent.waiting as f64 / 1e6));
    row.push(waited.join(", "));
    row
}
