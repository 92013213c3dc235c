//! A web server that misbehaves as it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it does with a request.
#[derive(Clone, Debug)]
pub enum Way {
    /// Sends these octets, closes.
    Send(Vec<u8>),
    /// Sends nothing.
    Hang,
    /// Sends a head, and then an octet at a time.
    Drip,
    /// Sends without end.
    Endless,
    /// Closes at once.
    Close,
}

/// It ends with the test.
pub struct BadWeb {
    address: SocketAddr,
    way: Arc<Mutex<Way>>,
    requests: Arc<AtomicUsize>,
}

impl Way {
    /// A document as it should be served.
    pub fn good(document: &str) -> Self {
        Self::answer("200 OK\r\nContent-Type: application/json", document.as_bytes())
    }

    pub fn answer(head: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len());
        Self::Send([head.as_bytes(), body].concat())
    }

    fn treat(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        match self {
            Self::Send(octets) => stream.write_all(octets),
            Self::Close => Ok(()),
            Self::Hang => {
                // Until the client goes away.
                stream.set_read_timeout(Some(Duration::from_secs(60)))?;
                stream.read_exact(&mut [0])
            }
            Self::Drip => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")?;
                loop {
                    stream.write_all(b" ")?;
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            Self::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{")?;
                loop {
                    stream.write_all(&[b' '; 4096])?;
                }
            }
        }
    }
}

impl BadWeb {
    pub fn start(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let web = Self { address, way: Arc::new(Mutex::new(way)), requests: Arc::default() };
        let (way, requests) = (web.way.clone(), web.requests.clone());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (way, requests) = (way.clone(), requests.clone());
                std::thread::spawn(move || {
                    let mut head = Vec::new();
                    let mut octet = [0];
                    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut octet).is_ok() {
                        head.push(octet[0]);
                    }
                    requests.fetch_add(1, Ordering::Relaxed);
                    let way = way.lock().expect("nobody panics with it").clone();
                    // Clients that leave are what is tested.
                    let _ = way.treat(&mut stream);
                });
            }
        });
        web
    }

    pub fn url(&self) -> String {
        format!("http://{}/feed.json", self.address)
    }

    /// From now on it does this.
    pub fn set(&self, way: Way) {
        *self.way.lock().expect("nobody panics with it") = way;
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}
