//! The load by frames that a program in the kernel makes (`BPF_PROG_TEST_RUN`), and what their
//! answers cost. Everything runs on one core, so that no time is lost to waking another one: the
//! server and the threads that receive go before the load, which has the rest.

use std::io;
use std::time::{Duration, Instant};

use crate::process::{self, Spent};
use crate::server::LOAD_CORE;
use crate::system;

use super::bpf::{Map, Program, interface_number};
use super::frames::{COUNT, Frames};
use super::lab::{Lab, receivers};
use super::programs::{OCTETS, OTHER, RIGHT, answers, queries};

/// Frames of a call, whatever the size of batches.
const CALL: u32 = 16_384;

/// What a run has cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub sent: u64,
    /// Answers with records and without an error.
    pub right: u64,
    /// Other datagrams with QR. Those of a reflector have no records.
    pub other: u64,
    /// Mean octets of an answer.
    pub octets: f64,
    pub seconds: f64,
    /// Nanoseconds of the server's threads for an answer.
    pub server: f64,
    /// The same of the thread that receives at the server's interface.
    pub receiving: f64,
}

impl Cost {
    pub fn total(&self) -> f64 {
        self.server + self.receiving
    }
}

/// What is counted so far.
struct Counts {
    sent: u64,
    right: u64,
    other: u64,
    octets: u64,
    server: u64,
    receiving: u64,
}

/// Asks a server for so many seconds, in batches of so many frames.
pub fn measure(lab: &Lab, pid: u32, frames: &Frames, batch: u32, seconds: f64) -> io::Result<Cost> {
    let napi = receivers(&lab.server_interface());
    for thread in process::threads(pid).into_iter().map(|(_, thread)| thread).chain(napi.clone()) {
        process::pin_thread(thread, LOAD_CORE);
        system::schedule(thread, system::Policy::First(20));
    }
    for thread in receivers(&lab.client_interface()) {
        process::pin_thread(thread, LOAD_CORE);
        system::schedule(thread, system::Policy::First(10));
    }
    let interface = lab.client_interface();
    lab.as_client(|| load(&interface, (pid, &napi), frames, batch, seconds))
}

fn load(
    interface: &str,
    (pid, napi): (u32, &[u32]),
    frames: &Frames,
    batch: u32,
    seconds: f64,
) -> io::Result<Cost> {
    let (sent, counts) = (Map::new(8, 1)?, Map::new(24, 1)?);
    let all = Map::new(frames.octets, COUNT)?;
    for (number, frame) in (0..).zip(&frames.all) {
        all.set(number, frame)?;
    }
    let interface = interface_number(interface)?;
    let _taken = Program::load(&answers(&counts))?.attach(interface)?;
    let asking = Program::load(&queries(&all, COUNT, frames.octets, &sent, interface))?;
    let thread = nix::unistd::gettid().as_raw().unsigned_abs();
    process::pin_thread(thread, LOAD_CORE);
    system::schedule(thread, system::Policy::Idle);
    let ask = |long: Duration| -> io::Result<f64> {
        let start = Instant::now();
        while start.elapsed() < long {
            asking.run_live(&frames.all[0], CALL, batch)?;
        }
        Ok(start.elapsed().as_secs_f64())
    };
    let read = || Counts::read((&sent, &counts), pid, napi);
    ask(Duration::from_millis(200))?;
    let before = read()?;
    let seconds = ask(Duration::from_secs_f64(seconds))?;
    Ok(read()?.since(&before, seconds))
}

impl Counts {
    fn read((sent, counts): (&Map, &Map), pid: u32, napi: &[u32]) -> io::Result<Self> {
        let number = |octets: &[u8], at: usize| {
            u64::from_ne_bytes(octets[at..at + 8].try_into().expect("eight octets"))
        };
        let (sent, counts) = (sent.get(0)?, counts.get(0)?);
        Ok(Self {
            sent: number(&sent, 0),
            right: number(&counts, RIGHT),
            other: number(&counts, OTHER),
            octets: number(&counts, OCTETS),
            server: Spent::by(pid).cpu,
            receiving: napi.iter().map(|thread| Spent::by(*thread).cpu).sum(),
        })
    }

    fn since(&self, before: &Self, seconds: f64) -> Cost {
        let (right, other) = (self.right - before.right, self.other - before.other);
        let answers = (right + other).max(1) as f64;
        Cost {
            sent: self.sent - before.sent,
            right,
            other,
            octets: (self.octets - before.octets) as f64 / answers,
            seconds,
            server: (self.server - before.server) as f64 / answers,
            receiving: (self.receiving - before.receiving) as f64 / answers,
        }
    }
}
