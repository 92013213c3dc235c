//! `cvdns init`: what it writes passes `check`, and is served at once.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::{ports, tools};

/// Exit status, standard output and standard error.
type Done = (Option<i32>, String, String);

fn said(command: &mut Command) -> Done {
    for variable in ["CVDNS_CONFIG", "CVDNS_LISTEN", "CVDNS_NSID", "CVDNS_LOG"] {
        command.env_remove(variable);
    }
    let done = command.stdin(Stdio::null()).output().expect("cvdns");
    let text = |octets: Vec<u8>| String::from_utf8(octets).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

fn cvdns(dir: &Path, arguments: &[&str]) -> Done {
    said(Command::new(env!("CARGO_BIN_EXE_cvdns")).args(arguments).current_dir(dir))
}

/// Everything below a directory.
fn tree(dir: &Path) -> Vec<String> {
    let mut find = Command::new("find");
    let out = tools::output(find.args([".", "-mindepth", "1"]).current_dir(dir));
    let mut names: Vec<String> = out.lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// A directory with a new configuration that has no problems. Without a list of mirrors, it has
/// examples.
fn made(arguments: &[&str], list: Option<&str>) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut arguments = [&["init", "."], arguments].concat();
    if let Some(list) = list {
        fs::write(dir.path().join("list.csv"), list).expect("written");
        arguments.extend(["--from", "list.csv"]);
    }
    let (code, out, error) = cvdns(dir.path(), &arguments);
    // Mirrors of tests are on loopback.
    let is_quiet = |error: &str| {
        let mut told = error.lines().filter(|line| line.starts_with("warning: "));
        !error.contains("error: ") && told.all(|line| line.contains(" is a loopback address"))
    };
    assert!(code == Some(0) && is_quiet(&error), "{out}{error}");
    let (code, _, error) = cvdns(dir.path(), &["check"]);
    assert!(code == Some(0) && is_quiet(&error), "{error}");
    (dir, out)
}

fn serve(dir: tempfile::TempDir) -> Daemon {
    let port = ports::free();
    Daemon::start_in(dir, port, "", &format!("--listen 127.0.0.1:{port} --listen '[::1]:{port}'"))
}

/// The sorted lines of `dig +short` for a name and a type.
fn dig(daemon: &Daemon, question: &[&str]) -> Vec<String> {
    let mut dig = tools::tool("dig");
    dig.args(["@127.0.0.1", "-p", &daemon.port().to_string(), "+short", "+norecurse"]);
    let out = tools::output(dig.args(question));
    let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_zone_s_name_is_enough() {
    let (dir, out) = made(&["--zone", "Clam.Example."], None);
    let written = [
        "cvdns.toml",
        "zones/clam.example.toml",
        "zones/clam.example.zone",
        "zones/mirrors.toml",
        "overrides.toml",
        "feed.json",
        "release.json",
    ];
    let wrote: Vec<String> = written.iter().map(|name| format!("wrote ./{name}\n")).collect();
    assert!(out.starts_with(&wrote.concat()), "{out}");
    let next = "\nNext:\n  cd . && cvdns serve\n  dig @127.0.0.1 -p 5300 db.local.clam.example\n  \
                cd . && cvdns monitor\n";
    assert!(out.ends_with(next), "{out}");
    let mut names: Vec<String> = written.iter().map(|name| format!("./{name}")).collect();
    names.push("./zones".to_owned());
    names.sort();
    assert_eq!(tree(dir.path()), names);

    let daemon = serve(dir);
    let both = ["198.51.100.10", "203.0.113.10"];
    assert_eq!(dig(&daemon, &["db.local.clam.example", "A"]), both);
    assert_eq!(dig(&daemon, &["database.clam.example", "A", "+subnet=133.1.1.0/24"]), both);
    assert_eq!(dig(&daemon, &["db.de.clam.example", "AAAA"]), ["2001:db8:1::10", "2001:db8:2::10"]);
    assert_eq!(dig(&daemon, &["clam.example", "NS"]), ["ns1.clam.example."]);
    assert_eq!(dig(&daemon, &["ns1.clam.example", "A"]), ["192.0.2.1"]);
    let record = dig(&daemon, &["current.cvd.clam.example", "TXT"]);
    assert!(record.len() == 1 && record[0].starts_with("\"1.4.6:63:28129:"), "{record:?}");
    // An override takes a mirror out.
    let host =
        "[[override]]\nhost = \"mirror1.example.net\"\nstate = \"down\"\nreason = \"test\"\n";
    daemon.write_file("overrides.toml", host);
    daemon.until("the override is in force", || {
        dig(&daemon, &["db.local.clam.example", "A"]) == ["203.0.113.10"]
    });
}

/// The list of the network of 2006: nobody is contacted, only answers are looked at.
#[test]
fn the_network_of_2006_is_served_from_its_list() {
    let list =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mirrors-2006/mirrors.csv");
    let list = fs::read_to_string(list).expect("the list").replace(",CS\n", ",RS\n");
    let servers = ["--ns", "ns1=192.0.2.1,2001:db8::1", "--ns", "ns.other.example"];
    let arguments = [&["--zone", "clamav.net"], &servers[..]].concat();
    let (dir, out) = made(&arguments, Some(&list));
    assert!(!out.contains("documentation"), "{out}");
    let daemon = serve(dir);
    let of = |country: &str| {
        let mut found: Vec<String> = list
            .lines()
            .filter_map(|line| {
                let (rest, of) = line.rsplit_once(',')?;
                (of == country).then(|| rest.split(',').nth(1).expect("an address").to_owned())
            })
            .collect();
        found.sort();
        found
    };
    assert_eq!(dig(&daemon, &["db.de.big.clamav.net", "A", "+tcp"]), of("DE"));
    let near = dig(&daemon, &["db.local.clamav.net", "A", "+subnet=133.1.1.0/24"]);
    assert!(near.iter().all(|address| of("JP").contains(address)), "{near:?}");
    assert_eq!(dig(&daemon, &["clamav.net", "NS"]), ["ns.other.example.", "ns1.clamav.net."]);
    assert_eq!(dig(&daemon, &["ns1.clamav.net", "AAAA"]), ["2001:db8::1"]);
}

/// A web server of one file for one host name.
fn web(address: Ipv4Addr, port: u16, status: &'static str) {
    let listener = TcpListener::bind((address, port)).expect("a port");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = Vec::new();
            let mut octets = [0; 512];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut octets) {
                    Ok(length @ 1..) => request.extend_from_slice(&octets[..length]),
                    _ => break,
                }
            }
            let request = String::from_utf8_lossy(&request).to_lowercase();
            let known = request.starts_with("get /pub/status.html http/1.1\r\n")
                && request.contains("host: files.example\r\n");
            let status = if known { status } else { "404 Not Found" };
            let body = "<html>this is a page</html>";
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
            let _ = write!(stream, "{head}Connection: close\r\n\r\n{body}");
        }
    });
}

