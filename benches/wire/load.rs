//! The load: a separate process that sends queries, counts answers and reads how much CPU time the
//! server used.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::client_socket::{ClientSocket, Tally};
use crate::outcome::{Latency, Outcome};
use crate::process::{self, Spent};
use crate::query_set::QuerySet;
use crate::server::{LOAD_CORE, Server, myself};
use crate::system::{self, Batch, WIDTH};

/// A query without an answer after this time is lost.
const PATIENCE: Duration = Duration::from_millis(200);

/// The arguments of a load process.
#[derive(Parser, Clone)]
pub struct Load {
    #[arg(long)]
    pub port: u16,
    #[arg(long)]
    pub queries: PathBuf,
    #[arg(long)]
    pub seconds: f64,
    /// Process ID of the server.
    #[arg(long)]
    pub pid: u32,
    /// Whether to check the RCODE and the number of records, which a reflector does not know.
    #[arg(long)]
    pub check_answers: bool,
    #[arg(long)]
    pub sockets: usize,
    /// Most outstanding queries, over all sockets.
    #[arg(long)]
    pub window: usize,
    /// Queries a second; without it, as many as the window allows.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Sleep instead of spinning while there is no answer.
    #[arg(long)]
    pub sleep: bool,
    /// Pin the process to the load's core.
    #[arg(long)]
    pub pin: bool,
    /// Number of the first query.
    #[arg(long, default_value_t = 0)]
    pub offset: usize,
}

impl Load {
    /// As much load as the server can take: four sockets with 512 outstanding queries, on the
    /// load's core.
    pub fn of(server: &Server, queries: &std::path::Path, seconds: f64) -> Self {
        Self {
            port: server.sandbox.port,
            queries: queries.to_owned(),
            seconds,
            pid: server.pid(),
            check_answers: server.name != "reflector",
            sockets: 4,
            window: 512,
            rate: None,
            sleep: false,
            pin: true,
            offset: 0,
        }
    }

    /// Runs the load in a process of its own.
    pub fn measure(&self) -> Outcome {
        let mut command = myself("--load");
        command.args(["--port", &self.port.to_string(), "--seconds", &self.seconds.to_string()]);
        command.args(["--pid", &self.pid.to_string(), "--offset", &self.offset.to_string()]);
        command.args([
            "--sockets",
            &self.sockets.to_string(),
            "--window",
            &self.window.to_string(),
        ]);
        command.arg("--queries").arg(&self.queries);
        command.args(self.rate.iter().map(|rate| format!("--rate={rate}")));
        for (flag, set) in
            [("--check-answers", self.check_answers), ("--sleep", self.sleep), ("--pin", self.pin)]
        {
            command.args(set.then_some(flag));
        }
        system::end_with_parent(&mut command);
        let output =
            command.stderr(std::process::Stdio::inherit()).output().expect("a load process");
        assert!(output.status.success(), "the load ended with {}", output.status);
        serde_json::from_slice(&output.stdout).expect("the load's report")
    }

    /// The main function of the load process.
    pub fn run(&self) -> ExitCode {
        if self.pin {
            process::pin(std::process::id(), LOAD_CORE);
        }
        if self.rate.is_some() {
            process::raise_priority(std::process::id());
            system::sleep_exactly();
        }
        let mut queries = QuerySet::read(&self.queries).expect("the queries");
        queries.start_at(self.offset);
        let outcome = Running::new(self, queries).run();
        println!("{}", serde_json::to_string(&outcome).expect("a report"));
        ExitCode::SUCCESS
    }
}

struct Running<'a> {
    load: &'a Load,
    queries: QuerySet,
    clients: Vec<ClientSocket>,
    batch: Batch,
    tally: Tally,
    start: Instant,
}

impl<'a> Running<'a> {
    fn new(load: &'a Load, queries: QuerySet) -> Self {
        let clients = (0..load.sockets).map(|_| ClientSocket::new(load.port)).collect();
        // Room for what the fastest server answers: growing would take time.
        let tally = Tally {
            latencies: Vec::with_capacity(per_second(1_000_000.0, load.seconds) as usize),
            ..Tally::default()
        };
        Self { load, queries, clients, batch: Batch::new(), tally, start: Instant::now() }
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
        let share = self.load.window / self.clients.len();
        // At least half a batch, or both sides may settle into sending single packets.
        let worthwhile = share.min(WIDTH / 2);
        let mut now = 0;
        while now < end {
            let sent = self.tally.sent;
            for number in 0..self.clients.len() {
                let room = share.saturating_sub(self.clients[number].outstanding);
                if room >= worthwhile {
                    let at = self.now();
                    self.clients[number].send(&mut self.queries, room, at, &mut self.tally);
                }
                self.receive(number);
            }
            now = self.now();
            if sent == self.tally.sent {
                self.idle(Duration::from_millis(1));
            }
            for client in &mut self.clients {
                client.give_up(now, PATIENCE.as_nanos() as u64);
            }
        }
    }

    /// Sends queries at a steady rate, over the sockets in turn.
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
                turn = (turn + 1) % self.clients.len();
                // What is due is sent in one batch, or in several if the load is late.
                let count = (due - sent).min(WIDTH as u64) as usize;
                let at = self.now();
                self.clients[turn].send(&mut self.queries, count, at, &mut self.tally);
                if self.tally.sent == sent {
                    break;
                }
            }
            for number in 0..self.clients.len() {
                self.receive(number);
            }
            let next = per_second(1e9, (self.tally.sent + 1) as f64 / rate);
            self.idle(Duration::from_nanos(next.saturating_sub(self.now())));
        }
    }

    /// Receives the answers that are still outstanding.
    fn drain(&mut self) {
        let mut last = Instant::now();
        while self.clients.iter().any(|client| client.outstanding > 0) && last.elapsed() < PATIENCE
        {
            for number in 0..self.clients.len() {
                if self.receive(number) {
                    last = Instant::now();
                }
            }
        }
    }

    fn receive(&mut self, number: usize) -> bool {
        let start = self.start;
        let now = || start.elapsed().as_nanos() as u64;
        self.clients[number].receive(&mut self.batch, self.load.check_answers, now, &mut self.tally)
    }

    fn idle(&self, timeout: Duration) {
        if self.load.sleep {
            system::wait(self.clients.iter().map(|client| &client.socket), timeout);
        }
    }
}

/// The number of events after `seconds` at `rate` events a second.
#[allow(clippy::cast_sign_loss, reason = "both are positive")]
fn per_second(rate: f64, seconds: f64) -> u64 {
    (rate * seconds) as u64
}
