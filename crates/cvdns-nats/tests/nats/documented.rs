//! The configurations of docs/nats.md, as they are loaded by tests: with other ports and paths.

use std::path::{Path, PathBuf};
use std::process::Command;

use cvdns_nats::Settings;

use super::server::{Server, program};

/// The configurations of the page, in order: of one node, of users, of three nodes.
pub(crate) fn configurations() -> [String; 3] {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/nats.md");
    let page = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<String> = page
        .split("```conf\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect();
    blocks.try_into().expect("three configurations")
}

/// Certificates for loopback, and their authority, in a directory.
pub(crate) struct Certificates(tempfile::TempDir);

impl Certificates {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let run = |arguments: &str| {
            let done = Command::new("openssl")
                .args(arguments.split(' '))
                .current_dir(dir.path())
                .output()
                .expect("tests need openssl");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        run(&format!("req -x509 {key} -keyout ca.key -out ca.crt -subj /CN=ca -days 2"));
        run(&format!(
            "req -x509 -CA ca.crt -CAkey ca.key {key} -keyout tls.key -out tls.crt -subj /CN=nats \
             -days 2 -addext subjectAltName=IP:127.0.0.1,DNS:localhost -addext \
             basicConstraints=critical,CA:FALSE"
        ));
        Self(dir)
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.0.path().join("ca.crt")
    }

    /// The configuration with the paths of these files.
    pub(crate) fn placed(&self, configuration: &str, dir: &Path) -> String {
        configuration
            .replace("/etc/nats", &self.0.path().display().to_string())
            .replace("/var/lib/nats", &dir.join("store").display().to_string())
            .replace("\"0.0.0.0:", "\"127.0.0.1:")
    }
}

/// Settings for a user of the page.
pub(crate) fn as_user(user: &str, ports: &[u16], certificates: &Certificates) -> Settings {
    let password = user.split('-').next_back().unwrap();
    let file = certificates.0.path().join(user);
    std::fs::write(&file, format!("{user}:change-me-{password}\n")).unwrap();
    Settings {
        servers: ports
            .iter()
            .map(|port| format!("tls://localhost:{port}").parse().unwrap())
            .collect(),
        credentials: Some(file),
        ca_file: Some(certificates.authority()),
        ..super::server::settings(&[])
    }
}

/// Writes the users of the page beside the server's configuration.
pub(crate) fn write_users(dir: &Path) {
    let [_, users, _] = configurations();
    std::fs::write(dir.join("users.conf"), users).unwrap();
}

/// The documented server of one node.
pub(crate) fn one_node(certificates: &Certificates) -> Server {
    let port = super::ports::free();
    Server::configured(port, |dir| {
        write_users(dir);
        let [one, _, _] = configurations();
        certificates.placed(&one, dir).replace("4222", &port.to_string())
    })
}

#[test]
fn the_documented_configurations_are_valid() {
    let certificates = Certificates::new();
    let [one, _, three] = configurations();
    for configuration in [one, three] {
        let dir = tempfile::tempdir().unwrap();
        write_users(dir.path());
        let file = dir.path().join("nats.conf");
        std::fs::write(&file, certificates.placed(&configuration, dir.path())).unwrap();
        let checked = Command::new(program()).arg("-t").arg("-c").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{said}");
    }
}
