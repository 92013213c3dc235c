//! The OPT record of an answer (RFC 6891).

use crate::snapshot::extended_error::ExtendedError;
use crate::snapshot::inputs::Settings;
use crate::wire::cookie::AnswerCookie;
use crate::wire::edns::{ClientSubnet, Edns, Keepalive, option};
use crate::wire::{MAX_MESSAGE, rtype};

/// Size in octets of an OPT record without options: root, type, class, TTL, length.
const EMPTY: usize = 11;

/// Contents of an answer's OPT record, apart from what depends on the answer itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opt<'o> {
    /// Largest UDP message in octets that the server accepts (`edns-udp-size`).
    pub udp_size: u16,
    /// The DO bit, copied from the query (RFC 3225 section 3).
    pub dnssec_ok: bool,
    /// The name server identifier, if the query asks for it (RFC 5001).
    pub nsid: Option<&'o [u8]>,
    /// The idle timeout of the connection in units of 100 ms, if the query asks for it (RFC 7828).
    pub keepalive: Option<u16>,
    /// The query's client subnet (RFC 7871).
    pub ecs: Option<ClientSubnet>,
    /// The cookie, if the query has one (RFC 7873).
    pub cookie: Option<AnswerCookie>,
    /// Whether the message is padded (RFC 7830).
    pub padded: bool,
}

/// The length of a padded answer in octets is a multiple of this (RFC 8467 section 4.1).
const BLOCK: usize = 468;

impl<'o> Opt<'o> {
    /// The OPT record that answers a query's. `idle` is the idle timeout of a connection, in units
    /// of 100 ms.
    pub(super) fn new(
        edns: &Edns,
        settings: &'o Settings,
        idle: Option<u16>,
        cookie: Option<AnswerCookie>,
    ) -> Self {
        Self {
            udp_size: settings.udp_size,
            dnssec_ok: edns.dnssec_ok,
            nsid: settings.nsid.as_deref().filter(|_| edns.nsid),
            keepalive: idle.filter(|_| edns.keepalive == Keepalive::Asked),
            ecs: edns.ecs,
            cookie,
            padded: false,
        }
    }

    /// The record of an answer that says no more than it must.
    pub(super) fn bare(settings: &Settings, dnssec_ok: bool, cookie: Option<AnswerCookie>) -> Self {
        let udp_size = settings.udp_size;
        Self { udp_size, dnssec_ok, nsid: None, keepalive: None, ecs: None, cookie, padded: false }
    }

    /// Size of the record in octets, without an extended error and padding.
    pub(super) fn size(&self) -> usize {
        let nsid = self.nsid.map_or(0, |nsid| 4 + nsid.len());
        let ecs = self.ecs.map_or(0, |ecs| 8 + ecs.address_length());
        let keepalive = self.keepalive.map_or(0, |_| 6);
        let cookie = self.cookie.map_or(0, |cookie| 4 + cookie.len());
        EMPTY + nsid + keepalive + ecs + cookie
    }

    /// Writes the record at offset `at` and returns the offset of its end.
    pub(super) fn write(
        &self,
        buffer: &mut [u8],
        at: usize,
        rcode: u16,
        scope: u8,
        ede: Option<ExtendedError<'_>>,
    ) -> Option<usize> {
        let unpadded = at + self.size() + ede.map_or(0, |ede| ede.size());
        let padding = if self.padded { padding(unpadded, buffer.len()) } else { None };
        let end = unpadded + padding.map_or(0, |zeros| 4 + zeros.len());
        let slot = buffer.get_mut(at..end)?;
        let (head, mut rest) = slot.split_first_chunk_mut::<EMPTY>()?;
        let [size1, size0] = self.udp_size.to_be_bytes();
        let [length1, length0] = (rest.len() as u16).to_be_bytes();
        let flags = if self.dnssec_ok { 0x80 } else { 0 };
        *head = [
            0,
            0,
            rtype::OPT as u8,
            size1,
            size0,
            (rcode >> 4) as u8,
            0,
            flags,
            0,
            length1,
            length0,
        ];
        if let Some(nsid) = self.nsid {
            rest = put(rest, option::NSID, &[], nsid)?;
        }
        if let Some(idle) = self.keepalive {
            rest = put(rest, option::KEEPALIVE, &[], &idle.to_be_bytes())?;
        }
        if let Some(ecs) = self.ecs {
            let [family1, family0] = ecs.family.to_be_bytes();
            let octets = ecs.address_octets();
            let address = octets.get(..ecs.address_length())?;
            rest = put(rest, option::ECS, &[family1, family0, ecs.source, scope], address)?;
        }
        if let Some(cookie) = &self.cookie {
            rest = put(rest, option::COOKIE, &[], cookie)?;
        }
        if let Some(ExtendedError(data)) = ede {
            rest = put(rest, option::EDE, &[], data)?;
        }
        if let Some(zeros) = padding {
            put(rest, option::PADDING, &[], zeros)?;
        }
        Some(end)
    }
}

/// What pads a message of this length to the next multiple of the block, with the head of the
/// option, or as far as there is room. `None` if there is no room for the head. Zeros are what RFC
/// 7830 section 3 recommends.
#[cold]
fn padding(length: usize, room: usize) -> Option<&'static [u8]> {
    static ZEROS: [u8; BLOCK] = [0; BLOCK];
    let begun = length.checked_add(4)?;
    let padded = begun.next_multiple_of(BLOCK).min(room.min(MAX_MESSAGE));
    ZEROS.get(..padded.checked_sub(begun)?)
}

/// Writes an option with the data `head` and `tail`; returns the room behind it.
fn put<'b>(room: &'b mut [u8], code: u16, head: &[u8], tail: &[u8]) -> Option<&'b mut [u8]> {
    let length = (head.len() + tail.len()) as u16;
    let (slot, rest) = room.split_at_mut_checked(4 + usize::from(length))?;
    let (front, data) = slot.split_first_chunk_mut::<4>()?;
    let [[code1, code0], [length1, length0]] = [code.to_be_bytes(), length.to_be_bytes()];
    *front = [code1, code0, length1, length0];
    let (first, second) = data.split_at_mut_checked(head.len())?;
    first.copy_from_slice(head);
    second.copy_from_slice(tail);
    Some(rest)
}
