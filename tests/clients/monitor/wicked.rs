//! A web server that does one thing wrong.

use super::network::database;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A request as the server sees it.
pub struct Asked {
    pub path: String,
    pub host: String,
    pub range: bool,
}

/// What it answers; false: as a good mirror would.
pub type Way = fn(&mut Talk, &Asked) -> bool;

/// A connection, on which the server goes on until it is told to end.
pub struct Talk {
    stream: TcpStream,
    ended: Arc<AtomicBool>,
}

impl Talk {
    /// Sends octets; false when the client went away.
    pub fn send(&mut self, octets: impl AsRef<[u8]>) -> bool {
        !self.ended.load(Ordering::Relaxed) && self.stream.write_all(octets.as_ref()).is_ok()
    }

    /// An answer with these headers (each with its line's end) and body.
    pub fn answer(&mut self, status: &str, headers: &str, body: &[u8]) -> bool {
        self.send(format!("HTTP/1.1 {status}\r\n{headers}\r\n")) && self.send(body)
    }

    /// Nothing, until the client gives up.
    pub fn hang(&mut self) {
        let mut octet = [0];
        while !self.ended.load(Ordering::Relaxed) {
            match self.stream.read(&mut octet) {
                Ok(0) => return,
                Ok(_) => {}
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// The same again and again, until the client gives up.
    pub fn repeat(&mut self, octets: &[u8], pause: Duration) {
        while self.send(octets) {
            std::thread::sleep(pause);
        }
    }
}

/// Takes an address, which the end of another connection may hold for a moment.
fn bind(address: SocketAddr) -> TcpListener {
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error)
                if error.kind() == std::io::ErrorKind::AddrInUse
                    && std::time::Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => panic!("{address}: {error}"),
        }
    }
}

/// The server, which ends when dropped.
pub struct Wicked {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Wicked {
    /// Serves at this address, with this timestamp where it is good.
    pub fn start(address: IpAddr, port: u16, timestamp: i64, way: Way) -> Self {
        let listener = bind(SocketAddr::new(address, port));
        listener.set_nonblocking(true).expect("no waiting");
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                let flag = Arc::clone(&flag);
                // Ends with the client, or with the flag: all it does is bounded by either.
                std::thread::spawn(move || talk(stream, flag, timestamp, way));
            }
        });
        Self { ended, thread: Some(thread) }
    }
}

impl Drop for Wicked {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn talk(stream: TcpStream, ended: Arc<AtomicBool>, timestamp: i64, way: Way) {
    stream.set_nonblocking(false).expect("waiting");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    stream.set_write_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut talk = Talk { stream, ended };
    let mut request = Vec::new();
    let mut octet = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if talk.stream.read_exact(&mut octet).is_err() {
            return;
        }
        request.push(octet[0]);
    }
    let request = String::from_utf8(request).expect("a request");
    let header = |name: &str| {
        let line =
            request.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
        line.map(|line| line[name.len() + 2..].to_owned())
    };
    let path = request.split(' ').nth(1).expect("a path").to_owned();
    let asked =
        Asked { path, host: header("host").unwrap_or_default(), range: header("range").is_some() };
    if !way(&mut talk, &asked) {
        serve(&mut talk, &asked, timestamp);
    }
}

/// What a good mirror does.
fn serve(talk: &mut Talk, asked: &Asked, timestamp: i64) {
    let version = match asked.path.as_str() {
        "/timestamp" => {
            let body = format!("{timestamp}\n");
            talk.answer("200 OK", &format!("Content-Length: {}\r\n", body.len()), body.as_bytes());
            return;
        }
        "/main.cvd" => 63,
        "/daily.cvd" => 28_129,
        "/bytecode.cvd" => 339,
        _ => {
            talk.answer("404 Not Found", "Content-Length: 0\r\n", b"");
            return;
        }
    };
    let body = database(version);
    if asked.range {
        let headers =
            format!("Content-Length: 512\r\nContent-Range: bytes 0-511/{}\r\n", body.len());
        talk.answer("206 Partial Content", &headers, &body[..512]);
    } else {
        talk.answer("200 OK", &format!("Content-Length: {}\r\n", body.len()), &body);
    }
}
