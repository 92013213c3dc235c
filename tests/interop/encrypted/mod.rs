//! DNS over TLS, QUIC and HTTPS before real clients: kdig, dig, curl, and Unbound and Knot Resolver
//! as resolvers. tests/interop/transfer has those who transfer zones.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::dnssec::resolving;
use crate::support::daemon::{Daemon, Files};
use crate::support::packet::{Query, RD};
use crate::support::reply::Reply;
use crate::support::tools::{output, tool, tool_of};
use crate::support::{client::receive, fixture, ports, rr};

/// A server with all encrypted transports.
struct Encrypted {
    daemon: Daemon,
    dot: u16,
    doq: u16,
    doh: u16,
}

impl Encrypted {
    fn start() -> Self {
        let [dot, doq, doh] = [(); 3].map(|()| ports::free());
        let files = with_tls(fixture::files(), [dot, doq, doh]);
        Self { daemon: Daemon::start(&files), dot, doq, doh }
    }
}

/// Adds encrypted transports on these ports, with a certificate for 127.0.0.1.
pub(crate) fn with_tls(files: Files, [dot, doq, doh]: [u16; 3]) -> Files {
    let dir = tempfile::tempdir().expect("a directory");
    let mut openssl = tool("openssl");
    openssl.current_dir(dir.path()).args(["req", "-x509", "-newkey", "ec", "-pkeyopt"]);
    openssl.args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "90", "-subj", "/CN=ns1"]);
    openssl.args(["-addext", "subjectAltName=DNS:ns1.clam.example,IP:127.0.0.1"]);
    output(openssl.args(["-keyout", "k.pem", "-out", "c.pem"]));
    let mut config = files.text("cvdns.toml").to_owned();
    write!(
        config,
        "\n[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\ndot = [\"127.0.0.1:{dot}\"]\n\
         doq = [\"127.0.0.1:{doq}\"]\ndoh = [\"127.0.0.1:{doh}\"]\n"
    )
    .expect("written");
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect("made");
    files.with("cvdns.toml", config).with("c.pem", read("c.pem")).with("k.pem", read("k.pem"))
}

const NAME: &str = "db.de.clam.example";

/// kdig by each transport, and what it says of the way.
#[test]
fn kdig_asks_over_each_transport() {
    let server = Encrypted::start();
    let (dot, doq, doh) = (server.dot, server.doq, server.doh);
    let plain = kdig(server.daemon.port(), &["+tcp"]);
    for (port, arguments, words) in [
        (dot, &["+tls"][..], "TLS session (TLS1.3)"),
        (dot, &["+tls-ca=c.pem", "+tls-hostname=ns1.clam.example"], "TLS session"),
        (dot, &["+tls", "+padding"], "PADDING"),
        (doq, &["+quic"], "QUIC session"),
        (doh, &["+https"], "HTTP/2-POST"),
        (doh, &["+https-get"], "HTTP/2-GET"),
    ] {
        let said = kdig_in(&server, port, arguments);
        assert!(said.contains(words) && said.contains("status: NOERROR"), "{arguments:?}: {said}");
        assert_eq!(addresses(&said), addresses(&plain), "{arguments:?}");
    }
    assert!(!addresses(&plain).is_empty(), "{plain}");
}

fn kdig(port: u16, arguments: &[&str]) -> String {
    let mut kdig = tool("kdig");
    kdig.args(["@127.0.0.1", "-p", &port.to_string()]).args(arguments);
    output(kdig.args([NAME, "A"]))
}

/// The same in the directory of the server's files.
fn kdig_in(server: &Encrypted, port: u16, arguments: &[&str]) -> String {
    let mut kdig = tool("kdig");
    kdig.current_dir(server.daemon.path());
    kdig.args(["@127.0.0.1", "-p", &port.to_string()]).args(arguments);
    output(kdig.args([NAME, "A"]))
}

/// All addresses of answers, sorted.
fn addresses(said: &str) -> Vec<String> {
    let lines = said.lines().filter(|line| line.contains("\tA\t"));
    let addresses = lines.filter_map(|line| line.rsplit('\t').next());
    let mut addresses: Vec<String> = addresses.map(str::to_owned).collect();
    addresses.sort();
    addresses
}

