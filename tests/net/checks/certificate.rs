//! The certificate of encrypted transports: what `cvdns check` says of it, that a start and a
//! reload refuse a bad one, and that a renewed one is taken over (docs/encrypted.md).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::run;
use crate::support::daemon::{Daemon, Files};
use crate::support::{fixture, ports, tools};

/// The fixture's server with encrypted transports.
fn files() -> Files {
    let files = fixture::files();
    let config = format!(
        "{}\n[tls]\ncertificate = \"tls/c.pem\"\nkey = \"tls/k.pem\"\ndot = [\"127.0.0.1:{}\"]\n",
        files.text("cvdns.toml"),
        ports::free()
    );
    files.with("cvdns.toml", config)
}

/// Makes a certificate for this name, and its key, in a directory.
fn make(dir: &Path, name: &str) {
    fs::create_dir_all(dir).expect("a directory");
    let names = format!("subjectAltName=DNS:{name}");
    let mut command = tools::tool_of("openssl", "install openssl");
    command
        .current_dir(dir)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "90", "-subj", "/CN=x", "-addext", &names])
        .args(["-keyout", "k.pem", "-out", "c.pem"]);
    tools::output(&mut command);
}

/// A certificate and key, as texts.
fn made(name: &str) -> [String; 2] {
    let dir = tempfile::tempdir().expect("a directory");
    make(dir.path(), name);
    ["c.pem", "k.pem"].map(|file| fs::read_to_string(dir.path().join(file)).expect("the file"))
}

#[test]
fn a_check_and_a_start_say_what_is_wrong() {
    let dir = tempfile::tempdir().expect("a directory");
    files().write(dir.path(), ports::free());
    let refused = |words: &[&str]| {
        for command in ["check", "serve"] {
            let (code, out, error) = run(dir.path(), &[command]);
            assert_eq!(code, Some(1), "{command}: {out}{error}");
            for word in words {
                assert!(error.contains(word), "{command}: {word}\n{error}");
            }
        }
    };
    refused(&["cannot read tls/c.pem: No such file", "cannot read tls/k.pem: No such file"]);
    make(&dir.path().join("tls"), "ns1.example");
    let (code, _, error) = run(dir.path(), &["check"]);
    assert!(code == Some(0) && !error.contains("tls/"), "{error}");
    let [_, key] = made("ns2.example");
    fs::write(dir.path().join("tls/k.pem"), key).expect("written");
    refused(&["the private key does not belong to the certificate in tls/c.pem"]);
}

#[test]
fn a_renewed_certificate_is_taken_over_and_a_bad_one_is_not() {
    let [certificate, key] = made("ns1.example");
    let files = files().with("tls/c.pem", certificate).with("tls/k.pem", &*key);
    let daemon = Daemon::start(&files);
    // Without a reload, by the watch.
    let before = daemon.log().len();
    let [certificate, renewed] = made("ns2.example");
    daemon.write_file("tls/c.pem", &certificate);
    daemon.wait_for_log(before, &["the one before goes on: ", "the private key does not belong"]);
    daemon.write_file("tls/k.pem", &renewed);
    daemon.wait_for_log(
        before,
        &["the certificate can be used again", "another certificate is in force, for ns2.example"],
    );
    let before = daemon.log().len();
    daemon.write_file("tls/k.pem", &key);
    daemon.sighup();
    daemon.wait_for_log(before, &["the private key does not belong", "was not reloaded"]);
    let before = daemon.log().len();
    daemon.write_file("tls/k.pem", &renewed);
    daemon.sighup();
    // Whether the watch has seen the other key meanwhile, and so says that this one can be used
    // again, depends on who is faster.
    daemon.wait_for_log(before, &["reloaded "]);
}

/// A server that is started as root can read a key that its account cannot read again: the check
/// says so, without telling to show the key to everybody, and so does the log of a start.
#[test]
fn a_key_that_the_account_may_not_read_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let [certificate, key] = made("ns1.example");
    let files = files().with("tls/c.pem", certificate).with("tls/k.pem", key);
    let config = files.text("cvdns.toml").replace("[server]", "[server]\nuser = \"nobody\"");
    let port = ports::free();
    files.with("cvdns.toml", config).write(dir.path(), port);
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("for all");
    let key = dir.path().join("tls/k.pem");
    fs::set_permissions(key, Permissions::from_mode(0o600)).expect("for root alone");
    let (code, _, error) = run(dir.path(), &["check"]);
    assert_eq!(code, Some(1), "{error}");
    for words in ["nobody may not read tls/k.pem", "chmod 640", "nobody's group", "1 error"] {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert!(!error.contains("chmod o+r"), "{error}");
    let daemon = Daemon::start_in(dir, port, "", "");
    let words = "a renewed certificate could not be taken over: ";
    daemon.wait_for_log(0, &[words, "cannot read", "permission denied"]);
}