#[test]
fn a_plain_network_has_no_record_and_its_coordinator_probes_a_path() {
    let (good, bad) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3));
    let list = format!("good.example.net,{good},DE\nbad.example.net,{bad},DE\n");
    let arguments = ["--zone", "files.example", "--probe", "/pub/status.html"];
    let (dir, out) = made(&arguments, Some(&list));
    assert!(out.contains("  dig @127.0.0.1 -p 5300 files.example\n"), "{out}");
    assert!(!dir.path().join("release.json").exists());
    let port = ports::free();
    web(good, port, "200 OK");
    web(bad, port, "503 Service Unavailable");
    // What the test needs, so that it does not wait.
    let config = dir.path().join("cvdns.toml");
    let more = format!("port = {port}\nconfirm = 1\nfault-after = \"0s\"\n");
    let text = fs::read_to_string(&config).expect("the configuration") + &more;
    fs::write(&config, text).expect("the configuration");

    let daemon = serve(dir);
    let both = [good.to_string(), bad.to_string()];
    assert_eq!(dig(&daemon, &["files.example", "A"]), both);
    assert_eq!(dig(&daemon, &["jp.files.example", "A"]), both);
    assert_eq!(dig(&daemon, &["world.files.example", "A"]), both);
    assert_eq!(dig(&daemon, &["current.cvd.files.example", "TXT"]), [""; 0]);

    let (code, out, error) = cvdns(daemon.path(), &["monitor", "--once", "--json"]);
    // Nobody expects a release here.
    assert!(code == Some(0) && !error.contains("release"), "{error}");
    let rows: Value = serde_json::from_str(&out).expect("JSON");
    let row = |mirror: &str| {
        let rows = rows.as_array().expect("rows");
        rows.iter().find(|row| row["mirror"] == mirror).expect("the mirror").clone()
    };
    assert_eq!(
        (&row("good.example.net")["state"], &row("good.example.net")["main"]),
        (&"up".into(), &Value::Null)
    );
    let bad_row = row("bad.example.net");
    assert_eq!(bad_row["state"], "down");
    assert_eq!(bad_row["reason"], "files.example/pub/status.html: status 503");
    daemon.until("the coordinator's feed is in force", || {
        dig(&daemon, &["files.example", "A"]) == [good.to_string()]
    });

    // The same check for an admin.
    let (code, out, _) = cvdns(daemon.path(), &["monitor", "--try", "good.example.net"]);
    assert!(
        code == Some(0) && out.contains("ok    files.example/pub/status.html: status 200"),
        "{out}"
    );
    let (code, out, _) = cvdns(daemon.path(), &["monitor", "--try", "bad.example.net"]);
    assert!(
        code == Some(1) && out.contains("FAIL  files.example/pub/status.html: status 503"),
        "{out}"
    );
}

