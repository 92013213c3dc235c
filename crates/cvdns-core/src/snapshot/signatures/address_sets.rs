//! The distinct sets of addresses of windows. A signature covers a set, whatever its order.

use std::collections::HashMap;

use crate::snapshot::dynamic_data::WindowSet;
use crate::snapshot::windows::shuffle;

/// The sets of addresses that windows have.
#[derive(Debug)]
pub(super) struct AddressSets {
    windows: WindowSet,
    /// The number of the set of each window.
    set_of_window: Box<[u32]>,
    /// A window of each set.
    window_of_set: Box<[u32]>,
}

/// Octets of a prepared record before its address.
const ADDRESS: usize = 12;

impl AddressSets {
    pub(super) fn new(windows: &WindowSet) -> Self {
        let count = windows.count;
        let mut numbers: HashMap<u128, u32> = HashMap::new();
        let mut window_of_set = Vec::new();
        let mut set_of_window = Vec::with_capacity(count as usize);
        for window in 0..count {
            let mark = mark(addresses(windows, window));
            let number = *numbers.entry(mark).or_insert_with(|| {
                window_of_set.push(window);
                window_of_set.len() as u32 - 1
            });
            set_of_window.push(number);
        }
        Self {
            windows: windows.clone(),
            set_of_window: set_of_window.into(),
            window_of_set: window_of_set.into(),
        }
    }

    /// A number by which the sets of the same windows are found.
    pub(super) fn mark(&self) -> (u32, usize) {
        Self::mark_of(&self.windows)
    }

    /// The number by which the sets of these windows are found.
    pub(super) fn mark_of(windows: &WindowSet) -> (u32, usize) {
        (windows.count, windows.address())
    }

    /// Whether these are the sets of the same windows, which are shared by all who have them.
    pub(super) fn is_of(&self, windows: &WindowSet) -> bool {
        self.windows.is_same(windows)
    }

    /// How many sets there are.
    pub(super) fn count(&self) -> usize {
        self.window_of_set.len()
    }

    /// The number of the set of a window.
    #[inline]
    pub(super) fn of_window(&self, window: usize) -> Option<usize> {
        self.set_of_window.get(window).map(|set| *set as usize)
    }

    /// The addresses of a set, as octets, in the order of one of its windows.
    pub(super) fn addresses(&self, set: usize) -> impl Iterator<Item = &[u8]> + Clone {
        let window = self.window_of_set.get(set).copied().unwrap_or_default();
        addresses(&self.windows, window)
    }
}

fn addresses(windows: &WindowSet, window: u32) -> impl Iterator<Item = &[u8]> + Clone {
    let records = windows.numbered(window as usize);
    let size = records.len().checked_div(windows.size.into()).unwrap_or_default().max(1);
    records.chunks_exact(size).filter_map(|record| record.get(ADDRESS..))
}

/// A number that is the same for the same addresses in any order: the sum of a number of 128 bits
/// for each. The addresses of a window differ.
fn mark<'a>(addresses: impl Iterator<Item = &'a [u8]>) -> u128 {
    let number = |address: &[u8]| {
        let mut octets = [0; 16];
        if let Some(slot) = octets.get_mut(..address.len()) {
            slot.copy_from_slice(address);
        }
        let bits = u128::from_le_bytes(octets);
        let (low, high) = (bits as u64, (bits >> 64) as u64);
        let first = shuffle(low ^ shuffle(high));
        let second = shuffle(first ^ shuffle(low.rotate_left(32)) ^ high);
        u128::from(first) << 64 | u128::from(second)
    };
    addresses.fold(0, |sum: u128, address| sum.wrapping_add(number(address)))
}
