//! Makes cells of the checks of days that are over, and forgets what is old. All of this goes in
//! steps, each of them one short transaction.
//!
//! Ages are numbers of recorded days, so that no clock can make everything old at once.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::cell::Cell;
use super::database::{ALL, DAYS_BLOCK, HOURS_BLOCK, Trouble};
use super::fold;
use super::packed_cells::{pack, unpack};
use super::packed_checks::{DAY, Entry, read};

/// Recorded days, with today, of which checks are kept.
const CHECKS_KEPT: i64 = 31;
/// Recorded days of which hours and changes are kept, and after which an address that was not
/// checked any more is forgotten.
const YEAR: i64 = 366;

/// Addresses of one step.
const CHUNK: u16 = 500;

const HOUR: u32 = 3600;

/// A day on which something was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DateRow {
    pub(super) date: i64,
    /// Its number among the recorded days.
    pub(super) number: i64,
    /// The seconds for which a check of that day holds.
    pub(super) hold: i64,
    pub(super) folded: i64,
    pub(super) dropped: i64,
}

/// All recorded days that the database has, by date.
pub(super) fn dates(connection: &Connection) -> Result<BTreeMap<i64, DateRow>, Trouble> {
    let mut rows = connection
        .prepare_cached("SELECT date, number, hold, folded, dropped FROM dates ORDER BY date")?;
    let rows = rows.query_map([], |row| {
        Ok(DateRow {
            date: row.get(0)?,
            number: row.get(1)?,
            hold: row.get(2)?,
            folded: row.get(3)?,
            dropped: row.get(4)?,
        })
    })?;
    let mut dates = BTreeMap::new();
    for row in rows {
        let row = row?;
        dates.insert(row.date, row);
    }
    Ok(dates)
}

/// What has come of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There was nothing to do.
    Nothing,
    /// It is done, and there may be more. So many rows could not be read whole, and what could not
    /// be read is left out from now on.
    Done(u64),
}

