//! Cells, packed: a stretch in which all is the same takes one octet.
//!
//! The lower three bits of an octet say what up to 32 cells are that follow one another: whole
//! cells of one kind, whose number less one is in the upper bits; or one cell, of which the numbers
//! follow that are not 0, as the upper bits say. Cells behind the last octet are unknown.

use super::cell::Cell;
use super::varint::{Damaged, Octets, put};

const MIXED: u8 = 5;
/// The most cells of one octet.
const LONGEST: usize = 32;

/// The kinds of cells that are the same from beginning to end; `full` is a cell's length.
fn whole(full: u32) -> [Cell; MIXED as usize] {
    let nothing = Cell::default();
    [
        nothing,
        Cell { served: full, ..nothing },
        Cell { served: full, late: full, ..nothing },
        Cell { failed: full, ..nothing },
        Cell { away: full, ..nothing },
    ]
}

/// Packs cells of `full` seconds.
pub(super) fn pack(cells: &[Cell], full: u32) -> Vec<u8> {
    let kinds = whole(full);
    let mut out = Vec::new();
    let known = cells.iter().rposition(|cell| *cell != Cell::default());
    let mut rest = cells.get(..known.map_or(0, |last| last + 1)).unwrap_or_default();
    while let Some(first) = rest.first() {
        let alike = rest.iter().take(LONGEST).take_while(|cell| *cell == first).count();
        let run = if let Some(kind) = kinds.iter().position(|kind| kind == first) {
            out.push(kind as u8 | ((alike - 1) as u8) << 3);
            alike
        } else {
            put_mixed(&mut out, first);
            1
        };
        rest = rest.get(run..).unwrap_or_default();
    }
    out
}

/// Unpacks `count` cells of `full` seconds.
///
/// # Errors
/// When the octets are no packed cells, or more than `count`.
pub(super) fn unpack(octets: &[u8], full: u32, count: usize) -> Result<Vec<Cell>, Damaged> {
    let kinds = whole(full);
    let mut octets = Octets(octets);
    let mut cells = Vec::with_capacity(count);
    while let Some(octet) = octets.next() {
        let upper = octet >> 3;
        let (run, cell) = match octet & 0x07 {
            MIXED => (1, mixed(upper, &mut octets, full)?),
            kind => (usize::from(upper) + 1, *kinds.get(usize::from(kind)).ok_or(Damaged)?),
        };
        if cells.len() + run > count {
            return Err(Damaged);
        }
        cells.resize(cells.len() + run, cell);
    }
    cells.resize(count, Cell::default());
    Ok(cells)
}

fn put_mixed(out: &mut Vec<u8>, cell: &Cell) {
    let numbers = [cell.served, cell.late, cell.failed, cell.away];
    let there = (0u8..).zip(numbers).filter(|(_, number)| *number > 0);
    out.push(there.fold(MIXED, |octet, (bit, _)| octet | 8 << bit));
    for number in numbers.into_iter().filter(|number| *number > 0) {
        put(out, u64::from(number));
    }
}

fn mixed(there: u8, octets: &mut Octets<'_>, full: u32) -> Result<Cell, Damaged> {
    let mut next = |bit: u8| if there >> bit & 1 == 1 { octets.small() } else { Ok(0) };
    let [served, late, failed, away] = [next(0)?, next(1)?, next(2)?, next(3)?];
    let all = u64::from(served) + u64::from(failed) + u64::from(away);
    if all > u64::from(full) || late > served {
        return Err(Damaged);
    }
    Ok(Cell { served, late, failed, away })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FULL: u32 = 3600;

    fn cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            prop::sample::select(whole(FULL).to_vec()),
            (0u32..1200, 0u32..1200, 0u32..1200).prop_map(|(served, failed, away)| Cell {
                served,
                late: served / 2,
                failed,
                away
            }),
        ]
    }

    proptest! {
        #[test]
        fn cells_are_read_as_written(runs in prop::collection::vec((cell(), 1usize..80), 0..12)) {
            let mut cells = Vec::new();
            for (cell, run) in runs { cells.resize(cells.len() + run, cell); }
            prop_assert_eq!(unpack(&pack(&cells, FULL), FULL, cells.len()), Ok(cells));
        }

        #[test]
        fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(cells) = unpack(&octets, FULL, 768) {
                prop_assert!(cells.len() == 768 && cells.iter().all(|cell| cell.known() <= FULL));
            }
        }
    }

    #[test]
    fn a_good_month_takes_a_few_octets() {
        let cells = vec![Cell { served: FULL, ..Cell::default() }; 768];
        assert_eq!(pack(&cells, FULL).len(), 24);
    }
}
