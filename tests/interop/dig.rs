//! What the server wrote, read by hickory-proto, by dig and by kdig.

use crate::support;

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, Record};
use std::process::Command;
use support::client::Transport;
use support::daemon::Daemon;
use support::fixture;
use support::numbers::Numbers;
use support::packet::{DO, Query};
use support::reply::Reply;
use support::{name, rr, tools};

const QUERIES: usize = 150;

/// A message in words, as both decodings tell it.
#[derive(PartialEq, Eq, Debug)]
struct Told {
    status: String,
    flags: Vec<String>,
    /// Lines of owner, TTL, type and rdata, sorted within each section.
    answer: Vec<String>,
    authority: Vec<String>,
    additional: Vec<String>,
    /// `address/source/scope`.
    subnet: Option<String>,
    payload: Option<u16>,
}

#[test]
fn dig_reads_what_hickory_reads() {
    agree("dig");
}

#[test]
fn kdig_reads_what_hickory_reads() {
    agree("kdig");
}

fn agree(tool: &str) {
    let server = Daemon::start(&fixture::files());
    let mut random = Numbers(17);
    for round in 0..QUERIES {
        let asked = Asked::random(&mut random);
        let query = asked.query();
        let bytes = server.client().exchange(Transport::Udp4, &query.build()).expect("an answer");
        Reply::parse(&bytes);
        let by_hickory = told_by_hickory(&bytes);
        let text = tools::output(&mut asked.command(tool, server.port()));
        let by_tool = told_by_text(&text);
        assert_eq!(by_hickory, by_tool, "round {round}: {asked:?}\n{text}");
    }
}

#[derive(Debug)]
struct Asked {
    name: String,
    qtype: &'static str,
    edns: bool,
    dnssec_ok: bool,
    subnet: Option<&'static str>,
}

impl Asked {
    /// Names whose answers are the same each time but for order: none that windows are cut for.
    fn random(random: &mut Numbers) -> Self {
        let names = [
            "db.de",
            "db.fr",
            "db.uk",
            "db.li",
            "db.de.ipv6",
            "db.europe",
            "current.cvd",
            "main.cvd",
            "www",
            "alias",
            "mirror",
            "x.anyde",
            "any.wild",
            "a.b.wild",
            "db.fr.old",
            "x.sub",
            "sub",
            "nothing",
            "db.zz",
            "de",
            "text",
            "mid",
            "large",
            "_x._y",
        ];
        let local = ["db.local", "database", "near"];
        let subnets = [
            "198.51.100.0/25",
            "198.51.100.128/26",
            "198.51.100.150/32",
            "2001:db8:8000::/34",
            "2001:db8:c000::/40",
        ];
        let near = random.below(4) == 0;
        let subnet = (near || random.below(3) == 0).then(|| *random.one_of(&subnets));
        let label = if near { *random.one_of(&local) } else { *random.one_of(&names) };
        let name = if random.below(15) == 0 {
            "foreign.test.".to_owned()
        } else {
            format!("{label}.clam.example.")
        };
        let upper =
            |letter: char| if random.below(2) == 0 { letter.to_ascii_uppercase() } else { letter };
        let name = name.chars().map(upper).collect();
        let edns = subnet.is_some() || random.below(2) == 0;
        let qtype = *random.one_of(&["A", "AAAA", "TXT", "NS", "SOA", "MX", "CNAME", "TYPE65280"]);
        Self { name, qtype, edns, dnssec_ok: edns && random.below(2) == 0, subnet }
    }

    fn query(&self) -> Query {
        let mut query = Query::new(&self.name, rr::number(self.qtype));
        if self.edns {
            query = query.edns(1232);
        }
        if self.dnssec_ok {
            query = query.opt(|opt| opt.flags |= DO);
        }
        if let Some(subnet) = self.subnet {
            query = query.subnet(subnet);
        }
        query
    }

    fn command(&self, tool: &str, port: u16) -> Command {
        let mut command = tools::tool(tool);
        command.args(["@127.0.0.1", "-p", &port.to_string()]);
        // One message, no retry, and of what came back all but the question and the statistics.
        let common = "+norecurse +noadflag +ignore +noall +comments +answer +authority +additional";
        let own = if tool == "dig" { "+tries=1 +nocookie" } else { "+retry=0 +header +opt" };
        command.args(common.split(' ').chain(own.split(' ')));
        command.args(if self.edns { &["+edns=0", "+bufsize=1232"][..] } else { &["+noedns"] });
        if self.dnssec_ok {
            command.arg("+dnssec");
        }
        if let Some(subnet) = self.subnet {
            command.arg(format!("+subnet={subnet}"));
        }
        // Kdig and dig read no file of the user's, who may have asked for other output.
        command.env("HOME", "/nonexistent");
        command.args(["-q", &self.name, "-t", self.qtype]);
        command
    }
}

