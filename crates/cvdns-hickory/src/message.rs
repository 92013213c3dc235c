//! An answer as the message that hickory sends.

use std::slice::Iter;

use cvdns_core::snapshot::extended_error::ExtendedError;
use hickory_server::proto::op::{Edns, MessageType, Metadata};
use hickory_server::proto::rr::Record;
use hickory_server::proto::rr::rdata::TSIG;
use hickory_server::proto::serialize::binary::BinEncoder;
use hickory_server::zone_handler::{MessageResponse, MessageResponseBuilder, Queries};

use crate::answer::Answer;
use crate::opt;
use crate::sections::Sections;

/// A message with borrowed records.
type Response<'m> =
    MessageResponse<'m, 'm, Iter<'m, Record>, Iter<'m, Record>, Iter<'m, Record>, Iter<'m, Record>>;

/// An answer that fits its transport.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    metadata: Metadata,
    queries: &'a Queries,
    sections: Sections,
    opt: Option<Edns>,
    signature: Option<Box<Record<TSIG>>>,
}

impl<'a> Message<'a> {
    /// The answer to a request with this header. What does not fit is left out: first the extended
    /// error, which never displaces records, then the TSIG record, and at last all sections, with
    /// TC set. hickory itself would leave the OPT record out and keep a part of an `RRset` (RFC
    /// 2181 section 9, RFC 6891 section 7).
    pub(crate) fn of(answer: Answer<'_>, request: &Metadata, queries: &'a Queries) -> Self {
        let Answer { verdict, sections, truncated, opt, signature, limit, .. } = answer;
        let mut metadata = Metadata::new(request.id, MessageType::Response, request.op_code);
        metadata.recursion_desired = request.recursion_desired;
        metadata.authoritative = verdict.authoritative;
        metadata.response_code = verdict.rcode.into();
        let mut message = Self { metadata, queries, sections, opt, signature };
        if truncated {
            message.truncate();
        } else {
            message.fit(verdict.error, limit);
        }
        message
    }

    /// Leaves out what does not fit into this many octets.
    fn fit(&mut self, error: Option<ExtendedError<'_>>, limit: u16) {
        let plain = self.opt.clone();
        if let (Some(opt), Some(error)) = (&mut self.opt, error) {
            opt::add_error(opt, error);
        }
        if self.fits(limit) {
            return;
        }
        self.opt = plain;
        if self.fits(limit) {
            return;
        }
        self.signature = None;
        if !self.fits(limit) {
            self.truncate();
        }
    }

    /// Leaves out all sections, and sets TC.
    fn truncate(&mut self) {
        self.sections = Sections::default();
        self.metadata.truncation = true;
    }

    /// Whether the message has this many octets at most. It is encoded to find out, as its length
    /// depends on how hickory compresses names.
    fn fits(&self, limit: u16) -> bool {
        let mut octets = Vec::with_capacity(512);
        let mut encoder = BinEncoder::new(&mut octets);
        encoder.set_max_size(limit);
        self.response().destructive_emit(&mut encoder).is_ok_and(|info| !info.truncation)
    }

    /// The message for hickory to send.
    pub(crate) fn response(&self) -> Response<'_> {
        let builder = MessageResponseBuilder::new(self.queries, self.opt.as_ref());
        let Sections { answer, authority, additional } = &self.sections;
        let none: &[Record] = &[];
        let mut response = builder.build(self.metadata, answer, authority, none, additional);
        if let Some(signature) = &self.signature {
            response.set_signature(signature.clone());
        }
        response
    }
}