/// Every mistake is one message, and nothing is written.
#[test]
fn mistakes_are_told_whole_and_leave_nothing() {
    let bad_list = "a.example,192.0.2.1,DE\nb.example,192.0.2.2,ZZ\n";
    let zone = ["--zone", "clam.example"];
    for (arguments, code, expected) in [
        (
            &["new", "--zone", "../x"][..],
            1,
            "cvdns: --zone ../x: \"\" has 0 characters, and a label has 1 to 63; write the name of \
             your zone, such as clamav.example.org\n",
        ),
        (
            &["new", "--zone", "."],
            1,
            "cvdns: --zone .: this is the root zone; write the name of your zone, such as \
             clamav.example.org\n",
        ),
        (
            &["new", "--zone", "a/b.example"],
            1,
            "cvdns: --zone a/b.example: \"a/b\" must consist of letters, digits and hyphens, without \
             a hyphen at either end (RFC 1123 section 2.1); write the name of your zone, such as \
             clamav.example.org\n",
        ),
        (
            &["new", "--zone", "b\u{fc}cher.example"],
            1,
            "cvdns: --zone b\u{fc}cher.example: the name has letters beyond ASCII, which DNS writes \
             as xn--… (RFC 5890; `idn2` converts them); write the name of your zone, such as \
             clamav.example.org\n",
        ),
        (
            &["new", zone[0], zone[1], "--ns", "ns1"],
            1,
            "cvdns: --ns ns1: ns1.clam.example is inside clam.example, which must have its \
             addresses; write ns1.clam.example=192.0.2.1,2001:db8::1 with them\n",
        ),
        (
            &["new", zone[0], zone[1], "--from", "bad.csv"],
            1,
            "error: \"ZZ\" is not a country code; write an ISO 3166-1 code of two letters, such as \
             DE\n --> bad.csv:2:21\n  |\n\
             2 | b.example,192.0.2.2,ZZ\n  |                     ^^\n  |\n  = help: expected an ISO \
             3166 code such as \"DE\" (`cvdns geoip countries` lists them)\n\n1 error, 0 warnings\n\
             cvdns: bad.csv: nothing is written until all lines are correct\n",
        ),
        (
            &["new", zone[0], zone[1], "--from", "none.csv"],
            1,
            "cvdns: cannot read none.csv: No such file or directory (os error 2)\n",
        ),
        (
            &["new", zone[0], zone[1], "--geoip", "none.mmdb"],
            1,
            "cvdns: --geoip none.mmdb: there is no such file; write the path of a country MMDB, \
             such as `cvdns geoip build` makes\n",
        ),
        (
            &["new", zone[0], zone[1], "--probe", "status"],
            1,
            "cvdns: --probe status: write a path that begins with a slash, such as /status\n",
        ),
        (&["bad.csv", zone[0], zone[1]], 1, "cvdns: bad.csv exists and is not a directory\n"),
        (
            &["full", zone[0], zone[1]],
            1,
            "cvdns: full/zones/clam.example.zone, full/overrides.toml: exists already, so nothing is \
             written; name another directory, or move it away\n",
        ),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let write =
            |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
        write("bad.csv", bad_list);
        fs::create_dir_all(dir.path().join("full/zones")).expect("directories");
        write("full/zones/clam.example.zone", "mine");
        write("full/overrides.toml", "mine");
        let before = tree(dir.path());
        let done = cvdns(dir.path(), &[&["init"], arguments].concat());
        assert_eq!(done, (Some(code), String::new(), expected.to_owned()), "{arguments:?}");
        assert_eq!(tree(dir.path()), before, "{arguments:?}");
    }
    // What only serve would notice is noticed too: a country's name for a name server.
    let dir = tempfile::tempdir().expect("a directory");
    let arguments =
        ["init", "new", "--zone", "files.example", "--probe", "/", "--ns", "de=192.0.2.1"];
    let (code, out, error) = cvdns(dir.path(), &arguments);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
    let end = "cvdns: nothing is written: change the arguments that lead to these errors\n";
    assert!(error.contains(" --> new/zones/files.example") && error.ends_with(end), "{error}");
    assert_eq!(tree(dir.path()), [""; 0]);
}

