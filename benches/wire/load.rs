//! The load: a process of its own that asks, counts and reads what the server spent.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::deck::Deck;
use crate::flight::{Flight, Tally};
use crate::outcome::{Latency, Outcome};
use crate::process::{self, Spent};
use crate::server::{LOAD_CORE, Server, myself};
use crate::system::{self, Batch, WIDTH};

/// A query that has no answer after this long is lost.
const PATIENCE: Duration = Duration::from_millis(200);

/// What a load process is told.
#[derive(Parser, Clone)]
pub struct Load {
    #[arg(long)]
    pub port: u16,
    #[arg(long)]
    pub deck: PathBuf,
    #[arg(long)]
    pub seconds: f64,
    /// The server.
    #[arg(long)]
    pub pid: u32,
    /// Whether RCODE and number of records count: a reflector knows neither.
    #[arg(long)]
    pub judge: bool,
    #[arg(long)]
    pub sockets: usize,
    /// Queries under way, over all sockets.
    #[arg(long)]
    pub window: usize,
    /// Queries a second; without it as many as the window allows.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Sleep rather than spin while nothing has come.
    #[arg(long)]
    pub sleep: bool,
    /// Stay on the load's core.
    #[arg(long)]
    pub pin: bool,
    /// Where in the deck to begin.
    #[arg(long, default_value_t = 0)]
    pub cut: usize,
}

impl Load {
    /// As much as the server can take, over four sockets with 512 queries under way, from the load's core.
    pub fn of(server: &Server, deck: &std::path::Path, seconds: f64) -> Self {
        Self {
            port: server.place.port,
            deck: deck.to_owned(),
            seconds,
            pid: server.pid(),
            judge: server.name != "reflector",
            sockets: 4,
            window: 512,
            rate: None,
            sleep: false,
            pin: true,
            cut: 0,
        }
    }

    /// Runs it in a process of its own.
    pub fn measure(&self) -> Outcome {
        let mut command = myself("--load");
        command.args(["--port", &self.port.to_string(), "--seconds", &self.seconds.to_string()]);
        command.args(["--pid", &self.pid.to_string(), "--cut", &self.cut.to_string()]);
        command.args([
            "--sockets",
            &self.sockets.to_string(),
            "--window",
            &self.window.to_string(),
        ]);
        command.arg("--deck").arg(&self.deck);
        command.args(self.rate.iter().map(|rate| format!("--rate={rate}")));
        for (flag, set) in [("--judge", self.judge), ("--sleep", self.sleep), ("--pin", self.pin)] {
            command.args(set.then_some(flag));
        }
        system::end_with_parent(&mut command);
        let output =
            command.stderr(std::process::Stdio::inherit()).output().expect("a load process");
        assert!(output.status.success(), "the load ended with {}", output.status);
        serde_json::from_slice(&output.stdout).expect("the load's report")
    }

    /// The load process itself.
    pub fn run(&self) -> ExitCode {
        if self.pin {
            process::pin(std::process::id(), LOAD_CORE);
        }
        if self.rate.is_some() {
            process::favour(std::process::id());
            system::sleep_exactly();
        }
        let mut deck = Deck::read(&self.deck).expect("the queries");
        deck.cut(self.cut);
        let outcome = Running::new(self, deck).run();
        println!("{}", serde_json::to_string(&outcome).expect("a report"));
        ExitCode::SUCCESS
    }
}

struct Running<'a> {
    load: &'a Load,
    deck: Deck,
    flights: Vec<Flight>,
    batch: Batch,
    tally: Tally,
    start: Instant,
}

impl<'a> Running<'a> {
    fn new(load: &'a Load, deck: Deck) -> Self {
        let flights = (0..load.sockets).map(|_| Flight::new(load.port)).collect();
        // Room for what the fastest server answers: growing would take time.
        let tally = Tally {
            latencies: Vec::with_capacity(per_second(1_000_000.0, load.seconds) as usize),
            ..Tally::default()
        };
        Self { load, deck, flights, batch: Batch::new(), tally, start: Instant::now() }
    }

    fn run(mut self) -> Outcome {
        let server = self.load.pid;
        let spent = || [server, std::process::id()].map(Spent::by);
        let before = spent();
        self.start = Instant::now();
        let end = per_second(1e9, self.load.seconds);
        match self.load.rate {
            None => self.flood(end),
            Some(rate) => self.pace(end, rate),
        }
        let seconds = self.start.elapsed().as_secs_f64();
        self.drain();
        let after = spent();
        let [server, load] = [0, 1].map(|which| after[which].since(before[which]));
        let Tally { sent, answered, wrong, octets, latencies } = self.tally;
        let octets = octets as f64 / answered.max(1) as f64;
        Outcome {
            sent,
            answered,
            wrong,
            seconds,
            octets,
            server,
            load,
            latency: Latency::of(latencies),
        }
    }

    /// Nanoseconds since the start.
    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Keeps the window full.
    fn flood(&mut self, end: u64) {
        let share = self.load.window / self.flights.len();
        // Half a batch at least, lest both sides fall into sending packets one by one.
        let worthwhile = share.min(WIDTH / 2);
        let mut now = 0;
        while now < end {
            let sent = self.tally.sent;
            for number in 0..self.flights.len() {
                let room = share.saturating_sub(self.flights[number].under_way);
                if room >= worthwhile {
                    let at = self.now();
                    self.flights[number].send(&mut self.deck, room, at, &mut self.tally);
                }
                self.receive(number);
            }
            now = self.now();
            if sent == self.tally.sent {
                self.idle(Duration::from_millis(1));
            }
            for flight in &mut self.flights {
                flight.give_up(now, PATIENCE.as_nanos() as u64);
            }
        }
    }

    /// Sends each query when its time has come, over one socket after the other.
    fn pace(&mut self, end: u64, rate: f64) {
        let mut turn = 0;
        loop {
            let now = self.now();
            if now >= end {
                return;
            }
            let due = per_second(rate, now as f64 / 1e9);
            while self.tally.sent < due {
                let sent = self.tally.sent;
                turn = (turn + 1) % self.flights.len();
                // What is due at once goes out in one batch; when the load was late, in several.
                let count = (due - sent).min(WIDTH as u64) as usize;
                let at = self.now();
                self.flights[turn].send(&mut self.deck, count, at, &mut self.tally);
                if self.tally.sent == sent {
                    break;
                }
            }
            for number in 0..self.flights.len() {
                self.receive(number);
            }
            let next = per_second(1e9, (self.tally.sent + 1) as f64 / rate);
            self.idle(Duration::from_nanos(next.saturating_sub(self.now())));
        }
    }

    /// Takes what is still to come.
    fn drain(&mut self) {
        let mut last = Instant::now();
        while self.flights.iter().any(|flight| flight.under_way > 0) && last.elapsed() < PATIENCE {
            for number in 0..self.flights.len() {
                if self.receive(number) {
                    last = Instant::now();
                }
            }
        }
    }

    fn receive(&mut self, number: usize) -> bool {
        let start = self.start;
        let now = || start.elapsed().as_nanos() as u64;
        self.flights[number].receive(&mut self.batch, self.load.judge, now, &mut self.tally)
    }

    fn idle(&self, timeout: Duration) {
        if self.load.sleep {
            system::wait(self.flights.iter().map(|flight| &flight.socket), timeout);
        }
    }
}

/// How many of something that comes `rate` times a second are due after `seconds`.
#[allow(clippy::cast_sign_loss, reason = "both are positive")]
fn per_second(rate: f64, seconds: f64) -> u64 {
    (rate * seconds) as u64
}
