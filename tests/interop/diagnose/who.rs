//! Who may ask: `explain = "public" | "local" | "off"`.

use super::ask::{Ask, TOOLS, Tool, WITH_OPTIONS};
use super::asking::{Answer, TXT, loaded, query, snapshot, static_data};
use super::files;
use crate::support::daemon::{Daemon, Files};
use crate::support::fixture::States;
use cvdns_core::answer::{Answering, Transport};
use cvdns_core::health::Feed;
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsCode;
use std::net::IpAddr;

const NAMES: [&str; 5] =
    ["_explain.db.local", "_explain.nope", "_pool.db.de", "_feed", "_whoami.www"];

fn with(explain: &str) -> Files {
    let files = files(&States::new());
    let config = files
        .text("cvdns.toml")
        .replace("[server]\n", &format!("[server]\nexplain = \"{explain}\"\n"));
    files.with("cvdns.toml", config)
}

/// Loopback and private addresses (RFC 1918, RFC 3927, RFC 4193, RFC 4291), IPv4 in IPv6 as what it
/// is.
const LOCAL: [&str; 11] = [
    "127.0.0.1",
    "127.9.9.9",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.3.4",
    "169.254.1.1",
    "::1",
    "fd00::1",
    "fe80::1",
    "::ffff:10.0.0.1",
];
const FOREIGN: [&str; 8] = [
    "192.0.2.1",
    "172.32.0.1",
    "172.15.255.255",
    "11.0.0.1",
    "100.128.0.1",
    "2001:db8::1",
    "::ffff:8.8.8.8",
    "fec0::1",
];

/// Asks in this process, as no packet of a foreign address comes over loopback.
fn asked(files: &Files, from: &str, name: &str, transport: Transport) -> Answer {
    let dir = tempfile::tempdir().expect("a directory");
    files.write(dir.path(), 5300);
    let loaded = loaded(&dir.path().join("cvdns.toml"));
    let feed = Feed::parse(files.text("feed.json").as_bytes()).expect("a feed");
    let snapshot = snapshot(
        &static_data(&loaded, Some(&feed)),
        Some(&feed),
        &jiff::Timestamp::now().to_string(),
    );
    let mut answering = Answering::new(1, jiff::Timestamp::now);
    // A subnet of somewhere local makes nobody local.
    let asked = query(&format!("{name}.clam.example"), TXT, Some(([10, 0, 0, 0].into(), 8)));
    let mut buffer = vec![0; 65_535];
    buffer[..asked.len()].copy_from_slice(&asked);
    let client: IpAddr = from.parse().expect("an address");
    let length = answering
        .respond(&snapshot, &mut buffer, asked.len(), (client, 4711).into(), transport)
        .expect("an answer");
    Answer { message: Message::from_vec(&buffer[..length]).expect("a message"), length }
}

#[track_caller]
fn is_told(answer: &Answer) {
    assert_eq!((answer.message.response_code.low(), answer.message.answers.len()), (0, 1));
}

/// RFC 8914, 4.19: Prohibited.
#[track_caller]
fn is_refused(answer: &Answer) {
    assert_eq!((answer.message.response_code.low(), answer.message.answers.len()), (5, 0));
    let edns = answer.message.edns.as_ref().expect("EDNS");
    let data: Vec<u8> = match edns.option(EdnsCode::Unknown(15)).expect("an extended error") {
        hickory_proto::rr::rdata::opt::EdnsOption::Unknown(_, data) => data.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(data[..2], [0, 18]);
    assert_eq!(&data[2..], b"diagnostic names are for local clients (explain)");
}

#[test]
fn local_is_for_loopback_and_private_addresses_and_the_default() {
    for files in [with("local"), files(&States::new())] {
        for name in NAMES {
            for from in LOCAL {
                is_told(&asked(&files, from, name, Transport::Udp));
            }
            for from in FOREIGN {
                is_refused(&asked(&files, from, name, Transport::Udp));
                is_refused(&asked(&files, from, name, Transport::Tcp));
            }
        }
    }
    // What is no diagnostic name is anybody's.
    let answer = asked(&with("local"), "192.0.2.1", "_explain.www", Transport::Udp);
    assert_eq!(answer.strings(), ["of the zone file"]);
}

#[test]
fn public_is_for_all() {
    let files = with("public");
    for name in NAMES {
        for from in LOCAL {
            is_told(&asked(&files, from, name, Transport::Udp));
        }
        // A stranger could ask in the name of somebody else, and these answers are long.
        for from in FOREIGN {
            is_told(&asked(&files, from, name, Transport::Tcp));
            let over_udp = asked(&files, from, name, Transport::Udp);
            if name.starts_with("_whoami") {
                is_told(&over_udp);
            } else {
                assert!(over_udp.message.truncation && over_udp.message.answers.is_empty());
            }
        }
    }
    let whoami = asked(&files, "192.0.2.1", "_whoami", Transport::Udp).strings();
    assert_eq!(whoami, ["address=192.0.2.1", "port=4711", "transport=udp", "ecs=10.0.0.0/8"]);
}

/// Then the names are as any other that does not exist, from wherever they are asked.
#[test]
fn off_is_for_none() {
    let files = with("off");
    for from in ["127.0.0.1", "192.0.2.1"] {
        let answer = asked(&files, from, "_explain.db.de", Transport::Udp);
        assert_eq!((answer.message.response_code.low(), answer.message.authorities.len()), (3, 1));
    }
    let server = Daemon::start(&files);
    for name in NAMES {
        for tool in TOOLS {
            let told = Ask::txt(server.port(), &format!("{name}.clam.example")).by(tool);
            assert_eq!((told.status.as_str(), told.answer.len()), ("NXDOMAIN", 0));
            assert_eq!((told.authority[0].rtype.as_str(), told.ede), ("SOA", None));
        }
    }
    let told = Ask::txt(server.port(), "_explain.www.clam.example").by(Tool::Dig);
    assert_eq!(told.answer[0].rdata, "\"of the zone file\"");
    for tool in WITH_OPTIONS {
        let told = Ask { words: &["-c", "CH"], ..Ask::txt(server.port(), "id.server") }.by(tool);
        assert_eq!(told.strings(), ["ns1"]);
    }
}
