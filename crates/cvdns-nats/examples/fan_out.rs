//! Measures how long it takes until many followers have a document, and until all are current after
//! NATS was killed. The followers are tasks over the code that servers run.
//!
//! `cargo run --release -p cvdns-nats --example fan_out -- [FOLLOWERS] [OCTETS] [ROUNDS]`
//!
//! With `0` followers, what one costs that follows on a thread of its own and hears nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use cvdns_nats::{
    Document, Follower, Key, Plan, Published, Settings, Update, Verdict, Writer, set_up,
};

const PATIENCE: Duration = Duration::from_secs(120);
/// How long NATS is away.
const DOWN: Duration = Duration::from_secs(5);

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let followers = numbers.next().unwrap_or(1000);
    let octets = numbers.next().unwrap_or(150_000);
    let rounds = numbers.next().unwrap_or(10);
    let mut server = Server::start();
    if followers == 0 {
        return idle(&server.settings());
    }
    set_up(&server.settings(), &Plan::default(), PATIENCE).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (sender, heard) = channel();
    for _ in 0..followers {
        runtime.spawn(follow(server.settings(), sender.clone()));
    }
    let mut writer = Writer::connect(&server.settings(), PATIENCE).unwrap();
    let mut times = Vec::new();
    put(&mut writer, 0, octets);
    all_have(&heard, 0, followers);
    for serial in 1..=rounds {
        let started = Instant::now();
        put(&mut writer, serial, octets);
        all_have(&heard, serial, followers);
        times.push(started.elapsed().as_millis());
    }
    times.sort_unstable();
    println!(
        "{followers} followers, a document of {octets} octets as a message: from put to the last \
         one {} ms (median of {rounds}), {} to {} ms",
        times[rounds / 2],
        times[0],
        times[rounds - 1]
    );
    server.kill();
    std::thread::sleep(DOWN);
    server.run();
    let returned = Instant::now();
    put(&mut writer, rounds + 1, octets);
    let stored = returned.elapsed();
    all_have(&heard, rounds + 1, followers);
    println!(
        "killed, {} s down: after its start, a put was stored after {} ms and all were current \
         after {} ms",
        DOWN.as_secs(),
        stored.as_millis(),
        returned.elapsed().as_millis()
    );
}

fn idle(settings: &Settings) {
    const WATCHED: Duration = Duration::from_secs(60);
    set_up(settings, &Plan::default(), PATIENCE).unwrap();
    let before = resident();
    let (sender, heard) = channel();
    let interval = Duration::from_secs(30);
    let sink = move |update| drop(sender.send(update));
    let _following =
        cvdns_nats::follow("cvdns-nats", settings.clone(), vec![key()], interval, sink).unwrap();
    heard.recv_timeout(PATIENCE).expect("a connection");
    let used = cpu();
    std::thread::sleep(WATCHED);
    println!(
        "a follower that hears nothing: {} ms of CPU in {} s, {} kB of memory",
        (cpu() - used) * 10,
        WATCHED.as_secs(),
        resident() - before
    );
}

/// The CPU time of this process in hundredths of a second (proc(5), fields 14 and 15).
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit(')').next().unwrap();
    after.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

/// Its memory in kB.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

async fn follow(settings: Settings, heard: Sender<usize>) {
    let mut follower = Follower::new(settings, vec![key()], Duration::from_secs(60));
    loop {
        if let Update::Document { document, .. } = follower.next().await {
            let serial = std::str::from_utf8(&document.octets[..10]).unwrap().trim_start();
            let _ = heard.send(serial.parse().unwrap());
        }
    }
}

fn put(writer: &mut Writer, serial: usize, octets: usize) {
    // Noise, which gzip does not make smaller: the octets are those of the message.
    let mut state = serial as u64 + 1;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    let octets =
        format!("{serial:10}").into_bytes().into_iter().chain(noise).take(octets).collect();
    let document = Document { octets, signature: Some(vec![b's'; 300]) };
    let put = writer.put(&key(), &document, |_| Verdict::Newer).expect("it is published");
    assert!(matches!(put, Published::Published { .. }));
}

fn all_have(heard: &Receiver<usize>, serial: usize, followers: usize) {
    let deadline = Instant::now() + PATIENCE;
    let mut have = 0;
    while have < followers {
        let left = deadline.saturating_duration_since(Instant::now());
        let said = heard.recv_timeout(left);
        have += usize::from(said.unwrap_or_else(|_| panic!("{have} of {followers}")) == serial);
    }
}

fn key() -> Key {
    Key { name: "feed".parse().unwrap(), limit: 64 << 20 }
}

struct Server {
    child: Option<Child>,
    dir: tempfile::TempDir,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let port =
            std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut server = Self { child: None, dir: tempfile::tempdir().unwrap(), port };
        server.run();
        server
    }

    fn run(&mut self) {
        let program: PathBuf =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/nats-server");
        let child = Command::new(program)
            .args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-js", "-sd"])
            .arg(self.dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tests/run installs nats-server in target/python");
        self.child = Some(child);
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            servers: vec![format!("nats://127.0.0.1:{}", self.port).parse().unwrap()],
            credentials: None,
            ca_file: None,
            bucket: "cvdns".parse().unwrap(),
            name: "fan_out".to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
