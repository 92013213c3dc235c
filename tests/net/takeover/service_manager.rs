//! The protocols of systemd, spoken with a manager of the test's own.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::super::support::client::{Client, Transport, receive};
use super::super::support::packet::Query;
use super::super::support::reply::Reply;
use super::super::support::{PATIENCE, fixture, ports, rr, tools};

/// A manager with its socket, and a server that it starts again and again.
struct Manager {
    dir: tempfile::TempDir,
    socket: UnixDatagram,
    port: u16,
    /// What the server has stored, with its names.
    store: Vec<(String, OwnedFd)>,
}

impl Manager {
    /// A server with one address and one worker, and so two sockets.
    fn new() -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), ports::free());
        let files = fixture::files();
        let config = files.text("cvdns.toml").replace(", \"[::1]:@PORT@\"", "");
        files.with("cvdns.toml", config).write(dir.path(), port);
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { dir, socket, port, store: Vec::new() }
    }

    /// Starts the server by these commands of a shell.
    fn start(&self, commands: &str, fds: [Stdio; 2]) -> Child {
        let [first, second] = fds;
        let log = std::fs::File::create(self.dir.path().join("log")).unwrap();
        Command::new("sh")
            .args([
                "-c",
                &format!("{commands} exec \"$0\" serve --config \"$1\""),
                env!("CARGO_BIN_EXE_cvdns"),
            ])
            .arg(self.dir.path().join("cvdns.toml"))
            .env("NOTIFY_SOCKET", self.dir.path().join("notify"))
            .env("WATCHDOG_USEC", "400000")
            .env_remove("WATCHDOG_PID")
            .env_remove("CVDNS_LOG")
            .stdin(first)
            .stdout(second)
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Starts the server with its sockets from the store, which are the descriptors 3 and 4.
    fn start_with_store(&mut self) -> Child {
        self.store.sort_by(|(one, _), (other, _)| one.cmp(other));
        let names: Vec<&str> = self.store.iter().map(|(name, _)| name.as_str()).collect();
        let commands = format!(
            "exec 3<&0 4<&1 0</dev/null 1>&2; export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES={};",
            names.join(":")
        );
        let copies = || self.store.iter().map(|(_, fd)| Stdio::from(fd.try_clone().unwrap()));
        let fds: Vec<Stdio> = copies().collect();
        self.start(&commands, fds.try_into().unwrap_or_else(|_| panic!("two sockets")))
    }

    /// The next message that is not about the watchdog.
    fn hear(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "no message: {}", self.log());
            let message = self.hear_any();
            if message != "WATCHDOG=1" {
                return message;
            }
        }
    }

    fn hear_any(&mut self) -> String {
        let mut octets = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(
            &self.socket,
            &mut [IoSliceMut::new(&mut octets)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
        .unwrap_or_else(|error| panic!("no message ({error}): {}", self.log()));
        let message = String::from_utf8(octets[..received.bytes].to_vec()).unwrap();
        let fds = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds.collect::<Vec<_>>()),
            _ => None,
        });
        for fd in fds.flatten().collect::<Vec<_>>() {
            let name = message.lines().find_map(|line| line.strip_prefix("FDNAME=")).unwrap();
            if !self.store.iter().any(|(known, _)| known == name) {
                self.store.push((name.to_owned(), fd));
            }
        }
        message
    }

    /// Hears all until the server is ready.
    fn until_ready(&mut self) {
        loop {
            let message = self.hear();
            if message.starts_with("READY=1\n") {
                assert!(message.contains("STATUS=answers by feed 1000"), "{message}");
                return;
            }
            assert!(message.starts_with("FDSTORE=1\n"), "{message}");
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    fn ask(&self, transport: Transport) {
        Client { port: self.port }.ask(transport, &Query::new("www.clam.example", rr::A));
    }
}

fn stop(child: &mut Child) {
    assert!(tools::stop(child).expect("it ends").success());
}

#[test]
fn the_manager_is_told_of_every_state() {
    let mut manager = Manager::new();
    let mut server = manager.start("", [Stdio::null(), Stdio::null()]);
    manager.until_ready();
    manager.ask(Transport::Udp4);
    while manager.hear_any() != "WATCHDOG=1" {}
    tools::signal(server.id(), "HUP");
    let reloading = manager.hear();
    let moment = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("a reload");
    assert!(moment.parse::<u64>().is_ok_and(|moment| moment > 0), "{reloading}");
    manager.until_ready();
    tools::signal(server.id(), "TERM");
    assert!(manager.hear().starts_with("STOPPING=1"));
    assert!(tools::ended(&mut server).expect("it ends").success());
}

/// `sd_notify(3)`, "FDSTORE=1": queries that arrive during a restart wait in the sockets.
#[test]
fn a_restart_with_stored_sockets_loses_nothing() {
    let mut manager = Manager::new();
    let mut server = manager.start("", [Stdio::null(), Stdio::null()]);
    manager.until_ready();
    stop(&mut server);
    let mut names: Vec<_> = manager.store.iter().map(|(name, _)| name.clone()).collect();
    names.sort();
    let port = manager.port;
    assert_eq!(names, [format!("tcp-127.0.0.1_{port}"), format!("udp-0-127.0.0.1_{port}")]);
    for _ in 0..2 {
        while manager.hear() != "STOPPING=1\nSTATUS=answers what it has received" {}
        let clients: Vec<UdpSocket> =
            (0..50).map(|_| Client { port }.udp([127, 0, 0, 1].into())).collect();
        for client in &clients {
            client.send(&Query::new("www.clam.example", rr::A).build()).unwrap();
        }
        let mut stream = Client { port }.tcp([127, 0, 0, 1].into());
        super::super::support::client::send(&mut stream, &Query::new(".", rr::NS).build());
        let mut server = manager.start_with_store();
        for client in &clients {
            let reply = Reply::parse(&receive(client).expect("an answer to each"));
            assert_eq!(reply.rcode(), rr::NOERROR);
        }
        super::super::support::client::read(&mut stream).expect("an answer over TCP");
        manager.until_ready();
        stop(&mut server);
    }
}

/// `LISTEN_PID` of another process: its sockets are not this one's.
#[test]
fn sockets_for_another_process_are_left_alone() {
    let mut manager = Manager::new();
    let mut server = manager.start("", [Stdio::null(), Stdio::null()]);
    manager.until_ready();
    stop(&mut server);
    manager.store.clear();
    let commands = "exec 3<&0; export LISTEN_PID=1 LISTEN_FDS=1;";
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let copy = OwnedFd::from(other.try_clone().unwrap());
    while !manager.hear().starts_with("STOPPING=1") {}
    let mut server = manager.start(commands, [copy.into(), Stdio::null()]);
    manager.until_ready();
    manager.ask(Transport::Udp4);
    manager.ask(Transport::Tcp4);
    stop(&mut server);
}

/// What is handed over by mistake is named, and keeps nobody from being served.
#[test]
fn what_is_no_socket_is_named() {
    let mut manager = Manager::new();
    let file = || Stdio::from(std::fs::File::open("/dev/null").unwrap());
    let own = "exec 3<&0 4<&1; export LISTEN_PID=$$ ";
    for (variables, says) in [
        ("LISTEN_FDS=2 LISTEN_FDNAMES=a.socket:", "as descriptor 3 (\"a.socket\"), 4\n"),
        ("LISTEN_FDS=12", "as descriptor 3, 4, 5, 6, 7, 8, 9, 10 and 4 more\n"),
        ("LISTEN_FDS=4097", "LISTEN_FDS is \"4097\", and no number from 0 to 4096\n"),
        ("LISTEN_FDS=two", "LISTEN_FDS is \"two\", and no number from 0 to 4096\n"),
    ] {
        let mut server = manager.start(&format!("{own}{variables};"), [file(), file()]);
        manager.until_ready();
        manager.ask(Transport::Udp4);
        stop(&mut server);
        while !manager.hear().starts_with("STOPPING=1") {}
        // What the manager keeps would be in the way of the next one, which is not given it.
        manager.store.clear();
        let log = manager.log();
        assert!(log.contains(says) && log.matches("WARN").count() == 1, "{variables}: {log}");
    }
}

/// A socket of a unit that has a socket for UDP alone: the server binds the other itself.
#[test]
fn what_a_unit_does_not_open_is_bound() {
    let mut manager = Manager::new();
    let socket = UdpSocket::bind(("127.0.0.1", manager.port)).unwrap();
    let client = Client { port: manager.port }.udp([127, 0, 0, 1].into());
    client.send(&Query::new("www.clam.example", rr::A).build()).unwrap();
    let commands = "exec 3<&0; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=cvdns.socket;";
    let copy = OwnedFd::from(socket.try_clone().unwrap());
    drop(socket);
    let mut server = manager.start(commands, [copy.into(), Stdio::null()]);
    receive(&client).expect("an answer to what waited");
    manager.until_ready();
    manager.ask(Transport::Tcp4);
    stop(&mut server);
}