/// Without a country database the server answers all the same, and says so.
#[test]
fn without_a_country_database_clients_are_unknown() {
    if ["/usr/share", "/usr/local/share"]
        .iter()
        .any(|prefix| Path::new(prefix).join("cvdns/country.mmdb").exists())
    {
        let name = "without_a_country_database_clients_are_unknown";
        crate::support::left_out::leave_out(name, "this system has a database of cvdns", true);
        return;
    }
    let base = tempfile::tempdir().expect("a directory");
    // The program as it may be installed: apart from the repository's database.
    let program = base.path().join("a/b/cvdns");
    fs::create_dir_all(program.parent().expect("a directory")).expect("directories");
    fs::copy(env!("CARGO_BIN_EXE_cvdns"), &program).expect("a copy");
    let dir = tempfile::tempdir().expect("a directory");
    let mut init = Command::new(&program);
    init.args(["init", ".", "--zone", "clam.example"]).current_dir(dir.path());
    let (code, out, error) = said(&mut init);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    let note = "There is no country database, so every client is answered by the path `unknown`: \
                db.local.clam.example gives mirrors of the whole world.";
    assert!(out.contains(note), "{out}");
    let (code, _, error) = cvdns(dir.path(), &["check"]);
    assert_eq!(code, Some(0), "{error}");
    let warning = "warning: there is no country database: geoip/country.mmdb does not exist, and \
                   [geoip] names no other";
    assert!(error.contains(warning) && error.ends_with("0 errors, 1 warning\n"), "{error}");
    let daemon = serve(dir);
    let both = ["198.51.100.10", "203.0.113.10"];
    assert_eq!(dig(&daemon, &["db.local.clam.example", "A", "+subnet=133.1.1.0/24"]), both);
    // A database that is put there is found by the next reload.
    let database = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip/country.mmdb");
    fs::create_dir(daemon.path().join("geoip")).expect("a directory");
    fs::copy(database, daemon.path().join("geoip/country.mmdb")).expect("a copy");
    let before = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(before, &["geoip/country.mmdb of ", "reloaded "]);
}
