//! The whole chain: mirrors' web servers, the coordinator that checks them, the server that follows
//! its feed, and freshclam.

use super::apart::apart;
use super::freshclam::Freshclam;
use super::network::{Feed, MIRRORS, answered, of, serve_with};
use super::process::Running;
use super::web::{Web, database};
use crate::support::{PATIENCE, databases};
use std::collections::BTreeSet;
use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

/// A mirror that is well.
fn mirror(address: &'static str) -> Web {
    let web = Web::start(std::iter::once(address), &[("test.cvd", "test-6.cvd")]);
    for (name, version) in [("main", "63"), ("daily", "28129"), ("bytecode", "339")] {
        web.write(&format!("{name}.cvd"), databases::cvd(version).as_bytes());
    }
    web.write("timestamp", jiff::Timestamp::now().to_string().as_bytes());
    web
}

/// CLIENTS: "One bad mirror in an answer hurts directly", "dead … mirrors in pools: drop at once".
#[test]
fn clients_freshclam_never_meets_a_mirror_that_the_coordinator_saw_die() {
    apart(|| {
        let monitor = "[monitor]\nport = 8080\ninterval = \"1s\"\nretry-interval = \"1s\"\nconfirm = 2\n\
                       confirm-interval = \"200ms\"\npublish-every = \"1s\"\nstate = \"monitor\"\n";
        let server = serve_with("DE", &Feed::default(), monitor);
        let mut webs = MIRRORS.map(|(.., address)| Some(mirror(address)));
        let log = File::create(server.path().join("monitor.log")).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
        let _monitor = Running::start(command.arg("monitor").current_dir(server.path()), &log);
        let until = |what: &str, is_wanted: &dyn Fn(&BTreeSet<String>) -> bool| {
            let deadline = Instant::now() + PATIENCE;
            while !is_wanted(&answered(server.client(), "database.clamav.net")) {
                let log =
                    std::fs::read_to_string(server.path().join("monitor.log")).unwrap_or_default();
                assert!(Instant::now() < deadline, "{what}: not in time\n{log}\n{}", server.log());
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        webs[0] = None;
        let mut rest = of("DE");
        rest.remove(MIRRORS[0].2);
        // Too few are left in the country: one of the next fills the answer up.
        let fills_up = |answered: &BTreeSet<String>| {
            let others: BTreeSet<String> = answered.difference(&rest).cloned().collect();
            answered.is_superset(&rest) && others.len() == 1 && others.is_subset(&of("JP"))
        };
        until("the mirror is dead", &fills_up);
        // Whatever the order of addresses: no connection is refused.
        for _ in 0..5 {
            let freshclam = Freshclam::new(&["test"]);
            let text = freshclam.update_quietly();
            assert!(
                text.contains("test.cvd updated (version: 6") && !text.contains("refused"),
                "{text}"
            );
            assert!(
                freshclam.installed("test") == database("test-6.cvd"),
                "another file was installed"
            );
        }
        webs[0] = Some(mirror(MIRRORS[0].2));
        until("the mirror is back", &|answered| *answered == of("DE"));
    });
}