fn told_by_hickory(bytes: &[u8]) -> Told {
    let message = Message::from_vec(bytes).expect("a response");
    let meta = &message.metadata;
    let flags = [
        ("qr", meta.message_type == hickory_proto::op::MessageType::Response),
        ("aa", meta.authoritative),
        ("tc", meta.truncation),
        ("rd", meta.recursion_desired),
        ("ra", meta.recursion_available),
        ("ad", meta.authentic_data),
        ("cd", meta.checking_disabled),
    ];
    let section = |records: &[Record]| {
        let mut lines: Vec<String> = records.iter().map(line).collect();
        lines.sort();
        lines
    };
    // hickory-proto forgets the scope it reads.
    let reply = Reply::walk(bytes).expect("a response");
    Told {
        status: format!("{:?}", meta.response_code).to_uppercase(),
        flags: flags.iter().filter(|(_, set)| *set).map(|(name, _)| (*name).to_owned()).collect(),
        answer: section(&message.answers),
        authority: section(&message.authorities),
        additional: section(&message.additionals),
        subnet: reply.option(rr::ECS).map(subnet_text),
        payload: message.edns.as_ref().map(hickory_proto::op::Edns::max_payload),
    }
}

fn line(record: &Record) -> String {
    let data = match &record.data {
        RData::TXT(txt) => {
            let strings = txt
                .txt_data
                .iter()
                .map(|string| format!("\"{}\"", String::from_utf8_lossy(string)));
            strings.collect::<Vec<_>>().join(" ")
        }
        // hickory-proto has no DNAME: a name that is never compressed (RFC 6672, 2.5).
        RData::Unknown { code, rdata } if u16::from(*code) == rr::DNAME => {
            name::text(&rdata.anything)
        }
        data => data.to_string(),
    };
    let owner = record.name.to_ascii();
    format!("{owner} {} {} {data}", record.ttl, record.record_type()).to_lowercase()
}

fn subnet_text(option: &[u8]) -> String {
    let (head, address) = option.split_at(4);
    let octet = |i: usize| address.get(i).copied().unwrap_or(0);
    let ip: std::net::IpAddr = match head[1] {
        1 => std::array::from_fn::<u8, 4, _>(octet).into(),
        _ => std::array::from_fn::<u8, 16, _>(octet).into(),
    };
    format!("{ip}/{}/{}", head[2], head[3])
}

/// Reads the output of dig or of kdig, which differ in punctuation.
fn told_by_text(text: &str) -> Told {
    let after = |key: &str| {
        let rest = text.split_once(key)?.1;
        Some(rest.split([',', ';', '\n']).next().expect("one part at least").trim())
    };
    let mut told = Told {
        status: after("status: ").unwrap_or_else(|| panic!("no status in {text}")).to_owned(),
        flags: after("lags: ").expect("flags").split(' ').map(str::to_owned).collect(),
        answer: Vec::new(),
        authority: Vec::new(),
        additional: Vec::new(),
        subnet: after("CLIENT-SUBNET: ").map(str::to_owned),
        payload: after("udp: ").or(after("UDP size: ")).map(|size| {
            size.trim_end_matches(" B").parse().unwrap_or_else(|_| panic!("a size in {text}"))
        }),
    };
    let mut section = None;
    for line in text.lines() {
        if let Some(title) = line.strip_prefix(";; ") {
            section = match title {
                "ANSWER SECTION:" => Some(&mut told.answer),
                "AUTHORITY SECTION:" => Some(&mut told.authority),
                "ADDITIONAL SECTION:" => Some(&mut told.additional),
                _ => None,
            };
        } else if let (Some(lines), false) =
            (&mut section, line.is_empty() || line.starts_with(';'))
        {
            let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "IN").collect();
            lines.push(words.join(" ").to_lowercase());
        }
    }
    for lines in [&mut told.answer, &mut told.authority, &mut told.additional] {
        lines.sort();
    }
    told
}
