//! The second witness: dnspython, with the cryptography of OpenSSL. One process for all packets.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::verified::Trust;

/// Packets that dnspython is to verify.
#[derive(Debug, Default)]
pub(super) struct Packets {
    lines: String,
    count: usize,
}

impl Packets {
    pub(super) fn add(&mut self, packet: &[u8]) {
        put_hex(&mut self.lines, packet);
        self.lines.push('\n');
        self.count += 1;
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.lines.push_str(&other.lines);
        self.count += other.count;
    }

    /// All are secure, or the test fails.
    #[track_caller]
    pub(super) fn must_be_secure(self, trust: &Trust) {
        let mut text = format!("{}\n", trust.now);
        for (zone, keys) in &trust.keys {
            for key in keys {
                write!(text, "{zone} ").unwrap();
                put_hex(&mut text, key);
                text.push('\n');
            }
        }
        text.push('\n');
        text.push_str(&self.lines);
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
        let wanted = "tests/run installs it, dnspython and cryptography";
        let mut child = Command::new(&python)
            .args(["-c", include_str!("witness.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|_| panic!("no {}: {wanted}", python.display()));
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "dnspython ({wanted})");
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.trim(), self.count.to_string());
    }
}

fn put_hex(text: &mut String, octets: &[u8]) {
    for octet in octets {
        write!(text, "{octet:02x}").unwrap();
    }
}
