//! A client from elsewhere: what `explain = "local"` keeps from it.

use super::apart::apart;
use crate::support::daemon::Daemon;
use crate::support::fixture;
use crate::support::tools::{self, tool, tool_of};

/// Of no network that `"local"` has (RFC 5737).
const STRANGER: &str = "192.0.2.53";

/// RFC 8914 section 4.19: 18 is Prohibited.
#[test]
fn diagnostic_names_are_for_local_clients() {
    apart(|| {
        let mut ip = tool_of("ip", "install iproute2");
        tools::output(ip.args(["address", "add", &format!("{STRANGER}/32"), "dev", "lo"]));
        let server = Daemon::start_on(53, &fixture::files());
        let dig = |source: &str, name: &str, kind: &str| {
            let mut dig = tool("dig");
            // The policy is about sources: the subnet that a stranger sends does not count.
            tools::output(dig.args([
                "-b",
                source,
                "@127.0.0.1",
                "+subnet=127.0.0.1/32",
                name,
                kind,
            ]))
        };
        for name in ["_explain.db.de", "_pool.db.de", "_feed", "_whoami"] {
            let name = format!("{name}.clam.example");
            let told = dig("127.0.0.1", &name, "TXT");
            assert!(told.contains("status: NOERROR") && told.contains("ANSWER: 1"), "{told}");
            let told = dig(STRANGER, &name, "TXT");
            assert!(told.contains("status: REFUSED") && told.contains("EDE: 18"), "{told}");
            assert!(told.contains("ANSWER: 0") && !told.contains("192.0.2.1"), "{told}");
        }
        let told = dig(STRANGER, "db.de.clam.example", "A");
        assert!(told.contains("status: NOERROR") && !told.contains("ANSWER: 0"), "{told}");
        drop(server);
    });
}
