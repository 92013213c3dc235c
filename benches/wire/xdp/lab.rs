//! A network of its own for each server: two namespaces, joined by a pair of virtual interfaces.

use std::fs::{self, File};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::sched::{CloneFlags, setns};

/// Addresses for benchmarks (RFC 2544): the server's, the client's, and the network of the clients
/// that queries seem to come from.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
pub const CLIENTS: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 0);

/// Hardware addresses of both ends.
pub const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
pub const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// The namespaces. They are removed when this is dropped.
pub struct Lab {
    number: u32,
}

impl Lab {
    /// Makes the namespaces and interfaces. The error says which command failed.
    pub fn new() -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let lab = Self { number: NUMBER.fetch_add(1, Relaxed) };
        let [server, client] = [lab.server(), lab.client()];
        let [inner, outer] = [lab.server_interface(), lab.client_interface()];
        let (from, clients) = (CLIENT, CLIENTS);
        for command in [
            format!("ip netns add {server}"),
            format!("ip netns add {client}"),
            format!(
                "ip -n {server} link add {inner} address 02:00:00:00:00:02 type veth \
                 peer name {outer} address 02:00:00:00:00:01 netns {client}"
            ),
            format!("ip -n {server} addr add {SERVER}/24 dev {inner}"),
            format!("ip -n {client} addr add {from}/24 dev {outer}"),
            format!("ip -n {server} link set lo up"),
            format!("ip -n {server} link set {inner} up"),
            format!("ip -n {client} link set {outer} up"),
            format!(
                "ip -n {server} neigh add {from} lladdr 02:00:00:00:00:01 dev {inner} nud permanent"
            ),
            format!(
                "ip -n {client} neigh add {SERVER} lladdr 02:00:00:00:00:02 dev {outer} nud permanent"
            ),
            format!("ip -n {server} route add {clients}/16 via {from}"),
            // So frames are taken in batches, with a program and without one.
            format!("ip netns exec {server} ethtool -K {inner} gro on"),
            format!("ip netns exec {client} ethtool -K {outer} gro on"),
        ] {
            run(&command)?;
        }
        // So the time of receiving is that of a thread.
        for (namespace, interface) in [(server, inner), (client, outer)] {
            let path = format!("/sys/class/net/{interface}/threaded");
            run_words(&[
                "ip",
                "netns",
                "exec",
                &namespace,
                "sh",
                "-c",
                &format!("echo 1 > {path}"),
            ])?;
        }
        Ok(lab)
    }

    /// Has a program run among the server's interfaces.
    pub fn command(&self, program: &Command) -> Command {
        let mut within = Command::new("ip");
        within.args(["netns", "exec", &self.server()]);
        within.arg(program.get_program()).args(program.get_args());
        within
    }

    /// A socket of the client that is connected to the server.
    pub fn socket(&self) -> UdpSocket {
        self.as_client(|| {
            let socket = UdpSocket::bind((CLIENT, 0)).expect("a socket");
            socket.connect((SERVER, 53)).expect("a route");
            socket
        })
    }

    /// Does something in a thread that is where the client is.
    pub fn as_client<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.client())).expect("a namespace");
        std::thread::scope(|scope| {
            let within = scope.spawn(move || {
                setns(namespace, CloneFlags::CLONE_NEWNET).expect("the namespace entered");
                what()
            });
            within.join().expect("a thread that ends")
        })
    }

    /// Whether a program is attached to the server's interface.
    pub fn has_program(&self) -> Result<bool, String> {
        let (server, interface) = (self.server(), self.server_interface());
        Ok(run(&format!("ip -n {server} link show dev {interface}"))?.contains("prog/xdp"))
    }

    pub fn server_interface(&self) -> String {
        format!("cvs{}", self.number)
    }

    pub fn client_interface(&self) -> String {
        format!("cvc{}", self.number)
    }

    fn server(&self) -> String {
        format!("cvdns-wire-s{}-{}", self.number, std::process::id())
    }

    fn client(&self) -> String {
        format!("cvdns-wire-c{}-{}", self.number, std::process::id())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in [self.server(), self.client()] {
            let _ = run(&format!("ip netns del {namespace}"));
        }
    }
}

/// The threads of the kernel that receive at an interface.
pub fn receivers(interface: &str) -> Vec<u32> {
    let prefix = format!("napi/{interface}-");
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.starts_with(&prefix))
        })
        .collect()
}

fn run(command: &str) -> Result<String, String> {
    run_words(&command.split_whitespace().collect::<Vec<_>>())
}

fn run_words(words: &[&str]) -> Result<String, String> {
    let (program, arguments) = words.split_first().expect("a program");
    let output = Command::new(program).args(arguments).output();
    let output = output
        .map_err(|error| format!("{program}: {error}; --xdp needs root, iproute2 and ethtool"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("`{}`: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
