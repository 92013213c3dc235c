//! BIND: static answers only.

use std::path::Path;
use std::process::Command;

use crate::fleet::Fleet;
use crate::server::Sandbox;

pub(super) fn configure(program: &Path, sandbox: &Sandbox, fleet: &Fleet) -> Command {
    let (port, dir) = (sandbox.port, sandbox.path().display());
    sandbox.write("clamav.net.zone", &super::master_file(fleet));
    sandbox.write(
        "named.conf",
        &format!(
            "options {{ directory \"{dir}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no;\n\
             pid-file none; session-keyfile none; minimal-responses yes; dnssec-validation no; empty-zones-enable no; notify no; }};\n\
             controls {{ }};\nzone \"clamav.net\" {{ type primary; file \"clamav.net.zone\"; }};\n"
        ),
    );
    let mut command = Command::new(program);
    command.args(["-g", "-n", "1", "-c", "named.conf"]);
    command
}
