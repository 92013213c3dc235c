//! Versions from the headers of a directory's databases, and the record from a file, followed while
//! the server runs.

use crate::support;

use std::fs;
use std::path::Path;

use support::client::Transport;
use support::daemon::{Daemon, Files};
use support::fixture;
use support::packet::{Query, RD};
use support::{databases, rr, tools};

/// The fixture's server with these lines under `[record]`.
fn files(record: &str) -> Files {
    let files = fixture::files();
    let config = format!("{}\n[record]\n{record}\n", files.text("cvdns.toml"));
    files.with("cvdns.toml", config)
}

/// The record's fields, the stamp left out; none: SERVFAIL.
fn record(daemon: &Daemon) -> Option<String> {
    let query = Query::new("current.cvd.clam.example", rr::TXT).flags(RD);
    let reply = daemon.client().ask(Transport::Udp4, &query);
    if reply.rcode() == rr::SERVFAIL {
        return None;
    }
    let rdata = reply.rdata(rr::TXT);
    let [rdata] = rdata.as_slice() else { panic!("{reply:?}") };
    let text = std::str::from_utf8(&rdata[1..]).expect("text");
    let mut fields: Vec<&str> = text.split(':').collect();
    fields.remove(3);
    Some(fields.join(":"))
}

/// A file replaced by rename, as rsync and freshclam do.
fn replace(path: &Path, content: &str) {
    let new = path.with_extension("new");
    fs::write(&new, content).expect("the new file");
    fs::rename(new, path).expect("renamed");
}

#[test]
fn formats_cvd_dir_gives_the_versions_of_the_higher_of_cvd_and_cld() {
    let files = files("cvd-dir = \".\"");
    let daemon = Daemon::start(&files);
    // "Headers … with a clear error": there is nothing yet that could be announced.
    assert_eq!(record(&daemon), None);
    let log = daemon.log();
    assert!(log.contains("neither main.cvd nor main.cld is in "), "{log}");

    let mut length = daemon.log().len();
    let mut next = |name: &str, content: &str, says: &str| {
        replace(&daemon.path().join(name), content);
        daemon.wait_for_log(length, &[&says.to_lowercase()]);
        length = daemon.log().len();
    };
    next("main.cvd", &databases::cvd("64"), "neither daily.cvd nor daily.cld");
    next("daily.cvd", &databases::cvd("28131"), "neither bytecode.cvd nor bytecode.cld");
    next("bytecode.cvd", &databases::cvd("340"), "announced: main 64, daily 28131, bytecode 340");
    assert_eq!(record(&daemon).as_deref(), Some("1.4.6:64:28131:1:90:49192:340"));
    next("daily.cld", &databases::cvd("28132"), "announced: daily 28132");
    assert_eq!(record(&daemon).as_deref(), Some("1.4.6:64:28132:1:90:49192:340"));

    // What cannot be read changes nothing, is said with the file's name, and is said once.
    for (content, says) in [
        (&databases::cvd("28133")[..300], "daily.cld: cut off: 300 octets"),
        (&databases::cvd("0"), "daily.cld: the version in its header is \"0\""),
        (&databases::cvd("many"), "daily.cld: the version in its header is \"many\""),
        ("<html>Not found</html>", "daily.cld: not a ClamAV database"),
        (
            &databases::cvd_of("28133", "4102444800"),
            "daily.cld: it was built at 2100-01-01T00:00:00Z",
        ),
    ] {
        next("daily.cld", content, says);
        assert_eq!(record(&daemon).as_deref(), Some("1.4.6:64:28132:1:90:49192:340"), "{says}");
        assert_eq!(daemon.log().matches(says).count(), 1, "{says}");
    }
    next("daily.cld", &databases::cvd("28133"), "announced: daily 28133");
    assert_eq!(record(&daemon).as_deref(), Some("1.4.6:64:28133:1:90:49192:340"));
    // Versions never go backwards.
    fs::remove_file(daemon.path().join("daily.cld")).expect("removed");
    daemon.wait_for_log(length, &["databases in ", "daily 28131, bytecode 340"]);
    assert_eq!(record(&daemon).as_deref(), Some("1.4.6:64:28133:1:90:49192:340"));
}

/// "dns.txt, the record as one line, can be read and written (`cvdns cvd --record > dns.txt`)".
#[test]
fn formats_a_record_that_was_written_is_read() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, version) in [("main.cvd", "65"), ("daily.cvd", "30000"), ("bytecode.cld", "341")] {
        fs::write(dir.path().join(name), databases::cvd(version)).expect("a database");
    }
    let written = |software: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
        let databases = ["main.cvd", "daily.cvd", "bytecode.cld"].map(|name| dir.path().join(name));
        command
            .current_dir(dir.path())
            .args(["cvd", "--record", "--software", software])
            .args(databases);
        tools::output(&mut command)
    };
    // It is all of the release: the feed is not asked, and need not be there.
    let files = files("record-file = \"dns.txt\"").with("dns.txt", written("1.5.0"));
    let config = files.text("cvdns.toml").replace("source = \"feed.json\"", "");
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    assert_eq!(record(&daemon).as_deref(), Some("1.5.0:65:30000:1:90:49192:341"));

    let path = daemon.path().join("dns.txt");
    let length = daemon.log().len();
    replace(&path, "1.5.0:65::1789910940:1:90:49192:341\n");
    daemon.wait_for_log(length, &["dns.txt: field 3 is \"\"; expected a database version"]);
    assert_eq!(record(&daemon).as_deref(), Some("1.5.0:65:30000:1:90:49192:341"));

    let length = daemon.log().len();
    fs::write(dir.path().join("daily.cvd"), databases::cvd("30001")).expect("a database");
    replace(&path, &written("1.5.1"));
    daemon.wait_for_log(length, &["can be used again", "announced: daily 30001"]);
    assert_eq!(record(&daemon).as_deref(), Some("1.5.1:65:30001:1:90:49192:341"));
}

/// CLIENTS: "one replica served a record 169 hours old": who writes the file must go on doing so.
#[test]
fn clients_a_record_in_a_file_ages() {
    let line = "1.5.0:65:30000:1789910940:1:90:49192:341\n";
    let daemon = Daemon::start(&files("record-file = \"dns.txt\"").with("dns.txt", line));
    assert_eq!(record(&daemon), None, "its stamp is months old");
    let log = daemon.log();
    assert!(log.contains("the record in `record-file` is older than max-age"), "{log}");
    assert!(log.contains("the record is too old"), "{log}");
    let serve = files("record-file = \"dns.txt\"\non-stale = \"serve\"").with("dns.txt", line);
    assert_eq!(record(&Daemon::start(&serve)).as_deref(), Some("1.5.0:65:30000:1:90:49192:341"));
}

#[test]
fn check_says_what_of_them_cannot_be_used() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = files("record-file = \"dns.txt\"\ncvd-dir = \"databases\"")
        .with("dns.txt", "1.5.0:65:30000\n");
    files.write(dir.path(), 5300);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let done = command.arg("check").current_dir(dir.path()).output().expect("check");
    let text = String::from_utf8(done.stderr).expect("text");
    assert!(done.status.success(), "{text}");
    for words in [
        "dns.txt: 3 fields; expected the 8 of a record",
        "neither main.cvd nor main.cld is in databases",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}
