//! Decodes answers into presentation form.

use std::net::IpAddr;

use domain::base::iana::{OptRcode, OptionCode, Rtype};
use domain::base::{Message, RecordSection};
use domain::rdata::AllRecordData;
use hickory_net::proto::op::Message as Query;
use serde::Serialize;

use super::query::octets;
use cvdns_core::answer::{Answering, Transport};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::wire::MAX_MESSAGE;

/// A decoded response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DecodedAnswer {
    /// The RCODE, such as NOERROR or NXDOMAIN.
    pub rcode: String,
    /// The answer section in presentation form.
    pub records: Vec<String>,
    /// The authority section in presentation form.
    pub authority: Vec<String>,
    /// The additional section in presentation form, without the OPT record.
    pub additional: Vec<String>,
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

impl DecodedAnswer {
    /// The whole answer that a server with this snapshot gives to a query from this address.
    ///
    /// # Errors
    /// When the query gets no answer, which is a defect: the reason for people.
    pub(crate) fn expected(
        answering: &mut Answering,
        snapshot: &Snapshot,
        query: &Query,
        client: IpAddr,
    ) -> Result<Self, String> {
        let query = octets(query)?;
        let mut buffer = vec![0; MAX_MESSAGE];
        let no_answer = || "the query got no answer: this is a bug, please report it".to_owned();
        buffer.get_mut(..query.len()).ok_or_else(no_answer)?.copy_from_slice(&query);
        let client = (client, 0).into();
        let length = answering.respond(snapshot, &mut buffer, query.len(), client, Transport::Tcp);
        Self::read(length.and_then(|length| buffer.get(..length)).ok_or_else(no_answer)?)
    }

    /// Decodes a response.
    ///
    /// # Errors
    /// When the octets are no response: the reason for people.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, String> {
        let bad = |what: &str| format!("the answer cannot be read: {what}");
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
            additional: message
                .additional()
                .ok()
                .and_then(texts)
                .ok_or_else(|| bad("a record of the additional section is malformed"))?,
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

/// Records in presentation form, but for OPT, which is none of a name.
fn texts(section: RecordSection<'_, &[u8]>) -> Option<Vec<String>> {
    let mut out = Vec::new();
    for record in section {
        let record = record.ok()?;
        if record.rtype() == Rtype::OPT {
            continue;
        }
        let record = record.into_any_record::<AllRecordData<_, _>>().ok()?;
        let (owner, ttl, class) = (record.owner(), record.ttl().as_secs(), record.class());
        out.push(format!("{owner}. {ttl} {class} {} {}", record.rtype(), record.data()));
    }
    Some(out)
}
