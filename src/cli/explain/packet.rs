//! Encodes queries as dig sends them, and decodes answers into presentation form.

use domain::base::iana::{OptRcode, OptionCode};
use domain::base::{Message, RecordSection};
use domain::rdata::AllRecordData;
use serde::Serialize;

use crate::cli::output::Failure;
use cvdns_core::explain::ClientAddress;
use cvdns_core::wire::edns::option;
use cvdns_core::wire::{class, rtype};

/// A decoded response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct DecodedAnswer {
    /// The RCODE, such as NOERROR or NXDOMAIN.
    pub rcode: String,
    /// The answer section in presentation form.
    pub records: Vec<String>,
    /// The authority section in presentation form.
    pub authority: Vec<String>,
    /// The scope prefix length of the client subnet option; `None` without that option.
    pub scope: Option<u8>,
    /// The extended DNS error (RFC 8914): code and extra text.
    pub extended_error: Option<String>,
    /// Whether the TC bit is set: the whole answer is available over TCP.
    #[serde(skip)]
    pub truncated: bool,
    /// RDATA of the answer's A and AAAA records, in order.
    #[serde(skip)]
    pub addresses: Vec<Vec<u8>>,
    /// TTLs of the answer section.
    #[serde(skip)]
    pub ttls: Vec<u32>,
}

/// Largest UDP answer that the query accepts, in octets.
const UDP_SIZE: u16 = 1232;

/// Encodes a query with EDNS and with the client in a client subnet option.
pub(super) fn query(name: &[u8], qtype: u16, asker: ClientAddress) -> Vec<u8> {
    let id = std::process::id() as u16;
    let mut out = id.to_be_bytes().to_vec();
    out.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    out.extend(name);
    out.extend(qtype.to_be_bytes());
    out.extend(class::IN.to_be_bytes());
    out.push(0);
    out.extend(rtype::OPT.to_be_bytes());
    out.extend(UDP_SIZE.to_be_bytes());
    out.extend([0; 4]);
    let subnet = subnet(asker);
    out.extend((subnet.len() as u16 + 4).to_be_bytes());
    out.extend(option::ECS.to_be_bytes());
    out.extend((subnet.len() as u16).to_be_bytes());
    out.extend(subnet);
    out
}

/// The data of a client subnet option (RFC 7871 section 6).
fn subnet(asker: ClientAddress) -> Vec<u8> {
    let (family, octets) = match asker.address {
        std::net::IpAddr::V4(address) => (1u8, address.octets().to_vec()),
        std::net::IpAddr::V6(address) => (2u8, address.octets().to_vec()),
    };
    let source = asker.prefix.unwrap_or(octets.len() as u8 * 8);
    let sent = octets.into_iter().take(usize::from(source.div_ceil(8)));
    [0, family, source, 0].into_iter().chain(sent).collect()
}

impl DecodedAnswer {
    /// Decodes a response.
    pub(super) fn read(octets: &[u8]) -> Result<Self, Failure> {
        let bad = |what: &str| Failure::new(format!("the answer cannot be read: {what}"));
        let message = Message::from_octets(octets).map_err(|_| bad("it has no header"))?;
        let sections = message.question().answer().map_err(|_| bad("its question is cut off"))?;
        let authority =
            sections.next_section().map_err(|_| bad("its answer section is cut off"))?;
        let (mut addresses, mut ttls) = (Vec::new(), Vec::new());
        for record in message.answer().map_err(|_| bad("its question is cut off"))? {
            let record = record.map_err(|_| bad("a record is cut off"))?;
            ttls.push(record.ttl().as_secs());
            let rdata = record
                .to_any_record::<AllRecordData<_, _>>()
                .map_err(|_| bad("a record is malformed"))?;
            match rdata.data() {
                AllRecordData::A(a) => addresses.push(a.addr().octets().to_vec()),
                AllRecordData::Aaaa(aaaa) => addresses.push(aaaa.addr().octets().to_vec()),
                _ => {}
            }
        }
        let mut read = Self {
            rcode: OptRcode::from(message.header().rcode()).to_string(),
            records: texts(sections)
                .ok_or_else(|| bad("a record of the answer section is malformed"))?,
            authority: authority
                .map(|section| {
                    texts(section).ok_or_else(|| bad("a record of the authority is malformed"))
                })
                .transpose()?
                .unwrap_or_default(),
            scope: None,
            extended_error: None,
            truncated: message.header().tc(),
            addresses,
            ttls,
        };
        read.options(&message);
        Ok(read)
    }

    fn options(&mut self, message: &Message<&[u8]>) {
        let Some(opt) = message.opt() else { return };
        self.rcode = opt.rcode(message.header()).to_string();
        for found in opt.opt().iter::<domain::base::opt::UnknownOptData<_>>().flatten() {
            let data: &[u8] = found.data();
            match found.code() {
                code if code == OptionCode::CLIENT_SUBNET => self.scope = data.get(3).copied(),
                code if code == OptionCode::EXTENDED_ERROR => {
                    let code =
                        data.first_chunk().copied().map(u16::from_be_bytes).unwrap_or_default();
                    let words = String::from_utf8_lossy(data.get(2..).unwrap_or_default());
                    self.extended_error = Some(format!("{code}: {words}"));
                }
                _ => {}
            }
        }
    }
}

/// Records in presentation form.
fn texts(section: RecordSection<'_, &[u8]>) -> Option<Vec<String>> {
    let mut out = Vec::new();
    for record in section {
        let record = record.ok()?.into_any_record::<AllRecordData<_, _>>().ok()?;
        let (owner, ttl, class) = (record.owner(), record.ttl().as_secs(), record.class());
        out.push(format!("{owner}. {ttl} {class} {} {}", record.rtype(), record.data()));
    }
    Some(out)
}
