//! What one address of a name server answers.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;

use hickory_net::proto::op::{DnsResponse, Message, ResponseCode};
use hickory_net::proto::rr::RData;
use hickory_net::proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use super::resolver::{owner, target};
use super::signed::Signed;
use crate::cli::live::client::{NoAnswer, Via, ask, ask_whole};
use crate::explaining::answer::DecodedAnswer;
use crate::explaining::query::{plain, with_edns, with_nsid};
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;

/// The answers of one address of a name server.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub address: SocketAddr,
    /// SOA over UDP without EDNS.
    pub udp: SoaReply,
    /// Its keys and signatures; `None` if it was not asked for them or does not answer.
    pub signed: Option<Signed>,
    /// The rest; `None` if it was not asked, since nothing answers or another zone shows it.
    pub details: Option<Details>,
}

/// What the answer to a query for the SOA record shows.
#[derive(Debug, Clone)]
pub(super) enum SoaReply {
    /// The server is authoritative; SERIAL.
    Serial(u32),
    /// It has the SOA record, and the AA bit is not set.
    NotAuthoritative,
    /// It does not serve the zone; what it answers.
    Lame(String),
    /// There is no answer.
    Silent(NoAnswer),
}

/// Answers beyond the first.
#[derive(Debug, Clone)]
pub(super) struct Details {
    /// SOA over TCP.
    pub tcp: SoaReply,
    /// What is wrong with its EDNS; `None`: nothing.
    pub edns: Option<String>,
    /// What is wrong with its answer to an EDNS version that does not exist; `None`: nothing.
    pub edns_version: Option<String>,
    /// Its name server identifier, as text where it is printable, else in hexadecimal digits.
    pub nsid: Option<String>,
    /// The names of its NS records, in lower case; `None` without an answer.
    pub ns: Option<BTreeSet<String>>,
    /// Its answers to the samples, in their order, or why there is none.
    pub samples: Vec<Result<DecodedAnswer, String>>,
}

/// RCODE of answers to queries with an EDNS version that the server does not know (RFC 6891 section
/// 9). It has the number of BADSIG, by which hickory knows it.
const BADVERS: u16 = 16;

/// How much a server is asked about a zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depth {
    /// Everything that is known of servers.
    pub thorough: bool,
    /// Its keys and signatures.
    pub signed: bool,
}

/// Asks a server about a zone.
pub(super) async fn probe(
    address: SocketAddr,
    origin: &Name,
    samples: Vec<Message>,
    depth: Depth,
) -> Probe {
    let soa = plain(origin, rtype::SOA);
    let udp = read(origin, ask(address, &soa, Via::Udp).await);
    let no_route = matches!(&udp, SoaReply::Silent(reason) if reason.no_route);
    let serves =
        |reply: &SoaReply| matches!(reply, SoaReply::Serial(_) | SoaReply::NotAuthoritative);
    let signed =
        if depth.signed && serves(&udp) { Signed::ask(address, origin).await } else { None };
    if !depth.thorough || no_route {
        return Probe { address, udp, signed, details: None };
    }
    let tcp = read(origin, ask(address, &soa, Via::Tcp).await);
    let answers = |reply: &SoaReply| !matches!(reply, SoaReply::Silent(_));
    let mut details =
        Details { edns: None, edns_version: None, nsid: None, ns: None, samples: Vec::new(), tcp };
    if answers(&udp) {
        details.ask_edns(address, &soa).await;
    }
    if serves(&udp) && details.edns.is_none() {
        details.ask_records(address, origin, samples).await;
    }
    Probe { address, udp, signed, details: Some(details) }
}

impl Details {
    /// Checks EDNS (RFC 6891) and asks for the name server identifier (RFC 5001).
    async fn ask_edns(&mut self, address: SocketAddr, soa: &Message) {
        let query = with_nsid(with_edns(soa.clone(), 0));
        match ask(address, &query, Via::Udp).await {
            Err(reason) => {
                self.edns = Some(format!("does not answer queries with EDNS: {reason}"));
            }
            Ok(answer) => match &answer.edns {
                None => {
                    let code = answer.metadata.response_code;
                    self.edns =
                        Some(format!("answers queries with EDNS with {code} and no OPT record"));
                }
                Some(edns) => {
                    if let Some(EdnsOption::NSID(id)) = edns.option(EdnsCode::NSID) {
                        self.nsid = Some(nsid(id.as_ref()));
                    }
                }
            },
        }
        if self.edns.is_some() {
            return;
        }
        // Section 6.1.3: an unknown version is answered with BADVERS.
        let answer = ask(address, &with_edns(soa.clone(), 1), Via::Udp).await;
        self.edns_version = match answer {
            Ok(answer) if u16::from(answer.metadata.response_code) == BADVERS => None,
            Ok(answer) => Some(format!("answers EDNS version 1 with {}", code(&answer))),
            Err(reason) => Some(format!("does not answer EDNS version 1: {reason}")),
        };
    }

    async fn ask_records(&mut self, address: SocketAddr, origin: &Name, samples: Vec<Message>) {
        let ns = ask_whole(address, &with_edns(plain(origin, rtype::NS), 0)).await;
        self.ns = ns.ok().map(|answer| {
            let names = answer.answers.iter().filter(|record| owner(record) == *origin);
            names.filter_map(target).map(|name| name.to_lower().to_string()).collect()
        });
        for query in samples {
            let answer = ask_whole(address, &query).await;
            self.samples.push(match answer {
                Err(reason) => Err(reason.to_string()),
                Ok(answer) => DecodedAnswer::read(answer.as_buffer()),
            });
        }
    }
}

fn read(origin: &Name, answer: Result<DnsResponse, NoAnswer>) -> SoaReply {
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => return SoaReply::Silent(reason),
    };
    if answer.metadata.response_code != ResponseCode::NoError {
        return SoaReply::Lame(format!("answers {}", code(&answer)));
    }
    let serial = answer.answers.iter().find_map(|record| match &record.data {
        RData::SOA(soa) if owner(record) == *origin => Some(soa.serial),
        _ => None,
    });
    match serial {
        Some(serial) if answer.metadata.authoritative => SoaReply::Serial(serial),
        Some(_) => SoaReply::NotAuthoritative,
        None => SoaReply::Lame("answers without the SOA record".to_owned()),
    }
}

/// The RCODE as RFC 1035 and IANA write it.
fn code(answer: &DnsResponse) -> String {
    match answer.metadata.response_code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::NotAuth => "NOTAUTH".to_owned(),
        other => format!("RCODE {}", u16::from(other)),
    }
}

fn nsid(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if text.chars().all(|letter| letter.is_ascii_graphic() || letter == ' ') => {
            text.to_owned()
        }
        _ => octets.iter().fold(String::new(), |mut text, octet| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{octet:02x}");
            text
        }),
    }
}
