//! BIND, Knot and NSD as secondaries of a server.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::packet::Query;
use crate::support::reply::{Record, Reply};
use crate::support::tools::{self, tool, tool_of};
use crate::support::{PATIENCE, ports, rr};
use cvdns_core::wire::name::Name;
use cvdns_transfer::tsig::Exchange;
use cvdns_transfer::{Algorithm, Key};

/// The catalog zone of the server.
pub(super) const CATALOG: &str = "catalog.example";

/// The secret of all keys.
pub(super) const SECRET: &str = "dGhpcyBpcyBhIHNlY3JldCBvZiAzMiBvY3RldHMhISE=";

/// The programs that are secondaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Named,
    Knotd,
    Nsd,
}

pub(super) const PROGRAMS: [Program; 3] = [Program::Named, Program::Knotd, Program::Nsd];

impl Program {
    /// The name of its key, and what it is called in messages.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Named => "of-named",
            Self::Knotd => "of-knotd",
            Self::Nsd => "of-nsd",
        }
    }

    pub(super) fn algorithm(self) -> &'static str {
        match self {
            Self::Named => "hmac-sha256",
            Self::Knotd => "hmac-sha512",
            Self::Nsd => "hmac-sha384",
        }
    }
}

/// A secondary with its files in a directory of its own.
pub(super) struct Secondary {
    pub(super) program: Program,
    pub(super) port: u16,
    /// The loopback address of its primary. It listens on both.
    primary: &'static str,
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl Secondary {
    /// A secondary of the server at this address of loopback and port for these zones, not yet
    /// started. BIND and Knot learn the zones from the catalog.
    pub(super) fn new(
        program: Program,
        port: u16,
        (address, primary): (&'static str, u16),
        zones: &[&str],
    ) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let secondary = Self { program, port, primary: address, dir, child: None };
        let config = match program {
            Program::Named => secondary.named(primary),
            Program::Knotd => secondary.knotd(primary),
            Program::Nsd => secondary.nsd(primary, zones),
        };
        fs::write(secondary.dir.path().join("conf"), config).expect("its configuration");
        secondary
    }

    /// A secondary that asks on this port of DNS over TLS, and has this authority verify the name
    /// of its primary.
    pub(super) fn over_tls(
        program: Program,
        port: u16,
        primary: u16,
        zones: &[&str],
        (authority, name): (&Path, &str),
    ) -> Self {
        let secondary = Self::new(program, port, ("127.0.0.1", primary), zones);
        let (conf, authority) = (secondary.dir.path().join("conf"), authority.display());
        let plain = fs::read_to_string(&conf).expect("its configuration");
        let key = program.key();
        let config = match program {
            Program::Named => {
                let plain =
                    plain.replace(&format!("key {key}; }}"), &format!("key {key} tls primary; }}"));
                format!(
                    "tls primary {{ ca-file \"{authority}\"; remote-hostname \"{name}\"; }};\n{plain}"
                )
            }
            Program::Nsd => {
                let primary = format!("127.0.0.1@{primary} {key}\n");
                let encrypted = primary.replace('\n', " primary\n");
                let plain = plain.replace(&primary, &encrypted);
                let authority = format!("server:\n  tls-cert-bundle: \"{authority}\"\n");
                let name = format!("tls-auth:\n  name: primary\n  auth-domain-name: {name}\n");
                plain.replacen("server:\n", &authority, 1).replacen(
                    "zone:\n",
                    &format!("{name}zone:\n"),
                    1,
                )
            }
            Program::Knotd => panic!("Knot 3.2 does not transfer over TLS"),
        };
        fs::write(conf, config).expect("its configuration");
        secondary
    }

    fn named(&self, primary: u16) -> String {
        let (key, algorithm) = (self.program.key(), self.program.algorithm());
        let (dir, port) = (self.dir.path().display(), self.port);
        let primaries = format!("{{ {} port {primary} key {key}; }}", self.primary);
        format!(
            "key {key} {{ algorithm {algorithm}; secret \"{SECRET}\"; }};\n\
             options {{ directory \"{dir}\"; listen-on port {port} {{ 127.0.0.1; }};\n\
             listen-on-v6 port {port} {{ ::1; }};\n\
             pid-file none; session-keyfile none; recursion no; dnssec-validation no; notify no;\n\
             empty-zones-enable no; allow-transfer {{ 127.0.0.1; }}; min-refresh-time 1; min-retry-time 1;\n\
             serial-query-rate 1000; minimal-responses yes; zero-no-soa-ttl no;\n\
             catalog-zones {{ zone \"{CATALOG}\" default-primaries {primaries} in-memory no\n\
             zone-directory \"{dir}\" min-update-interval 1s; }}; }};\ncontrols {{ }};\n\
             zone \"{CATALOG}\" {{ type secondary; primaries {primaries}; file \"catalog\"; }};\n"
        )
    }

    fn knotd(&self, primary: u16) -> String {
        let (key, algorithm) = (self.program.key(), self.program.algorithm());
        let (dir, port, address) = (self.dir.path().display(), self.port, self.primary);
        format!(
            "server:\n  rundir: {dir}\n  listen: [127.0.0.1@{port}, ::1@{port}]\n  udp-workers: 1\n  tcp-workers: 1\n\
             log:\n  - target: stderr\n    any: info\n\
             key:\n  - id: {key}\n    algorithm: {algorithm}\n    secret: {SECRET}\n\
             remote:\n  - id: primary\n    address: {address}@{primary}\n    key: {key}\n\
             acl:\n  - id: notify\n    address: {address}\n    key: {key}\n    action: notify\n\
             \x20 - id: transfer\n    address: 127.0.0.1\n    action: transfer\n\
             database:\n  storage: {dir}\n\
             template:\n  - id: default\n    storage: {dir}\n    zonefile-sync: -1\n    zonefile-load: none\n    \
             journal-content: all\n    retry-min-interval: 1\n    refresh-min-interval: 2\n\
             \x20 - id: member\n    storage: {dir}\n    zonefile-sync: -1\n    zonefile-load: none\n    \
             journal-content: all\n    master: primary\n    acl: [notify, transfer]\n    retry-min-interval: 1\n    \
             refresh-min-interval: 2\n\
             zone:\n  - domain: {CATALOG}\n    master: primary\n    acl: [notify, transfer]\n    \
             catalog-role: interpret\n    catalog-template: member\n"
        )
    }

    fn nsd(&self, primary: u16, zones: &[&str]) -> String {
        let (key, algorithm) = (self.program.key(), self.program.algorithm());
        let (dir, port, address) = (self.dir.path().display(), self.port, self.primary);
        let mut config = format!(
            "server:\n  ip-address: 127.0.0.1\n  ip-address: ::1\n  port: {port}\n  server-count: 1\n  username: \"\"\n  zonesdir: \"{dir}\"\n\
             \x20 database: \"\"\n  pidfile: \"{dir}/pid\"\n  xfrdfile: \"{dir}/xfrd\"\n  xfrdir: \"{dir}\"\n\
             \x20 zonelistfile: \"{dir}/zones\"\n  minimal-responses: yes\n  rrl-ratelimit: 0\n  xfrd-reload-timeout: 0\n\
             remote-control:\n  control-enable: no\n\
             key:\n  name: {key}\n  algorithm: {algorithm}\n  secret: \"{SECRET}\"\n"
        );
        for zone in zones {
            let _ = write!(
                config,
                "zone:\n  name: {zone}\n  zonefile: {zone}.zone\n  request-xfr: {address}@{primary} {key}\n  \
                 allow-notify: {address} {key}\n  provide-xfr: 127.0.0.1 NOKEY\n  min-retry-time: 1\n  min-refresh-time: 1\n"
            );
        }
        config
    }

    /// Starts it, with its files as they are.
    pub(super) fn start(&mut self) {
        let conf = self.dir.path().join("conf");
        let mut command = match self.program {
            Program::Named => {
                let mut command = tool("named");
                command.args(["-g", "-n", "1", "-c"]);
                command
            }
            Program::Knotd => {
                let mut command = tool("knotd");
                command.arg("-c");
                command
            }
            Program::Nsd => {
                let mut command = tool_of("nsd", "install nsd: tests need it");
                command.args(["-d", "-c"]);
                command
            }
        };
        let log = File::options().create(true).append(true).open(self.dir.path().join("log"));
        let log = log.expect("its log");
        command.arg(conf).stdin(Stdio::null()).process_group(0);
        command.stdout(log.try_clone().expect("its log twice")).stderr(log);
        self.child = Some(command.spawn().expect("a name server started"));
    }

    /// Ends it without a word, with all processes that it started.
    pub(super) fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let group = nix::unistd::Pid::from_raw(child.id().try_into().expect("a process"));
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        child.wait().expect("gone");
        // Processes that it started are no children of this one, and hold the sockets until they
        // are gone, too.
        let deadline = Instant::now() + PATIENCE;
        while !ports::is_free(self.port) {
            assert!(Instant::now() < deadline, "{:?} still listens", self.program);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The serial that it answers for a zone; `None` while it answers none.
    pub(super) fn serial(&self, zone: &str) -> Option<u32> {
        serial(self.port, zone)
    }

    /// Waits until it has this serial, or a later one: that of the record rises every half hour.
    pub(super) fn must_reach(&self, zone: &str, serial: u32) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.serial(zone);
            // Serial numbers are compared as RFC 1982 section 3.2 says.
            if found.is_some_and(|found| found.wrapping_sub(serial) < 1 << 31) {
                return;
            }
            let log = || fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(
                Instant::now() < deadline,
                "{:?} has {found:?} of {zone}, not {serial}:\n{}",
                self.program,
                log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Secondary {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child
            && tools::stop(child).is_none()
        {
            self.kill();
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            let end: Vec<&str> = log.lines().rev().take(60).collect();
            let end: Vec<&str> = end.into_iter().rev().collect();
            eprintln!("--- end of the log of {:?} ---\n{}", self.program, end.join("\n"));
        }
    }
}

/// The serial that the server on this port answers for a zone; `None` where it answers none soon.
pub(super) fn serial(port: u16, zone: &str) -> Option<u32> {
    serial_within(Duration::from_millis(500), port, zone)
}

/// The serial of a zone that the server on this port serves. It may take its time.
pub(super) fn served_serial(port: u16, zone: &str) -> u32 {
    serial_within(PATIENCE, port, zone).unwrap_or_else(|| panic!("no serial of {zone}"))
}

fn serial_within(patience: Duration, port: u16, zone: &str) -> Option<u32> {
    let socket = Client { port }.udp([127, 0, 0, 1].into());
    socket.set_read_timeout(Some(patience)).expect("a timeout");
    socket.send(&Query::new(zone, rr::SOA).build()).ok()?;
    let reply = Reply::walk(&crate::support::client::receive(&socket)?).ok()?;
    let soa = reply.answer.iter().find(|record| record.rtype == rr::SOA)?;
    let numbers = soa.rdata.last_chunk::<20>().expect("five numbers");
    Some(u32::from_be_bytes(*numbers.first_chunk().expect("a serial")))
}

/// The records of a zone that an AXFR gives, in lower case and sorted, without the serial.
pub(super) fn transferred(port: u16, zone: &str, key: Option<Program>) -> Vec<String> {
    let mut dig = tool("dig");
    dig.args(["@127.0.0.1", "-p", &port.to_string(), zone, "AXFR", "+noall", "+answer", "+onesoa"]);
    if let Some(program) = key {
        dig.args(["-y", &format!("{}:{}:{SECRET}", program.algorithm(), program.key())]);
    }
    let text = tools::output(&mut dig).to_ascii_lowercase();
    let mut lines: Vec<String> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(';'))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.contains(" tsig "))
        .collect();
    lines.sort();
    lines
}

/// The types of requests for transfers.
pub(super) const AXFR: u16 = 252;
pub(super) const IXFR: u16 = 251;

/// A query that is signed with the key of BIND.
pub(super) fn signed(zone: &str, qtype: u16) -> Vec<u8> {
    let name = Name::parse(Program::Named.key(), &Name::root()).expect("a name");
    // `SECRET` in base64.
    let key = Key::new(&name, Algorithm::Sha256, b"this is a secret of 32 octets!!!");
    let mut message = Query::new(zone, qtype).edns(1232).build();
    if qtype == IXFR {
        // The serial 1, in the SOA record of the authority section.
        let soa = Record::new(zone, 0, rr::SOA, rr::soa("a.", "b.", [1, 0, 0, 0, 0]));
        message = Query::new(zone, qtype).build();
        message[9] = 1;
        message.extend(&soa.owner);
        message.extend([0, 6, 0, 1, 0, 0, 0, 0]);
        message.extend(u16::try_from(soa.rdata.len()).expect("short").to_be_bytes());
        message.extend(&soa.rdata);
    }
    let now = jiff::Timestamp::now().as_second().cast_unsigned();
    Exchange::begin(Arc::new(key), &mut message, now).expect("room for a signature");
    message
}
