//! Certificates are renewed while clients ask.

use std::fs;

use super::doq::query;
use super::load::Load;
use super::{Encrypted, ask_tls, certificate, tls, tls_and_certificate};
use crate::support::rr;

/// Clients of each transport ask all the time. One connection goes on through all certificates.
#[test]
fn certificates_are_renewed_without_an_error() {
    let server = Encrypted::start();
    let load = Load::start(&server);
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
        load.go_on(20);
    }
    let soa = query("clam.example", rr::SOA).build();
    assert!(ask_tls(&mut kept, &soa).is_some(), "connections go on");
    load.end();
}