/// Does the next step.
pub(super) fn step(connection: &mut Connection) -> Result<Step, Trouble> {
    let transaction = connection.transaction()?;
    let dates = dates(&transaction)?;
    let (latest, swept): (i64, i64) =
        transaction.query_row("SELECT latest, swept FROM progress", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let newest = dates.values().map(|date| date.number).max().unwrap_or_default();
    let over = |row: &&DateRow| row.date != latest && row.folded < ALL && row.dropped == 0;
    let old = |row: &&DateRow| {
        row.number <= newest - CHECKS_KEPT && row.folded == ALL && row.dropped < ALL
    };
    let mut damaged = 0;
    if let Some(date) = dates.values().find(over) {
        damaged = Fold { transaction: &transaction, dates: &dates, date, damaged }.chunk()?;
    } else if let Some(date) = dates.values().find(old) {
        drop_checks(&transaction, date)?;
    } else if swept < newest {
        sweep(&transaction, &dates, newest)?;
    } else {
        return Ok(Step::Nothing);
    }
    transaction.commit()?;
    Ok(Step::Done(damaged))
}

/// The addresses of the next chunk after `done`, and the progress that it makes.
fn chunk(transaction: &Transaction<'_>, done: i64) -> Result<(Vec<i64>, i64), Trouble> {
    let mut rows = transaction
        .prepare_cached("SELECT id FROM addresses WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let ids =
        rows.query_map([done, CHUNK.into()], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let last = ids.last().copied().filter(|_| ids.len() == usize::from(CHUNK));
    Ok((ids, last.unwrap_or(ALL)))
}

/// Makes cells of the checks of a date.
struct Fold<'t> {
    transaction: &'t Transaction<'t>,
    dates: &'t BTreeMap<i64, DateRow>,
    date: &'t DateRow,
    damaged: u64,
}

impl Fold<'_> {
    /// Folds the next chunk of addresses. Returns the number of rows that could not be read whole.
    fn chunk(mut self) -> Result<u64, Trouble> {
        let (addresses, progress) = chunk(self.transaction, self.date.folded)?;
        for address in addresses {
            self.fold(address)?;
        }
        self.transaction
            .prepare_cached("UPDATE dates SET folded = ?2 WHERE date = ?1")?
            .execute([self.date.date, progress])?;
        Ok(self.damaged)
    }

    fn fold(&mut self, address: i64) -> Result<(), Trouble> {
        let date = self.date.date;
        let (checks, damaged) = checks(self.transaction, self.dates, address, (date - 1, date))?;
        self.damaged += damaged;
        if checks.is_empty() {
            return Ok(());
        }
        let spans = fold::spans(&checks, i64::MAX);
        // What the last check says of a day that is not recorded stands nowhere else.
        let last = if self.dates.contains_key(&(date + 1)) { date } else { date + 1 };
        for date in date..=last {
            let hours = fold::cells(&spans, date * DAY, HOUR, 24);
            if date > self.date.date && hours.iter().all(|hour| hour.known() == 0) {
                break;
            }
            let day = hours.iter().fold(Cell::default(), |mut day, hour| {
                day.add(hour);
                day
            });
            self.keep(&HOURS, (address, date), &hours)?;
            self.keep(&DAYS, (address, date), &[day])?;
        }
        Ok(())
    }

    /// Replaces the cells of a date.
    fn keep(
        &mut self,
        kept: &Kept,
        (address, date): (i64, i64),
        cells: &[Cell],
    ) -> Result<(), Trouble> {
        let block = date.div_euclid(kept.dates);
        let (mut all, whole) = kept.read(self.transaction, address, block)?;
        self.damaged += u64::from(!whole);
        let first = usize::try_from(date.rem_euclid(kept.dates)).unwrap_or_default() * cells.len();
        for (slot, cell) in all.iter_mut().skip(first).zip(cells) {
            *slot = *cell;
        }
        self.transaction.prepare_cached(kept.write)?.execute(params![
            address,
            block,
            pack(&all, kept.full)
        ])?;
        Ok(())
    }
}

/// A table of cells.
pub(super) struct Kept {
    read: &'static str,
    write: &'static str,
    /// Dates of a row.
    pub(super) dates: i64,
    /// Cells of a date.
    pub(super) cells: usize,
    /// Seconds of a cell.
    full: u32,
}

/// Cells of hours.
pub(super) const HOURS: Kept = Kept {
    read: "SELECT packed FROM hours WHERE address = ?1 AND block = ?2",
    write: "INSERT INTO hours (address, block, packed) VALUES (?1, ?2, ?3)
            ON CONFLICT (address, block) DO UPDATE SET packed = excluded.packed",
    dates: HOURS_BLOCK,
    cells: 24,
    full: HOUR,
};

/// Cells of days.
pub(super) const DAYS: Kept = Kept {
    read: "SELECT packed FROM days WHERE address = ?1 AND block = ?2",
    write: "INSERT INTO days (address, block, packed) VALUES (?1, ?2, ?3)
            ON CONFLICT (address, block) DO UPDATE SET packed = excluded.packed",
    dates: DAYS_BLOCK,
    cells: 1,
    full: DAY as u32,
};

impl Kept {
    fn count(&self) -> usize {
        usize::try_from(self.dates).unwrap_or_default() * self.cells
    }

    /// The cells of a block, and whether they could be read. All are unknown where there are none.
    pub(super) fn read(
        &self,
        connection: &Connection,
        address: i64,
        block: i64,
    ) -> Result<(Vec<Cell>, bool), Trouble> {
        let packed: Option<Vec<u8>> = connection
            .prepare_cached(self.read)?
            .query_row([address, block], |row| row.get(0))
            .optional()?;
        let cells = unpack(packed.as_deref().unwrap_or_default(), self.full, self.count());
        let is_whole = cells.is_ok();
        Ok((cells.unwrap_or_else(|_| vec![Cell::default(); self.count()]), is_whole))
    }
}

/// The checks of an address on a range of dates, in the order of dates and of recording, each with
/// the seconds for which it holds; and the number of dates of which a part could not be read.
pub(super) fn checks(
    connection: &Connection,
    dates: &BTreeMap<i64, DateRow>,
    address: i64,
    (first, last): (i64, i64),
) -> Result<(Vec<(Entry, i64)>, u64), Trouble> {
    let mut rows = connection.prepare_cached(
        "SELECT date, packed FROM checks WHERE address = ?1 AND date BETWEEN ?2 AND ?3 ORDER BY date",
    )?;
    let mut rows = rows.query([address, first, last])?;
    let (mut checks, mut damaged) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let (date, packed): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let hold = dates.get(&date).map_or(0, |row| row.hold);
        let (entries, whole) = read(date, &packed);
        damaged += u64::from(!whole);
        checks.extend(entries.into_iter().map(|entry| (entry, hold)));
    }
    Ok((checks, damaged))
}

