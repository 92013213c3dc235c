//! The users of docs/nats.md can do what they must, over TLS, and nothing else.

use std::time::Duration;

use cvdns_nats::{
    ErrorKind, Key, Lease, Plan, Possession, Published, Settings, Verdict, Writer, read, set_up,
};

use super::documented::{Certificates, as_user, one_node};
use super::heard::Heard;
use super::server::Server;
use super::{PATIENCE, document, key};

fn prepared() -> (Server, Certificates) {
    let certificates = Certificates::new();
    let server = one_node(&certificates);
    let admin = as_user("admin", &[server.port], &certificates);
    set_up(&admin, &Plan::default(), PATIENCE).unwrap();
    (server, certificates)
}

fn put(settings: &Settings, key: &Key) -> Result<Published, ErrorKind> {
    let mut writer = Writer::connect(settings, PATIENCE).map_err(|error| error.kind())?;
    writer.put(key, &document(1, 0), |_| Verdict::Newer).map_err(|error| error.kind())
}

#[test]
fn each_user_can_do_what_it_must_and_nothing_else() {
    let (server, certificates) = prepared();
    let user = |name| as_user(name, &[server.port], &certificates);
    let report = Key { name: "reports.berlin".parse().unwrap(), ..key() };
    let mut heard = Heard::new(&user("server"));
    heard.absent();
    assert_eq!(put(&user("coordinator"), &key()), Ok(Published::Published { revision: 1 }));
    heard.serial(1);
    assert_eq!(read(&user("server"), &key(), PATIENCE), Ok(Some(document(1, 0))));
    let mut lease =
        Lease::new(&user("coordinator"), "feed".parse().unwrap(), "a", PATIENCE).unwrap();
    assert_eq!(lease.acquire(), Ok(Possession::Own));
    assert_eq!(lease.acquire(), Ok(Possession::Own));
    lease.release().unwrap();
    let monitor = user("monitor-berlin");
    assert_eq!(put(&monitor, &report), Ok(Published::Published { revision: 2 }));

    assert_eq!(put(&user("server"), &key()), Err(ErrorKind::Denied));
    assert_eq!(put(&monitor, &key()), Err(ErrorKind::Denied));
    let other = Key { name: "reports.paris".parse().unwrap(), ..key() };
    assert_eq!(put(&monitor, &other), Err(ErrorKind::Denied));
    let mut theft = Lease::new(&monitor, "feed".parse().unwrap(), "thief", PATIENCE).unwrap();
    assert_eq!(theft.acquire().unwrap_err().kind(), ErrorKind::Denied);
    for name in ["server", "coordinator", "monitor-berlin"] {
        let made = set_up(&user(name), &Plan::default(), PATIENCE);
        assert_eq!(made.unwrap_err().kind(), ErrorKind::Denied, "{name}");
    }
    assert_eq!(put(&user("admin"), &key()), Err(ErrorKind::Denied));
}

#[test]
fn who_may_not_follow_is_told_so() {
    let (server, certificates) = prepared();
    let mut heard = Heard::new(&as_user("monitor-berlin", &[server.port], &certificates));
    let mut whats =
        vec![heard.unavailable(ErrorKind::Denied), heard.unavailable(ErrorKind::Denied)];
    whats.sort();
    assert!(whats[0].contains("Permissions Violation for"), "{whats:?}");
}

#[test]
fn strangers_and_unknown_authorities_are_told_so() {
    let (server, certificates) = prepared();
    let good = as_user("server", &[server.port], &certificates);
    let of = |settings: &Settings| read(settings, &key(), PATIENCE).unwrap_err();
    let mut stranger = good.clone();
    let file = server.dir.path().join("stranger");
    std::fs::write(&file, "server:guess").unwrap();
    stranger.credentials = Some(file);
    let error = of(&stranger);
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    let others = Certificates::new();
    let error = of(&Settings { ca_file: Some(others.authority()), ..good.clone() });
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    let error = of(&Settings { ca_file: Some(server.dir.path().join("none")), ..good.clone() });
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    let none = Some(server.dir.path().join("none"));
    let error = of(&Settings { credentials: none, ..good.clone() });
    assert_eq!(error.kind(), ErrorKind::Settings, "{error}");
    // Nobody who wrote nats:// has TLS, whatever the server requires.
    let plain = format!("nats://localhost:{}", server.port).parse().unwrap();
    let plain = Settings { servers: vec![plain], ..good };
    for settings in [Settings { ca_file: None, ..plain.clone() }, plain] {
        let error = of(&settings);
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        assert!(error.to_string().contains("write tls:// instead"), "{error}");
    }
}

#[test]
fn new_credentials_hold_from_the_next_connect() {
    let (server, certificates) = prepared();
    let settings = as_user("server", &[server.port], &certificates);
    let file = settings.credentials.clone().unwrap();
    let right = std::fs::read(&file).unwrap();
    std::fs::write(&file, "server:guess").unwrap();
    let mut heard = Heard::each(&settings, Duration::from_secs(3600));
    heard.unavailable(ErrorKind::Unauthorized);
    std::fs::write(&file, right).unwrap();
    heard.absent();
}
