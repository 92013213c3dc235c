//! The OPT record of an answer (RFC 6891).

use crate::snapshot::inputs::Settings;
use crate::wire::edns::{ClientSubnet, Edns, option};
use crate::wire::rtype;

/// Octets of an OPT record without options: root, type, class, TTL, length.
const EMPTY: usize = 11;

/// What an answer's OPT record says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opt<'o> {
    /// Our largest UDP answer in octets.
    pub udp_size: u16,
    /// DNSSEC OK is copied from the query (RFC 3225 section 3).
    pub dnssec_ok: bool,
    /// The name server's identifier, when asked for (RFC 5001).
    pub nsid: Option<&'o [u8]>,
    /// The query's client subnet (RFC 7871).
    pub ecs: Option<ClientSubnet>,
}

/// An extended DNS error as it is sent: INFO-CODE and EXTRA-TEXT (RFC 8914 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ede<'e>(pub &'e [u8]);

impl Ede<'static> {
    /// "Other": the query's client subnet breaks RFC 7871 section 6.
    pub(super) const BAD_SUBNET: Self = Self(b"\0\x00malformed client subnet (RFC 7871 section 6)");
    /// "Stale Answer": mirrors that are not known to work.
    pub(super) const OPEN: Self =
        Self(b"\0\x03no mirror of the path is usable: answered as if all were");
    /// "Stale Answer": mirrors that lag.
    pub(super) const LAGGING: Self =
        Self(b"\0\x03no mirror of the path holds the record: answered with those least behind");
    /// "Stale Answer": a record that is answered all the same (`on-stale`).
    pub(super) const STALE: Self =
        Self(b"\0\x03the record is too old to be trusted: nothing renews it");
    /// "Not Ready": no release is known yet.
    pub(super) const NOT_READY: Self = Self(b"\0\x0eno release is known yet");
    /// "Other": too much time went into diagnostic names.
    pub(super) const BUSY: Self = Self(b"\0\x00too many diagnostic queries: ask again in a moment");
    /// "Prohibited": who asks may not.
    pub(super) const PROHIBITED: Self =
        Self(b"\0\x12diagnostic names are for local clients (explain)");
    /// "Invalid Data": a record too old to be answered.
    pub(super) const EXPIRED: Self =
        Self(b"\0\x18the record is too old to be trusted: nothing renews it");
}

impl Ede<'_> {
    /// Its size in octets, as an option.
    pub(super) fn size(&self) -> usize {
        4 + self.0.len()
    }
}

impl<'o> Opt<'o> {
    pub(super) fn new(edns: &Edns, settings: &'o Settings) -> Self {
        Self {
            udp_size: settings.udp_size,
            dnssec_ok: edns.dnssec_ok,
            nsid: settings.nsid.as_deref().filter(|_| edns.nsid),
            ecs: edns.ecs,
        }
    }

    /// Its size in octets, without an extended error.
    pub(super) fn size(&self) -> usize {
        let nsid = self.nsid.map_or(0, |nsid| 4 + nsid.len());
        let ecs = self.ecs.map_or(0, |ecs| 8 + ecs.address_length());
        EMPTY + nsid + ecs
    }

    /// Writes it at `at`; where it ends.
    pub(super) fn write(
        &self,
        buffer: &mut [u8],
        at: usize,
        rcode: u16,
        scope: u8,
        ede: Option<Ede<'_>>,
    ) -> Option<usize> {
        let end = at + self.size() + ede.map_or(0, |ede| ede.size());
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
        if let Some(ecs) = self.ecs {
            let [family1, family0] = ecs.family.to_be_bytes();
            let octets = ecs.address_octets();
            let address = octets.get(..ecs.address_length())?;
            rest = put(rest, option::ECS, &[family1, family0, ecs.source, scope], address)?;
        }
        if let Some(Ede(data)) = ede {
            put(rest, option::EDE, &[], data)?;
        }
        Some(end)
    }
}

/// Writes an option whose data is `head` and `tail`; what is left of the room.
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
