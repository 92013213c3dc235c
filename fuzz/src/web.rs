//! A web server whose answers are given, in place of connections.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::octets::Octets;

/// Makes a connection for each answer; then it refuses.
#[derive(Debug, Clone)]
pub(crate) struct Web {
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
    /// Most octets that arrive at once.
    most: usize,
}

impl Web {
    pub(crate) fn new(answers: impl IntoIterator<Item = Vec<u8>>, most: usize) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), most: most.max(1) }
    }
}

impl Connector for Web {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let answer = self.answers.lock().expect("no panic").pop_front();
        let answer = answer.ok_or(io::Error::from(io::ErrorKind::ConnectionRefused))?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Connection { buffers, answer, at: 0, most: self.most }))
    }
}

/// A connection on which the peer sends its answer and closes.
#[derive(Debug)]
pub(crate) struct Connection {
    buffers: LazyBuffers,
    answer: Vec<u8>,
    at: usize,
    most: usize,
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let rest = &self.answer[self.at..];
        let room = self.buffers.input_append_buf();
        let count = rest.len().min(room.len()).min(self.most);
        room[..count].copy_from_slice(&rest[..count]);
        self.buffers.input_appended(count);
        self.at += count;
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        self.at < self.answer.len()
    }
}

/// An answer by the rules of RFC 9112, which must be understood: interim responses, then the body
/// with its length, in chunks, or ended by the close. The first octet of `how` chooses.
pub(crate) fn correct(status: &str, fields: &str, body: &[u8], how: &mut Octets<'_>) -> Vec<u8> {
    let choice = how.u8();
    let mut answer = Vec::new();
    for _ in 0..choice >> 2 & 3 {
        answer.extend(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
    }
    answer.extend(format!("HTTP/1.1 {status}\r\n{fields}").bytes());
    match choice & 3 {
        0 | 3 => {
            answer.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
            answer.extend(body);
        }
        1 => {
            answer.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in body.chunks(usize::from(choice >> 4) * 16 + 1) {
                answer.extend(format!("{:x}\r\n", chunk.len()).bytes());
                answer.extend([chunk, b"\r\n"].concat());
            }
            answer.extend(b"0\r\n\r\n");
        }
        _ => {
            answer.extend(b"Connection: close\r\n\r\n");
            answer.extend(body);
        }
    }
    answer
}
