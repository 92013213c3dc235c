//! NSD: static answers only.

use std::path::Path;
use std::process::Command;

use crate::fleet::Fleet;
use crate::server::Sandbox;

pub(super) fn configure(program: &Path, sandbox: &Sandbox, fleet: &Fleet) -> Command {
    let (port, dir) = (sandbox.port, sandbox.path().display());
    sandbox.write("clamav.net.zone", &super::master_file(fleet));
    sandbox.write(
        "nsd.conf",
        &format!(
            r#"server:
  ip-address: 127.0.0.1@{port}
  server-count: 1
  username: ""
  zonesdir: "{dir}"
  pidfile: "{dir}/nsd.pid"
  xfrdfile: "{dir}/xfrd.state"
  zonelistfile: "{dir}/zone.list"
  database: ""
  reuseport: no
  round-robin: yes
  minimal-responses: yes
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: clamav.net
  zonefile: clamav.net.zone
"#
        ),
    );
    let mut command = Command::new(program);
    command.args(["-d", "-c", "nsd.conf"]);
    command
}
