//! Certificates are renewed, and servers replaced, while clients ask.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use super::doq::query;
use super::{Encrypted, ask_tls, certificate, tls, tls_and_certificate};
use crate::support::rr;

/// Clients that ask over connections of their own all the time.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn start(port: u16) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let client = || {
            let (stop, answered) = (stop.clone(), answered.clone());
            thread::spawn(move || {
                let soa = query("clam.example", rr::SOA).build();
                while !stop.load(Relaxed) {
                    let mut stream = tls(port, &[b"dot"]).expect("a handshake");
                    for _ in 0..3 {
                        assert!(ask_tls(&mut stream, &soa).is_some(), "no answer");
                    }
                    answered.fetch_add(3, Relaxed);
                }
            })
        };
        let threads = vec![client(), client()];
        Self { stop, answered, threads }
    }

    /// How many answers there were; all of them came.
    fn end(self) -> u64 {
        self.stop.store(true, Relaxed);
        for thread in self.threads {
            thread.join().expect("every handshake and every answer");
        }
        self.answered.load(Relaxed)
    }
}

#[test]
fn certificates_are_renewed_without_an_error() {
    let server = Encrypted::start();
    let load = Load::start(server.dot);
    let shown = || tls_and_certificate(server.dot, &[b"dot"]).expect("connected").1;
    let mut before = shown();
    let mut kept = tls(server.dot, &[b"dot"]).expect("connected");
    for round in 0..4 {
        let dir = tempfile::tempdir().expect("a directory");
        let [chain, key] = certificate(dir.path(), &format!("ns{round}.clam.example"));
        for (name, text) in [("k.pem", key), ("c.pem", chain)] {
            let path = server.daemon.path().join(name);
            fs::write(path.with_extension("new"), text).expect("written");
            fs::rename(path.with_extension("new"), path).expect("renamed");
        }
        server.daemon.until("the new certificate", || shown() != before);
        before = shown();
    }
    let soa = query("clam.example", rr::SOA).build();
    assert!(ask_tls(&mut kept, &soa).is_some(), "connections go on");
    assert!(load.end() > 20);
}
