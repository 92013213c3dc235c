//! cvdns, configured as users do: the whole zone of the example, client subnets, and health from a
//! feed.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::fleet::Fleet;
use crate::server::{Sandbox, Server, free_port};
use crate::xdp::lab::Lab;

/// Enables diagnostic names for everyone.
const EXPLAIN: &str = "explain = \"public\"\n";

/// All load comes from one address. The limit is on, and so high that it limits nobody.
const LIMIT: &str = "[rate-limit]\nresponses-per-second = 1000000\n";

const UNGUARDED: &str = "[rate-limit]\nmode = \"off\"\n[cookies]\nenabled = false\n";

const SAMPLES: &str = "[log]\nquery-sample = 0.001\n";

/// How a server differs from the default one.
#[derive(Clone)]
pub struct Options {
    /// Name of the server in tables.
    pub name: &'static str,
    pub program: PathBuf,
    pub workers: usize,
    /// Names `h0`, `h1` … with an A record each in the master file.
    pub static_names: usize,
    /// Metrics, diagnostic names for everyone and query samples are on.
    pub observed: bool,
    /// There is neither rate limit nor cookies.
    pub unguarded: bool,
    /// The zone is signed by a key of this algorithm.
    pub signed: Option<&'static str>,
    /// A network of its own.
    pub lab: Option<Arc<Lab>>,
    /// The mode of AF_XDP there.
    pub xdp: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_cvdns"));
        Self {
            name: "cvdns",
            program,
            workers: 1,
            static_names: 0,
            observed: false,
            unguarded: false,
            signed: None,
            lab: None,
            xdp: None,
        }
    }
}

/// Starts the daemon for a fleet.
pub fn start(fleet: &Fleet, options: &Options) -> Server {
    let sandbox = options.lab.clone().map_or_else(Sandbox::new, Sandbox::within);
    let shipped =
        |name: &str| fs::read_to_string(project().join("zones").join(name)).expect("the example");
    sandbox.write("clamav.net.toml", &shipped("clamav.net.toml"));
    sandbox.write(
        "clamav.net.zone",
        &(shipped("clamav.net.zone") + &static_names(options.static_names)),
    );
    sandbox.write("mirrors.toml", &mirrors(fleet));
    sandbox.write("feed.json", &fleet.feed(1));
    let config = config(&sandbox, options);
    let limit = if options.unguarded { UNGUARDED } else { LIMIT };
    sandbox.write("cvdns.toml", &(config.clone() + limit));
    // An earlier build that is compared with may have no limit, and refuses to be told of one.
    let mut check = Command::new(&options.program);
    check.args(["check", "--config", "cvdns.toml"]).current_dir(sandbox.path());
    if !check.output().expect("cvdns check").status.success() {
        sandbox.write("cvdns.toml", &config);
    }
    if let Some(algorithm) = options.signed {
        let zone = shipped("clamav.net.toml") + "\n[dnssec]\nkeys = \"keys\"\n";
        sandbox.write("clamav.net.toml", &zone);
        fs::create_dir(sandbox.path().join("keys")).expect("the directory of keys");
        let mut generate = Command::new(&options.program);
        generate.args(["keys", "generate", "--config", "cvdns.toml", "--algorithm", algorithm]);
        generate.arg("clamav.net").current_dir(sandbox.path());
        assert!(generate.output().expect("cvdns keys").status.success(), "a key");
    }
    let mut command = Command::new(&options.program);
    command.args(["serve", "--config", "cvdns.toml"]);
    Server::start(options.name, command, sandbox)
}

/// Replaces the feed of a running server by rename.
pub fn replace_feed(server: &Server, feed: &str) {
    server.sandbox.write("feed.json.new", feed);
    let path = server.sandbox.path();
    fs::rename(path.join("feed.json.new"), path.join("feed.json")).expect("the feed renamed");
}

/// The country database that every server looks clients up in.
pub fn database() -> PathBuf {
    project().join("geoip/country.mmdb")
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn config(sandbox: &Sandbox, options: &Options) -> String {
    let database = database();
    let (database, workers) = (database.display(), options.workers);
    let (address, port, xdp) = (sandbox.address(), sandbox.port, xdp(options));
    let [explain, observed] = if options.observed {
        [EXPLAIN.to_owned(), format!("[admin]\nlisten = \"127.0.0.1:{}\"\n{SAMPLES}", free_port())]
    } else {
        Default::default()
    };
    format!(
        r#"[server]
listen = ["{address}:{port}"]
workers = {workers}
nsid = "ns1"
{explain}
[[zone]]
file = "clamav.net.toml"

[geoip]
database = "{database}"

[feed]
source = "feed.json"
# Of some small country all mirrors go at once.
max-loss = 1

{xdp}{observed}"#
    )
}

fn xdp(options: &Options) -> String {
    match (&options.lab, options.xdp) {
        (Some(lab), Some(mode)) => {
            let interface = lab.server_interface();
            format!("[xdp]\ninterfaces = [\"{interface}\"]\nmode = \"{mode}\"\n")
        }
        _ => String::new(),
    }
}

fn mirrors(fleet: &Fleet) -> String {
    let mut text = String::new();
    for (number, mirror) in fleet.mirrors.iter().enumerate() {
        let _ = writeln!(
            text,
            "[[mirror]]\nhost = {:?}\ncountry = {:?}",
            mirror.host,
            mirror.country.to_uppercase()
        );
        let _ = writeln!(text, "ipv4 = [\"{}\"]", mirror.v4);
        if let Some(v6) = mirror.v6 {
            let _ = writeln!(text, "ipv6 = [\"{v6}\"]");
        }
        // The pool that the example's zone names.
        if number % 20 == 0 {
            text.push_str("pools = [\"other\"]\n");
        }
    }
    text
}

fn static_names(count: usize) -> String {
    let mut text = String::from("\n$ORIGIN clamav.net.\n");
    for number in 0..count {
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + number as u32);
        let _ = writeln!(text, "h{number} IN A {address}");
    }
    text
}
