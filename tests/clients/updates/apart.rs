//! A test in namespaces of its own: its network has nothing but loopback, its resolver is
//! 127.0.0.1, and when it ends all that it started ends too.

use super::process::run;
use super::{cvdupdate, freshclam, web};
use crate::support::left_out::leave_out;
use crate::support::tools::tool_of;
use nix::mount::{MsFlags, mount};
use std::any::type_name;
use std::fs;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

/// Bounds a scenario that hangs; none takes more than seconds.
const PATIENCE: Duration = Duration::from_secs(180);

/// Set inside, to the mount namespace outside.
const OUTSIDE: &str = "CVDNS_TEST_OUTSIDE";

/// Set by a CI run that knows that it has no signed databases, and says so at its end.
const WITHOUT_DATABASES: &str = "CVDNS_WITHOUT_SIGNED_DATABASES";

/// Runs `scenario` apart: the test calls itself again under unshare. `scenario` must be a closure
/// of the test itself.
pub(crate) fn apart<F: Fn()>(scenario: F) {
    if let Ok(outside) = std::env::var(OUTSIDE) {
        assert_ne!(outside, mount_namespace(), "{OUTSIDE} is not for users to set");
        set_resolver();
        return scenario();
    }
    freshclam::command();
    cvdupdate::command();
    web::command();
    // "real_clients::MODULE::TEST::{{closure}}"; were it ever another form, no test of that name
    // would run.
    let name = type_name::<F>().split("::").skip(1).take_while(|part| !part.starts_with('{'));
    let name = name.collect::<Vec<_>>().join("::");
    if let Err(why) = &*ALLOWED {
        return leave_out(&name, why, false);
    }
    if let Some(why) = web::missing_databases() {
        return leave_out(&name, &why, std::env::var_os(WITHOUT_DATABASES).is_some());
    }
    let mut command = unshare();
    command.arg(std::env::current_exe().expect("this test"));
    command.args([&name, "--exact", "--nocapture"]).env(OUTSIDE, mount_namespace());
    let inner = run(&mut command, PATIENCE);
    assert!(
        inner.status.success() && inner.text.contains("1 passed"),
        "{name} failed apart: see above"
    );
}

/// Whether this system lets us have such namespaces; many containers do not.
static ALLOWED: LazyLock<Result<(), String>> = LazyLock::new(|| {
    // unshare alone may succeed without any rights inside (AppArmor on Ubuntu).
    let ip = tool_of("ip", "install iproute2");
    let tried = run(unshare().arg(ip.get_program()).args(["link", "set", "lo", "up"]), PATIENCE);
    if tried.status.success() {
        Ok(())
    } else {
        Err(format!("no network and mount namespaces can be made here: {}", tried.text.trim()))
    }
});

/// The PID namespace ends all processes with the test, however it ends.
fn unshare() -> Command {
    let mut command = tool_of("unshare", "install util-linux");
    command.args([
        "--net",
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
    ]);
    if !nix::unistd::geteuid().is_root() {
        // Not --map-root-user: freshclam as root changes its groups, which a user namespace denies.
        command.args(["--map-current-user", "--keep-caps"]);
    }
    command
}

fn set_resolver() {
    let up = run(tool_of("ip", "install iproute2").args(["link", "set", "lo", "up"]), PATIENCE);
    assert!(up.status.success(), "{}", up.text);
    // Modules other than dns (resolve, mdns) would ask daemons outside.
    for (file, content) in
        [("resolv.conf", "nameserver 127.0.0.1\n"), ("nsswitch.conf", "hosts: files dns\n")]
    {
        let ours = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(ours.path(), content).expect("a file for the resolver");
        let theirs = format!("/etc/{file}");
        mount(Some(ours.path()), theirs.as_str(), None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .unwrap_or_else(|error| panic!("mounting over {theirs}: {error}"));
    }
}

fn mount_namespace() -> String {
    fs::read_link("/proc/self/ns/mnt").expect("a mount namespace").display().to_string()
}
