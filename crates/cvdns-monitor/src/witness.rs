//! Asks the witnesses: addresses that always accept a TCP connection, and tell a coordinator whose
//! own network fails from mirrors that fail.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How to ask.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) witnesses: Vec<SocketAddr>,
    /// Limit for a connection.
    pub(super) timeout: Duration,
    /// Tries before silence counts.
    pub(super) tries: u32,
}

impl Asking {
    /// The witnesses that do not answer. They are asked again as long as none answers; `pause`
    /// waits between two tries and returns whether to go on.
    pub(super) fn silent(&self, mut pause: impl FnMut() -> bool) -> Vec<SocketAddr> {
        let mut silent = self.silent_now();
        for _ in 1..self.tries {
            if silent.len() < self.witnesses.len() || !pause() {
                break;
            }
            silent = self.silent_now();
        }
        silent
    }

    fn silent_now(&self) -> Vec<SocketAddr> {
        let answers =
            |witness: &SocketAddr| TcpStream::connect_timeout(witness, self.timeout).is_ok();
        self.witnesses.iter().copied().filter(|witness| !answers(witness)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn silence_is_confirmed_and_one_answer_is_enough() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let answers = listener.local_addr().unwrap();
        let silent: SocketAddr = {
            let gone = TcpListener::bind("127.0.0.1:0").unwrap();
            gone.local_addr().unwrap()
        };
        let of = |witnesses: &[SocketAddr]| {
            let timeout = Duration::from_secs(5);
            let mut pauses = 0;
            let asking = Asking { witnesses: witnesses.to_vec(), timeout, tries: 3 };
            let silent = asking.silent(|| {
                pauses += 1;
                true
            });
            (silent, pauses)
        };
        assert_eq!(of(&[answers]), (vec![], 0));
        assert_eq!(of(&[silent, answers]), (vec![silent], 0));
        assert_eq!(of(&[silent]), (vec![silent], 2));
    }
}
