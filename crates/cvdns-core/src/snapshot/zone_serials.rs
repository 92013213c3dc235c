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
