//! The serials that zones have where they are transferred to other servers.

/// The serial of each zone that is transferred to other servers, instead of that of its master
/// file. Secondaries compare it with their own.
#[derive(Debug, Clone, Default)]
pub struct ZoneSerials(Box<[Option<u32>]>);

impl ZoneSerials {
    /// These serials, by the numbers of the zones.
    pub fn new(serials: Vec<Option<u32>>) -> Self {
        Self(serials.into())
    }

    /// The serial of a zone; `None` if it has that of its master file.
    #[inline]
    pub fn get(&self, zone: u32) -> Option<u32> {
        self.0.get(zone as usize).copied().flatten()
    }
}

/// Octets of the numbers at the end of a SOA record, of which the serial is the first (RFC 1035
/// section 3.3.13).
pub const SOA_NUMBERS: usize = 20;

/// Replaces the serial of the SOA record with which these octets end.
#[cold]
pub fn put_serial(octets: &mut [u8], serial: u32) {
    let numbers = octets.last_chunk_mut::<SOA_NUMBERS>();
    if let Some(slot) = numbers.and_then(|numbers| numbers.first_chunk_mut()) {
        *slot = serial.to_be_bytes();
    }
}
