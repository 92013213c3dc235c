//! Two namespaces, that of a server and that of its clients, joined by a pair of virtual cards.

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use nix::sched::{CloneFlags, setns};

/// The server's card and the clients' card.
pub const CARD: &str = "vs";
pub const CLIENTS_CARD: &str = "vc";

/// Addresses of the server and its second one, and of clients; of IPv4 and IPv6.
pub const SERVER: [&str; 2] = ["198.18.0.2", "fd77::2"];
pub const SECOND: [&str; 2] = ["198.18.0.3", "fd77::3"];
pub const CLIENT: [&str; 2] = ["198.18.0.1", "fd77::1"];

/// MAC addresses of the server's card and the clients' card.
pub const MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
pub const CLIENTS_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// The namespaces of one server, removed when this is dropped.
pub struct Lab {
    number: u16,
}

impl Lab {
    /// Makes the namespaces with this number, which no other test has, and cards with so many
    /// queues. The cards compute no checksums: what the server sends must have true ones.
    pub fn new(number: u16, queues: u32) -> Self {
        let lab = Self { number };
        lab.remove();
        let ([s4, s6], [t4, t6], [c4, c6]) = (SERVER, SECOND, CLIENT);
        let queues = format!("numtxqueues {queues} numrxqueues {queues}");
        let (s, c) = (name("s", number), name("c", number));
        run(&format!(
            "ip netns add {s} && ip netns add {c} &&
             ip -n {s} link add vs address 02:00:00:00:00:02 {queues} type veth \
                 peer name vc address 02:00:00:00:00:01 {queues} netns {c} &&
             for place in {s} {c}; do
               ip netns exec $place sysctl -qw net.ipv6.conf.all.accept_dad=0 \
                 net.ipv6.conf.default.accept_dad=0 || exit
               ip -n $place link set lo up || exit
             done &&
             ip -n {s} addr add {s4}/24 dev vs && ip -n {s} addr add {t4}/24 dev vs &&
             ip -n {s} addr add {s6}/64 dev vs nodad && ip -n {s} addr add {t6}/64 dev vs nodad &&
             ip -n {c} addr add {c4}/24 dev vc && ip -n {c} addr add {c6}/64 dev vc nodad &&
             ip -n {s} link set vs up && ip -n {c} link set vc up &&
             ip netns exec {c} ethtool -K vc gro on tx off rx off >/dev/null &&
             ip netns exec {s} ethtool -K vs tx off >/dev/null"
        ));
        lab
    }

    fn remove(&self) {
        let (s, c) = (name("s", self.number), name("c", self.number));
        let mut command = Command::new("sh");
        let removed = command.args(["-c", &format!("ip netns del {s}; ip netns del {c}")]);
        let _ = removed.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The name of a namespace: of a server's (`s`) or of its clients' (`c`).
pub fn name(of: &str, number: u16) -> String {
    format!("cvx-net-{of}{number}")
}

/// Runs commands of a shell in the server's namespace with this number. They must succeed.
pub fn at_server(number: u16, commands: &str) -> String {
    inside(&name("s", number), commands)
}

/// The same in the clients' namespace.
pub fn at_clients(number: u16, commands: &str) -> String {
    inside(&name("c", number), commands)
}

/// Datagrams that the ordinary sockets of the server's namespace have received.
pub fn by_sockets(number: u16) -> u64 {
    let counted = at_server(number, "cat /proc/net/snmp /proc/net/snmp6");
    let v6 = counted.lines().find_map(|line| line.strip_prefix("Udp6InDatagrams"));
    let v6: u64 = v6.expect("IPv6").trim().parse().expect("a count");
    let mut v4 = counted.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, counts) = (v4.next().expect("names"), v4.next().expect("counts"));
    let place = names.split(' ').position(|name| name == "InDatagrams").expect("a name");
    let v4: u64 = counts.split(' ').nth(place).expect("IPv4").parse().expect("a count");
    v4 + v6
}

/// Brings this thread into the clients' namespace with this number.
pub fn enter_clients(number: u16) {
    let path = format!("/run/netns/{}", name("c", number));
    let namespace = File::open(&path).expect("the clients' namespace");
    setns(namespace, CloneFlags::CLONE_NEWNET).expect("this thread in the clients' namespace");
}

/// A program that runs in the server's namespace with this number, with the process's own id.
pub fn in_servers(number: u16, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &name("s", number), program]);
    command
}

/// Why there can be no namespaces and no programs in the kernel here; `None` if there can.
pub fn obstacle() -> Option<&'static str> {
    static OBSTACLE: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        if !nix::unistd::geteuid().is_root() {
            return Some("only root has namespaces and bpf(2)".to_owned());
        }
        let probe = "ip netns add cvx-net-probe$$ && \
                     ip -n cvx-net-probe$$ link add vs type veth peer name vc && \
                     ip netns del cvx-net-probe$$";
        let output = Command::new("sh").args(["-c", probe]).output().ok()?;
        let said = String::from_utf8_lossy(&output.stderr);
        (!output.status.success()).then(|| format!("no namespaces: {}", said.trim()))
    };
    OBSTACLE.get_or_init(find).as_deref()
}

/// Whether the kernel has VLANs.
pub fn has_vlans() -> bool {
    let probe = "ip netns add cvx-net-vlan$$ && \
                 ip -n cvx-net-vlan$$ link add vs type veth peer name vc && \
                 ip -n cvx-net-vlan$$ link add link vs name tagged type vlan id 10; \
                 found=$?; ip netns del cvx-net-vlan$$; exit $found";
    let mut command = Command::new("sh");
    let has = command.args(["-c", probe]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    has.is_ok_and(|status| status.success())
}

fn inside(namespace: &str, commands: &str) -> String {
    let mut command = Command::new("ip");
    output(command.args(["netns", "exec", namespace, "sh", "-c", commands]))
}

fn run(commands: &str) -> String {
    output(Command::new("sh").args(["-c", commands]))
}

fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("a command that runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}{error}", output.status);
    text
}

/// Octets in hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |text, octet| format!("{text}{octet:02x}"))
}
