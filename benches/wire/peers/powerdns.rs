//! `PowerDNS`: its geoip backend for everything.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::{MAX, RECORD, v4, v6};
use crate::cvdns;
use crate::fleet::Fleet;
use crate::server::Sandbox;

pub(super) fn configure(program: &Path, sandbox: &Sandbox, fleet: &Fleet) -> Command {
    let (port, dir) = (sandbox.port, sandbox.path().display());
    sandbox.write("geo.yml", &zone(fleet));
    sandbox.write(
        "pdns.conf",
        &format!(
            "launch=geoip\ngeoip-database-files=mmdb:{database}\ngeoip-zones-file={dir}/geo.yml\n\
             local-address=127.0.0.1\nlocal-port={port}\nedns-subnet-processing=yes\nreceiver-threads=1\n\
             distributor-threads=1\ncache-ttl=20\ndaemon=no\nguardian=no\nsocket-dir={dir}\ndisable-syslog=yes\nloglevel=3\n\
             zone-cache-refresh-interval=0\nenable-lua-records=no\n",
            database = cvdns::database().display(),
        ),
    );
    let mut command = Command::new(program);
    command.arg(format!("--config-dir={dir}"));
    command
}

/// A country without mirrors is answered from the United States.
fn zone(fleet: &Fleet) -> String {
    let mut text = format!(
        r#"domains:
- domain: clamav.net
  ttl: 60
  records:
    clamav.net:
      - soa: ns1.clamav.net hostmaster.clamav.net 1 3600 900 604800 300
      - ns: ns1.clamav.net
      - ns: ns2.clamav.net
    current.cvd.clamav.net:
      - txt: '"{RECORD}"'
"#
    );
    for (country, mirrors) in fleet.by_country() {
        let mirrors = mirrors.get(..MAX).unwrap_or(mirrors);
        let _ = writeln!(text, "    db.{country}.clamav.net:");
        for (kind, addresses) in [("a", v4(mirrors)), ("aaaa", v6(mirrors))] {
            for address in addresses {
                let _ = writeln!(text, "      - {kind}: {address}");
            }
        }
    }
    text + "  services:\n    db.local.clamav.net: [ 'db.%cc.clamav.net', 'db.us.clamav.net' ]\n"
}