/// dig by TLS and HTTPS, which BIND 9.18 has.
#[test]
fn dig_asks_over_tls_and_https() {
    let server = Encrypted::start();
    for (port, arguments, words) in [
        (server.dot, &["+tls"][..], "(TLS)"),
        (server.doh, &["+https"], "(HTTPS)"),
        (server.doh, &["+https-get"], "(HTTPS-GET)"),
    ] {
        let mut dig = tool("dig");
        dig.args(["@127.0.0.1", "-p", &port.to_string()]).args(arguments);
        let said = output(dig.args([NAME, "A"]));
        assert!(said.contains(words) && said.contains("status: NOERROR"), "{arguments:?}: {said}");
        assert!(!addresses(&said).is_empty(), "{said}");
    }
}

/// curl by HTTP/1.1 and HTTP/2, with the certificate verified.
#[test]
fn curl_asks_by_both_versions_of_http() {
    let server = Encrypted::start();
    let query = Query { id: 0, ..Query::new(NAME, rr::A) }.build();
    fs::write(server.daemon.path().join("query"), &query).expect("written");
    let url = format!("https://127.0.0.1:{}/dns-query", server.doh);
    for (version, line) in [("--http1.1", "HTTP/1.1 200"), ("--http2", "HTTP/2 200")] {
        let mut curl = tool("curl");
        curl.current_dir(server.daemon.path()).args(["-sS", version, "--cacert", "c.pem"]);
        curl.args(["-D", "head", "-o", "answer", "-H", "content-type: application/dns-message"]);
        output(curl.args(["--data-binary", "@query", &url]));
        let read = |name: &str| fs::read(server.daemon.path().join(name)).expect("written by curl");
        let head = String::from_utf8(read("head")).expect("text").to_ascii_lowercase();
        assert!(head.starts_with(&line.to_ascii_lowercase()), "{head}");
        assert!(head.contains("content-type: application/dns-message"), "{head}");
        assert!(head.contains(&format!("cache-control: max-age={}", fixture::TTL)), "{head}");
        let reply = Reply::parse(&read("answer"));
        assert!(!reply.answer.is_empty());
        let answer = read("answer");
        assert_eq!(answer[..2], [0, 0], "RFC 8484 section 4.1");
    }
    let mut curl = tool("curl");
    curl.args(["-sSk", "-o", "/dev/null", "-w", "%{http_code}"]);
    assert_eq!(output(curl.arg(format!("https://127.0.0.1:{}/other", server.doh))), "404");
}

/// What is no query is refused by the same codes over both versions of HTTP, and the connection
/// goes on.
#[test]
fn curl_is_told_what_is_wrong_by_both_versions_of_http() {
    let server = Encrypted::start();
    let query = Query { id: 0, ..Query::new(NAME, rr::A) }.build();
    let long = vec![0; 65_536];
    for (name, octets) in
        [("query", &query[..]), ("text", b"no query"), ("none", b""), ("long", &long)]
    {
        fs::write(server.daemon.path().join(name), octets).expect("written");
    }
    let message = "content-type: application/dns-message";
    let url = format!("https://127.0.0.1:{}/dns-query", server.doh);
    for version in ["--http1.1", "--http2"] {
        let mut curl = tool("curl");
        curl.current_dir(server.daemon.path());
        let requests = [
            ("400", message, "text"),
            ("400", message, "none"),
            ("413", message, "long"),
            ("415", "content-type: text/plain", "query"),
            ("415", "content-type:", "query"),
            ("200", message, "query"),
        ];
        for (number, (_, header, file)) in requests.iter().enumerate() {
            if number > 0 {
                curl.arg("--next");
            }
            curl.args(["-sS", version, "--cacert", "c.pem", "-o", "/dev/null", "-H", header]);
            curl.args(["-w", "%{http_code}\n", "--data-binary", &format!("@{file}"), &url]);
        }
        let said = output(&mut curl);
        let codes: Vec<&str> = said.lines().collect();
        assert_eq!(codes, requests.map(|(code, ..)| code), "{version}");
    }
}