/// Drops the checks of a date.
fn drop_checks(transaction: &Transaction<'_>, date: &DateRow) -> Result<(), Trouble> {
    let (_, progress) = chunk(transaction, date.dropped)?;
    transaction
        .prepare_cached("DELETE FROM checks WHERE address > ?1 AND address <= ?2 AND date = ?3")?
        .execute([date.dropped, progress, date.date])?;
    transaction
        .prepare_cached("UPDATE dates SET dropped = ?2 WHERE date = ?1")?
        .execute([date.date, progress])?;
    Ok(())
}

/// Forgets what is a year old, once for each new day.
fn sweep(
    transaction: &Transaction<'_>,
    dates: &BTreeMap<i64, DateRow>,
    newest: i64,
) -> Result<(), Trouble> {
    let year_ago = newest - YEAR;
    if forget_addresses(transaction, year_ago)? {
        return Ok(());
    }
    let kept = dates.values().filter(|row| row.number > year_ago);
    let blocks: BTreeSet<i64> = kept
        .flat_map(|row| [row.date, row.date + 1].map(|date| date.div_euclid(HOURS_BLOCK)))
        .collect();
    let gone = dates.values().filter(|row| row.number <= year_ago);
    for row in gone {
        let of = [row.date, row.date + 1].map(|date| date.div_euclid(HOURS_BLOCK));
        for block in of.into_iter().filter(|block| !blocks.contains(block)) {
            transaction.execute(
                "DELETE FROM hours WHERE block = ?1 AND address IN (SELECT id FROM addresses)",
                [block],
            )?;
        }
        transaction
            .execute("DELETE FROM dates WHERE date = ?1 AND dropped = ?2", [row.date, ALL])?;
    }
    transaction.execute("DELETE FROM changes WHERE number <= ?1", [year_ago])?;
    transaction.execute(
        "DELETE FROM reasons WHERE number <= ?1 AND id NOT IN (SELECT reason FROM changes)",
        [newest - CHECKS_KEPT],
    )?;
    transaction.execute("UPDATE progress SET swept = ?1", [newest])?;
    Ok(())
}

/// Forgets addresses that were not checked for a year, and hosts without addresses. Returns whether
/// there were any.
fn forget_addresses(transaction: &Transaction<'_>, year_ago: i64) -> Result<bool, Trouble> {
    let mut gone =
        transaction.prepare_cached("SELECT id FROM addresses WHERE number <= ?1 LIMIT ?2")?;
    let gone = gone
        .query_map([year_ago, CHUNK.into()], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    for address in &gone {
        for table in ["checks", "hours", "days", "changes"] {
            transaction
                .prepare_cached(&format!("DELETE FROM {table} WHERE address = ?1"))?
                .execute([address])?;
        }
        transaction.prepare_cached("DELETE FROM addresses WHERE id = ?1")?.execute([address])?;
    }
    if !gone.is_empty() {
        transaction
            .execute("DELETE FROM hosts WHERE id NOT IN (SELECT host FROM addresses)", [])?;
    }
    Ok(!gone.is_empty())
}
