//! A program that only seems to be a NATS server: what it sends to whoever connects.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// It serves until it is dropped.
pub(crate) struct BadServer {
    pub(crate) port: u16,
    stop: Arc<AtomicBool>,
}

/// What a server says first.
pub(crate) const INFO: &[u8] =
    b"INFO {\"server_id\":\"x\",\"version\":\"2.15.1\",\"max_payload\":1048576,\"headers\":true}\r\n";

impl BadServer {
    /// Does this with each connection, on a thread of its own.
    pub(crate) fn start(port: u16, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, serve) = (stop.clone(), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let serve = serve.clone();
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { port, stop }
    }

    /// Greets as NATS does, then sends this, again and again if it is to.
    pub(crate) fn greeting(port: u16, octets: Vec<u8>, again: bool) -> Self {
        Self::start(port, move |mut stream| {
            let mut buffer = [0; 4096];
            let greeted = stream.write_all(INFO).and_then(|()| stream.read(&mut buffer));
            if greeted.is_err() || stream.write_all(b"PONG\r\n").is_err() {
                return;
            }
            while stream.write_all(&octets).is_ok() && again {}
            // Until the client leaves.
            while matches!(stream.read(&mut buffer), Ok(1..)) {}
        })
    }
}

impl Drop for BadServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}