/// dnspython, with another implementation of QUIC (aioquic), over each transport, with the
/// certificate verified.
const DNSPYTHON: &str = "
import sys, dns.message, dns.query
from dns.query import HTTPVersion
dot, doq, doh, name = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
proof = {'verify': 'c.pem'}
named = {**proof, 'server_hostname': 'ns1.clam.example'}
query = dns.message.make_query(name, 'A')
url = f'https://127.0.0.1:{doh}/dns-query'
answers = [
    ('TLS', dns.query.tls(query, '127.0.0.1', port=dot, **named)),
    ('QUIC', dns.query.quic(query, '127.0.0.1', port=doq, **named)),
]
for version in (HTTPVersion.H1, HTTPVersion.H2):
    for post in (True, False):
        answer = dns.query.https(query, url, port=doh, post=post, http_version=version, **proof)
        answers.append((f'{version.name} {post}', answer))
for way, answer in answers:
    print(way, answer.rcode().name, sum(len(of) for of in answer.answer))
";

#[test]
fn dnspython_asks_over_each_transport() {
    let server = Encrypted::start();
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    assert!(python.exists(), "tests/run installs dnspython and aioquic in target/python");
    let mut command = Command::new(python);
    command.current_dir(server.daemon.path()).args(["-c", DNSPYTHON]);
    command.args([server.dot, server.doq, server.doh].map(|port| port.to_string()));
    let said = output(command.arg(NAME));
    let expected = ["TLS", "QUIC", "HTTP_1 True", "HTTP_1 False", "HTTP_2 True", "HTTP_2 False"];
    // Germany has three mirrors.
    assert_eq!(said, expected.map(|way| format!("{way} NOERROR 3\n")).concat());
}

/// Unbound asks the server over TLS, as its own clients cannot tell.
#[test]
fn unbound_resolves_over_tls() {
    let server = Encrypted::start();
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let config = format!(
        "server:\n  interface: 127.0.0.1\n  port: {port}\n  do-not-query-localhost: no\n  \
         username: \"\"\n  chroot: \"\"\n  directory: \"{}\"\n  pidfile: \"\"\n  use-syslog: no\n  \
         logfile: \"\"\n  num-threads: 1\n  module-config: \"iterator\"\n\
         stub-zone:\n  name: \"{}\"\n  stub-addr: 127.0.0.1@{}\n  stub-tls-upstream: yes\n\
         remote-control:\n  control-enable: no\n",
        dir.path().display(),
        fixture::ORIGIN,
        server.dot
    );
    fs::write(dir.path().join("unbound.conf"), config).expect("written");
    let mut command: Command = tool_of("unbound", "install unbound");
    command.args(["-d", "-c"]).arg(dir.path().join("unbound.conf"));
    must_resolve(command, port, dir);
}

/// Knot Resolver asks the server over TLS, and verifies its certificate.
#[test]
fn knot_resolver_resolves_over_tls() {
    let server = Encrypted::start();
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    // What it does by itself would ask servers on the Internet.
    let without = ["ta_update", "ta_signal_query", "priming", "detect_time_skew"];
    let without = without.map(|module| format!("modules.unload('{module}')\n")).concat();
    let config = format!(
        "net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})\n{without}trust_anchors.remove('.')\n\
         policy.add(policy.suffix(policy.TLS_FORWARD({{{{'127.0.0.1@{}', \
         hostname='ns1.clam.example', ca_file='{}'}}}}), {{todname('{}')}}))\ncache.size = 10*MB\n",
        server.dot,
        server.daemon.path().join("c.pem").display(),
        fixture::ORIGIN
    );
    fs::write(dir.path().join("kresd.conf"), config).expect("written");
    let mut command = tool_of("kresd", "install knot-resolver");
    command.args(["-n", "-c"]).arg(dir.path().join("kresd.conf")).arg(dir.path());
    must_resolve(command, port, dir);
}

/// Starts a resolver that asks nobody but the server, and asks it.
fn must_resolve(command: Command, port: u16, dir: tempfile::TempDir) {
    let resolver = resolving(command, port, dir);
    let client = crate::support::client::Client { port: resolver.port };
    let socket = client.udp([127, 0, 0, 1].into());
    socket.send(&Query::new(NAME, rr::A).flags(RD).build()).expect("sent");
    let reply = Reply::parse(&receive(&socket).expect("an answer"));
    assert!(reply.rcode() == rr::NOERROR && !reply.answer.is_empty(), "{reply:?}");
}
