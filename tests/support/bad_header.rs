//! A message that ends the connection of each reader that uses `async-nats`.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Stores a message whose header is not UTF-8 under a subject of JetStream.
pub fn bad_header(port: u16, subject: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a NATS server");
    let before = format!(
        "CONNECT {{\"headers\":true,\"verbose\":false}}\r\nSUB answer 1\r\n\
         HPUB {subject} answer 18 19\r\n"
    );
    let message = [before.as_bytes(), b"NATS/1.0\r\nA: \xff\r\n\r\nx\r\n"].concat();
    stream.write_all(&message).expect("sent");
    let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&said).contains("\"seq\"") {
        let length = stream.read(&mut buffer).expect("an answer");
        assert!(length > 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&buffer[..length]);
    }
}
