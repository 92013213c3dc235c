//! Asks a resolver every second for answers of all kinds, each of which must be secure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::super::ORIGIN;
use super::super::resolvers::exchange;
use super::parent;
use crate::support::PATIENCE;
use crate::support::packet::{AD, DO, Query, RD};
use crate::support::reply::Reply;
use crate::support::rr;
use crate::support::tools::tool;

const RRSIG: u16 = 46;

/// It goes on until it is ended or forgotten.
pub(super) struct Watch {
    /// Ends it when it is dropped.
    stop: Sender<()>,
    /// What was not secure, or is none of the zone's answers.
    wrong: Receiver<String>,
    thread: JoinHandle<()>,
}

impl Watch {
    pub(super) fn begin(port: u16, anchor: &str) -> Self {
        let ((stop, stopped), (found, wrong)) = (channel(), channel());
        let watcher = Watcher { port, anchor: anchor.to_owned() };
        let thread = std::thread::spawn(move || watcher.watch(&stopped, &found));
        Self { stop, wrong, thread }
    }

    /// Ends it after one more round. Returns what was wrong.
    pub(super) fn end(self) -> Vec<String> {
        drop(self.stop);
        self.thread.join().expect("the watch");
        self.wrong.iter().collect()
    }

    /// Waits until something is wrong in these words.
    pub(super) fn until(self, words: &str) {
        let (deadline, mut seen) = (Instant::now() + PATIENCE, Vec::new());
        while !seen.last().is_some_and(|what: &String| what.contains(words)) {
            let left = deadline.saturating_duration_since(Instant::now());
            let next = self.wrong.recv_timeout(left);
            seen.push(next.unwrap_or_else(|_| panic!("no {words:?} in {seen:?}")));
        }
    }
}

struct Watcher {
    port: u16,
    anchor: String,
}

impl Watcher {
    fn watch(&self, stopped: &Receiver<()>, found: &Sender<String>) {
        let dir = tempfile::tempdir().expect("a directory");
        let mut goes_on = true;
        for round in 0.. {
            let wrong = self.round(round, dir.path());
            let now = jiff::Timestamp::now();
            for what in wrong {
                // Nobody listens to a watch that was forgotten.
                let _ = found.send(format!("{now}: {what}\n"));
            }
            if !goes_on {
                break;
            }
            let timeout = stopped.recv_timeout(Duration::from_secs(1));
            goes_on = timeout == Err(RecvTimeoutError::Timeout);
        }
    }

    fn round(&self, round: u32, dir: &Path) -> Vec<String> {
        // Those with a number are in no cache: they have today's signatures, and meet the keys that
        // are in the cache.
        let questions = [
            ("db.de.clam.example".to_owned(), rr::A, rr::NOERROR),
            ("www.clam.example".to_owned(), rr::A, rr::NOERROR),
            (format!("x{round}.wild.clam.example"), rr::TXT, rr::NOERROR),
            (format!("nothing{round}.clam.example"), rr::A, rr::NXDOMAIN),
            (ORIGIN.to_owned(), rr::DNSKEY, rr::NOERROR),
        ];
        let asked = questions.map(|(name, qtype, rcode)| {
            let query = Query::new(&name, qtype).flags(RD | AD).edns(4096);
            let reply = exchange(self.port, &query.opt(|opt| opt.flags |= DO));
            (format!("{name} {qtype}"), rcode, reply)
        });
        let mut wrong = Vec::new();
        for (what, rcode, reply) in &asked {
            if reply.rcode() != *rcode {
                wrong.push(format!("{what}: rcode {}", reply.rcode()));
            } else if !reply.has(AD) {
                wrong.push(format!("{what}: not secure"));
            }
        }
        let [.., (_, _, keys)] = &asked;
        let algorithms = algorithms_of_keys(keys);
        for (what, _, reply) in &asked {
            wrong.extend(without_algorithm(what, reply, &algorithms));
        }
        wrong.extend(self.behind(dir));
        wrong
    }

    /// delv has no cache: it validates what the resolver's cache has together, old signatures with
    /// new keys too.
    fn behind(&self, dir: &Path) -> Option<String> {
        let anchors = dir.join("anchors");
        let fields: Vec<&str> = self.anchor.split_whitespace().collect();
        let at = fields.iter().position(|field| *field == "DNSKEY").expect("a DNSKEY record");
        let (numbers, key) = fields[at + 1..].split_at(3);
        let (numbers, key) = (numbers.join(" "), key.concat());
        let origin = parent::ORIGIN;
        let text = format!("trust-anchors {{ {origin} static-key {numbers} \"{key}\"; }};\n");
        std::fs::write(&anchors, text).expect("the anchors");
        let mut delv = tool("delv");
        delv.args(["@127.0.0.1", "-p", &self.port.to_string(), "-a"]).arg(&anchors);
        delv.args([&format!("+root={origin}"), "www.clam.example", "A"]);
        let done = delv.stdin(Stdio::null()).output().expect("delv");
        let said = String::from_utf8_lossy(&done.stdout).into_owned()
            + &String::from_utf8_lossy(&done.stderr);
        (!said.contains("; fully validated")).then(|| format!("delv: {said}"))
    }
}

/// The algorithms of the keys that a resolver has.
fn algorithms_of_keys(keys: &Reply) -> BTreeSet<u8> {
    keys.rdata(rr::DNSKEY).iter().map(|rdata| rdata[3]).collect()
}

/// The sets of an answer that lack the signature of an algorithm of the keys: who validates behind
/// the resolver may want them all (RFC 4035 section 2.2).
fn without_algorithm(what: &str, reply: &Reply, algorithms: &BTreeSet<u8>) -> Vec<String> {
    let mut of_sets: BTreeMap<(&[u8], &[u8]), BTreeSet<u8>> = BTreeMap::new();
    let records = reply.answer.iter().chain(&reply.authority);
    for record in records.filter(|record| record.rtype == RRSIG) {
        let set = (record.owner.as_slice(), &record.rdata[..2]);
        of_sets.entry(set).or_default().insert(record.rdata[2]);
    }
    let sets = of_sets.into_values().filter(|of_set| !of_set.is_superset(algorithms));
    sets.map(|of_set| format!("{what}: signed by {of_set:?} with keys of {algorithms:?}")).collect()
}
