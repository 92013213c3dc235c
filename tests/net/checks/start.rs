//! What keeps a server from starting is said, whatever the log may say.

use std::net::{TcpListener, UdpSocket};

use super::{cvdns, said};
use crate::support::{fixture, ports};

#[test]
fn a_misspelt_level_is_an_error_before_anything_starts() {
    let dir = tempfile::tempdir().expect("a directory");
    fixture::files().write(dir.path(), ports::free());
    for arguments in
        [&["serve"][..], &["monitor", "--once"], &["export", "bind", "--out", "out", "--watch"]]
    {
        for (value, words) in
            [("inof", "\"inof\" is no level"), ("cvdns=inof", "CVDNS_LOG=cvdns=inof")]
        {
            let (code, out, error) = said(cvdns(dir.path(), arguments).env("CVDNS_LOG", value));
            assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}: {error}");
            for words in [words, "off, error, warn, info, debug, trace"] {
                assert!(error.contains(words), "{arguments:?} {words}: {error}");
            }
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}

#[test]
fn an_address_in_use_is_said_with_the_log_off() {
    let port = ports::free();
    let tcp = TcpListener::bind(("127.0.0.1", port)).expect("the port");
    let dir = tempfile::tempdir().expect("a directory");
    fixture::files().write(dir.path(), port);
    for level in ["off", "error", "info", "warn,cvdns=off"] {
        let (code, _, error) = said(cvdns(dir.path(), &["serve"]).env("CVDNS_LOG", level));
        assert_eq!(code, Some(1), "{level}: {error}");
        let words = format!("cannot listen on 127.0.0.1:{port} (TCP)");
        assert_eq!(error.matches(&words).count(), 1, "{level}: {error}");
    }
    drop(tcp);
    let _udp = UdpSocket::bind(("127.0.0.1", port)).expect("the port");
    let (code, _, error) = said(cvdns(dir.path(), &["serve"]).env("CVDNS_LOG", "off"));
    assert!(
        code == Some(1) && error.contains(&format!("cannot listen on 127.0.0.1:{port} (UDP)")),
        "{error}"
    );
}
